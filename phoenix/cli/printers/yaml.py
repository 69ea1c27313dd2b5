"""YAML in block style, keys in the server's order."""

from __future__ import annotations

from collections.abc import Sequence
from io import StringIO
from typing import Any, TextIO

from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import LiteralScalarString

from phoenix.cli.printers.base import Page, as_one


class YamlPrinter:
    """One object, or a List."""

    wants_table = False
    prints_whole = True  # a watch event, where events are asked for

    def __init__(self) -> None:
        self._printed = False

    def print(self, pages: Sequence[Page], out: TextIO) -> None:
        """Print it; of a watch, documents."""
        out.write(("---\n" if self._printed else "") + to_yaml(as_one(pages)))
        self._printed = True


def to_yaml(value: Any) -> str:
    """JSON values as YAML, text of several lines as blocks."""
    writer = YAML()
    writer.default_flow_style = False
    writer.width = 4096
    writer.indent(mapping=2, sequence=4, offset=2)
    buffer = StringIO()
    writer.dump(_with_blocks(value), buffer)
    return buffer.getvalue()


def _with_blocks(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _with_blocks(child) for key, child in value.items()}
    if isinstance(value, list):
        return [_with_blocks(child) for child in value]
    # NB: only text without spaces before line ends: a block cannot hold those exactly.
    if isinstance(value, str) and "\n" in value and " \n" not in value and value.isprintable() is False:
        return LiteralScalarString(value)
    return value
