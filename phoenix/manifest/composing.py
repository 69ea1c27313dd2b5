"""Text of one document to YAML nodes: by libyaml where it is installed, else, and for every fault, in Python.

libyaml is ten times as fast, but says less of what is wrong; so what it refuses is read again by the parser that says
more, whose word counts. Plain scalars mean what YAML 1.2 says with both.
"""

from __future__ import annotations

from collections.abc import Hashable
from functools import lru_cache
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import Node
from ruamel.yaml.resolver import VersionedResolver

try:
    from _ruamel_yaml import CParser  # type: ignore[import-not-found]
except ImportError:  # no wheel for this machine: everything works, slower
    CParser = None

_DIFFER = ("\t", "\u0085", "\u2028", "\u2029", "%", "\ufeff")
"""What the two parsers read differently (tabs between tokens, line breaks of YAML 1.1, directives): left to Python."""


def compose(text: str) -> Node | None:
    """The node graph of the document; None for an empty one. Aliased nodes are the same object.

    Raises:
        YAMLError: it is not YAML.
        RecursionError: it is nested too deeply.
    """
    if CParser is not None and not any(sign in text for sign in _DIFFER):
        try:
            return _Quick(text).get_single_node()  # type: ignore[no-any-return]
        except (YAMLError, RecursionError, ValueError):
            pass
    reader = YAML(typ="safe", pure=True)
    reader.allow_duplicate_keys = True  # the builder finds them, all of them, with both places
    return reader.compose(text)  # type: ignore[no-any-return]


_RESOLVER = VersionedResolver((1, 2))


@lru_cache(maxsize=8192)
def _resolved(kind: Hashable, value: str | None, implicit: Any) -> Any:
    return _RESOLVER.resolve(kind, value, implicit)


class _Quick(CParser or object):  # type: ignore[misc]
    """libyaml's parser and composer with the resolver of YAML 1.2, whose answers are remembered."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._parser = self._composer = self

    def descend_resolver(self, current_node: Any, current_index: Any) -> None:
        """There are no resolvers by path."""

    def ascend_resolver(self) -> None:
        """There are no resolvers by path."""

    def resolve(self, kind: Any, value: str | None, implicit: Any) -> Any:
        """The tag of an untagged node."""
        return _resolved(kind, value, implicit)
