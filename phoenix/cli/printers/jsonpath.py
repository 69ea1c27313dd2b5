r"""kubectl's JSONPath templates: `{.items[*].metadata.name}`, `{range .items[*]}{.metadata.name}{"\n"}{end}`."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TextIO

from jsonpath_ng.ext.parser import parse as parse_path

from phoenix.cli.errors import UsageError
from phoenix.cli.printers.base import Page, as_one

_PIECES = re.compile(r"\{((?:[^{}\"']|\"(?:[^\"\\]|\\.)*\"|'[^']*')*)\}|([^{]+|\{)")
_BRACKETS = re.compile(r"(\[[^\]]*\])")
_KEY = re.compile(r"\.((?:\\.|[^.\\\[\]])+)")
_PLAIN_KEY = re.compile(r"[A-Za-z_]\w*|\*")


@dataclass(slots=True)
class _Node:
    """Text, a path, or a range over a path."""

    text: str = ""
    path: Any = None
    body: list[_Node] = field(default_factory=list)
    is_range: bool = False


def compile_path(text: str) -> Any:
    r"""A path such as `.status.conditions[?(@.type=="Ready")].status` or `.metadata.labels.phoenix\.io/run`.

    Raises UsageError.
    """
    bare = text.strip().removeprefix("{").removesuffix("}").strip().removeprefix("$").removeprefix("@")
    if bare and not bare.startswith((".", "[")):
        bare = "." + bare
    pieces = _BRACKETS.split(bare)  # every other one is in brackets, where dots mean something else
    bare = "".join(piece if at % 2 else _KEY.sub(_quoted, piece) for at, piece in enumerate(pieces))
    try:
        return parse_path("$" + bare)
    except Exception as error:
        raise UsageError(f"{text!r} is no JSONPath: {error}", "write it as {.status.phase}") from error


def _quoted(found: re.Match[str]) -> str:
    """A key as jsonpath_ng takes it: bare, it reads slashes, dashes and escaped dots as operators."""
    key = re.sub(r"\\(.)", r"\1", found[1])
    return f".{key}" if _PLAIN_KEY.fullmatch(key) else f"['{key}']"


def find_all(path: Any, value: Any) -> list[Any]:
    """Every value at a compiled path."""
    return [match.value for match in path.find(value)]


def as_text(value: Any) -> str:
    """A value as kubectl prints it: text bare, all else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


class JsonPathPrinter:
    """Fills in a template."""

    wants_table = False

    def __init__(self, template: str) -> None:
        self._nodes = _parse(template)

    def print(self, pages: Sequence[Page], out: TextIO) -> None:
        """Print it, with a line end if the template has none."""
        text = _fill(self._nodes, as_one(pages))
        out.write(text if text.endswith("\n") or not text else text + "\n")


def _parse(template: str) -> list[_Node]:
    root: list[_Node] = []
    stack = [root]
    for found in _PIECES.finditer(template if "{" in template else "{" + template + "}"):
        inside, literal = found[1], found[2]
        if inside is None:
            stack[-1].append(_Node(text=literal))
            continue
        word = inside.strip()
        if word.startswith("range "):
            node = _Node(path=compile_path(word.removeprefix("range ")), is_range=True)
            stack[-1].append(node)
            stack.append(node.body)
        elif word == "end":
            if len(stack) == 1:
                raise UsageError("{end} without {range}", "write {range .items[*]}…{end}")
            stack.pop()
        elif word[:1] in ("'", '"'):
            stack[-1].append(_Node(text=word[1:-1].encode().decode("unicode_escape")))
        else:
            stack[-1].append(_Node(path=compile_path(word)))
    if len(stack) > 1:
        raise UsageError("{range} without {end}", "write {range .items[*]}…{end}")
    return root


def _fill(nodes: Sequence[_Node], value: Any) -> str:
    parts = []
    for node in nodes:
        if node.path is None:
            parts.append(node.text)
        elif node.is_range:
            parts += [_fill(node.body, item) for item in find_all(node.path, value)]
        else:
            parts.append(" ".join(as_text(item) for item in find_all(node.path, value)))
    return "".join(parts)
