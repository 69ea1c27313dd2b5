r"""kubectl's JSONPath templates: `{.items[*].metadata.name}`, `{range .items[*]}{.metadata.name}{"\n"}{end}`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, TextIO

import orjson

from phoenix.cli.errors import UsageError
from phoenix.cli.printers.base import Page, as_one
from phoenix.cli.printers.jsonpathlang import Node, Path, PathError, Range, parse_path, parse_template


def compile_path(text: str) -> Path:
    r"""A path such as `.status.conditions[?(@.type=="Ready")].status` or `.metadata.labels.phoenix\.io/run`.

    Raises UsageError.
    """
    try:
        return parse_path(text)
    except PathError as error:
        raise UsageError(f"{text!r} is no JSONPath: {error}", "write it as {.status.phase}") from error


def find_all(path: Path, value: Any) -> list[Any]:
    """Every value at a compiled path."""
    return path.find(value)


def as_text(value: Any) -> str:
    """A value as kubectl prints it: text bare, nothing for null, all else as JSON."""
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, separators=(",", ":"), ensure_ascii=False)


class JsonPathPrinter:
    """Fills in a template."""

    wants_table = False

    def __init__(self, template: str) -> None:
        try:
            self._nodes = parse_template(template if "{" in template else "{" + template + "}")
        except PathError as error:
            hint = "write it as {.metadata.name}, or {range .items[*]}…{end}"
            raise UsageError(f"{template!r} is no JSONPath: {error}", hint) from error

    def print(self, pages: Sequence[Page], out: TextIO) -> None:
        """Print it, with a line end if the template has none."""
        text = fill(self._nodes, as_one(pages))
        out.write(text if text.endswith("\n") or not text else text + "\n")


class JsonPathAsJsonPrinter(JsonPathPrinter):
    """What the template's paths find, as a JSON list."""

    def print(self, pages: Sequence[Page], out: TextIO) -> None:
        """Print it."""
        found: list[Any] = []
        _collect(self._nodes, as_one(pages), found)
        out.write(orjson.dumps(found, option=orjson.OPT_INDENT_2).decode() + "\n")


def fill(nodes: Sequence[Node], value: Any) -> str:
    """The text of a template for a value."""
    parts = []
    for node in nodes:
        if isinstance(node, str):
            parts.append(node)
        elif isinstance(node, Range):
            parts += [fill(node.body, item) for item in node.path.find(value)]
        else:
            parts.append(" ".join(as_text(item) for item in node.find(value)))
    return "".join(parts)


def _collect(nodes: Sequence[Node], value: Any, found: list[Any]) -> None:
    for node in nodes:
        if isinstance(node, Path):
            found += node.find(value)
        elif isinstance(node, Range):
            for item in node.path.find(value):
                _collect(node.body, item, found)
