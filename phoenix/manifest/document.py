"""One YAML document to JSON values and positions.

YAML 1.2 as JSON would have it: `yes` and `on` are text, times stay text, keys are text, a key given twice is a fault
rather than a guess. Built from the node graph, because loaders keep no places and let duplicates pass.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from ruamel.yaml.error import MarkedYAMLError, StreamMark, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from phoenix.manifest.composing import compose
from phoenix.manifest.errors import ManifestError
from phoenix.manifest.positions import Position

MAX_NODES = 200_000
"""Values in one document, aliases followed: a few nested ones can stand for billions."""

_TAG = "tag:yaml.org,2002:"
_HINTS = (
    ("'\\t'", "YAML allows no tabs here: indent with spaces"),
    ("mapping values are not allowed", "a wrong indent above, or text with ': ' in it that needs quotes"),
    ("could not find expected ':'", "a key without a colon, or text over several lines that needs quotes or |"),
    ("did not find expected '-' indicator", "list items must begin in the same column"),
    ("expected <block end>", "the indent differs from that of the lines above"),
    ("undefined alias", "an anchor (&name) must come before its alias (*name), in the same document"),
    ("found unknown escape", "in double quotes a backslash needs a backslash; single quotes take text as it is"),
    ("while scanning a quoted scalar", "a quote is not closed"),
)


@dataclass(frozen=True, slots=True)
class Document:
    """A document's value (any JSON value; None for an empty one) and the places in it."""

    value: Any
    positions: Position


def parse_document(text: str, source: str, first_line: int) -> tuple[Document | None, list[ManifestError]]:
    """Parse the text of one document, which begins at `first_line` of its file. About 1 s per MB: use a thread.

    Returns: the document, None where it cannot be read, and every fault found.
    """
    try:
        node = compose(text)
    except MarkedYAMLError as error:
        return None, [_syntax_error(error, source, first_line)]
    except YAMLError as error:
        return None, [ManifestError(source, first_line, 0, f"this is not YAML: {error}")]
    except RecursionError:
        return None, [ManifestError(source, first_line, 0, "the document is nested too deeply")]
    if node is None:
        return Document(None, Position(first_line, 1)), []
    builder = _Builder(source, first_line)
    document = Document(builder.build(node), builder.root)
    return (document if not builder.errors else None), builder.errors


def _syntax_error(error: MarkedYAMLError, source: str, first_line: int) -> ManifestError:
    # An open quote is found at the end of the text, which tells nobody which one it is.
    opened = "quoted scalar" in str(error.context)
    mark = error.context_mark if opened and error.context_mark else error.problem_mark or error.context_mark
    text = str(error.problem or error.context or error)
    known = f"{error.context or ''} {text}"
    hint = next((hint for sign, hint in _HINTS if sign in known), "")
    line, column = (first_line + mark.line, mark.column + 1) if mark else (first_line, 0)
    return ManifestError(source, line, column, f"this is not YAML: {text}", hint)


class _Fault(Exception):
    """A value that cannot be; the rest of the document is still looked at."""


class _Builder:
    """Values and positions from nodes; faults are collected."""

    def __init__(self, source: str, first_line: int) -> None:
        self.errors: list[ManifestError] = []
        self.root = Position(first_line, 1)
        self._source = source
        self._first_line = first_line
        self._nodes = 0
        self._open: list[Node] = []

    def build(self, node: Node) -> Any:
        self.root = self._place(node.start_mark)
        return self._value(node, self.root)

    def _place(self, mark: StreamMark) -> Position:
        return Position(self._first_line + mark.line, mark.column + 1)

    def _fault(self, mark: StreamMark, message: str, hint: str = "") -> None:
        place = self._place(mark)
        self.errors.append(ManifestError(self._source, place.line, place.column, message, hint))

    def _value(self, node: Node, place: Position) -> Any:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            if self._nodes == MAX_NODES + 1:
                self._fault(node.start_mark, f"the document has more than {MAX_NODES:,} values, aliases followed")
            return None
        if any(node is above for above in self._open):
            self._fault(node.start_mark, "this value contains itself, by an alias")
            return None
        self._open.append(node)
        try:
            return self._inside(node, place)
        finally:
            self._open.pop()

    def _inside(self, node: Node, place: Position) -> Any:
        if isinstance(node, MappingNode) and node.tag == f"{_TAG}map":
            return self._mapping(node, place)
        if isinstance(node, SequenceNode) and node.tag == f"{_TAG}seq":
            return self._sequence(node, place)
        try:
            return _scalar(node)
        except _Fault as fault:
            self._fault(node.start_mark, str(fault))
            return None

    def _sequence(self, node: SequenceNode, place: Position) -> list[Any]:
        values = []
        for index, item in enumerate(node.value):
            place.children[index] = self._place(item.start_mark)
            values.append(self._value(item, place.children[index]))
        return values

    def _mapping(self, node: MappingNode, place: Position) -> dict[str, Any]:
        values: dict[str, Any] = {}
        merged: list[Node] = []
        for key_node, value_node in node.value:
            if key_node.tag == f"{_TAG}merge":
                merged.append(value_node)
                continue
            key = self._key(key_node)
            if key is None:
                continue
            if key in values:
                first = place.children[key].line
                hint = f"it is first given on line {first}: keep one"
                self._fault(key_node.start_mark, f"the key {key!r} is given twice", hint)
                continue
            place.children[key] = self._place(key_node.start_mark)
            values[key] = self._value(value_node, place.children[key])
        for source in merged:
            self._merge(source, values, place)
        return values

    def _merge(self, node: Node, values: dict[str, Any], place: Position) -> None:
        """`<<: *base`: what is written in the mapping itself wins."""
        for base in node.value if isinstance(node, SequenceNode) else (node,):
            if not isinstance(base, MappingNode):
                self._fault(base.start_mark, "<< takes a mapping, or a list of them")
                continue
            inner = self._place(base.start_mark)
            inherited = self._value(base, inner)
            for key, value in (inherited or {}).items():
                if key not in values:
                    values[key] = value
                    place.children[key] = inner.children[key]

    def _key(self, node: Node) -> str | None:
        if not isinstance(node, ScalarNode):
            self._fault(node.start_mark, "a key must be text", "quote it, or check the braces")
            return None
        text = str(node.value)
        match str(node.tag).removeprefix(_TAG):
            case "null":
                self._fault(node.start_mark, "a key must not be null", 'quote it: "null"')
                return None
            case "bool":
                return text.lower()
            case _:
                return self._key_text(node, text)

    def _key_text(self, node: Node, text: str) -> str | None:
        try:
            return _text(text)
        except _Fault as fault:
            self._fault(node.start_mark, str(fault))
            return None


def _scalar(node: Node) -> Any:
    kind = str(node.tag).removeprefix(_TAG)
    convert = _SCALARS.get(kind) if isinstance(node, ScalarNode) else None
    if convert is None:
        raise _Fault(f"the tag !!{kind} means nothing in a manifest: write plain values")
    return convert(node.value)


def _text(value: str) -> str:
    # NB: JSON writes characters beyond 16 bits as two escapes, which a YAML reader takes for two characters.
    if any("\ud800" <= char <= "\udfff" for char in value):
        try:
            return value.encode("utf-16", "surrogatepass").decode("utf-16")
        except UnicodeDecodeError as error:
            raise _Fault("the text has half of a surrogate pair") from error
    return value


def _integer(value: str) -> int:
    plain = value.replace("_", "")
    base = 0 if plain.lstrip("+-")[:2].lower() in ("0x", "0o", "0b") else 10
    number = int(plain, base)
    if not -(2**63) <= number < 2**64:
        raise _Fault(f"{value} does not fit in 64 bits: quote it if it is text")
    return number


def _float(value: str) -> float:
    number = float(value.replace("_", "").lower().replace(".inf", "inf").replace(".nan", "nan"))
    if not math.isfinite(number):
        raise _Fault(f"{value} is no JSON number: quote it if it is text")
    return number


_SCALARS: dict[str, Callable[[str], Any]] = {
    "str": _text,
    "timestamp": str,
    "value": str,
    "merge": str,
    "int": _integer,
    "float": _float,
    "bool": lambda value: value.lower() == "true",
    "null": lambda _: None,
}


def split_documents(text: str) -> Iterable[tuple[int, str]]:
    """The documents of a stream as (first line, text), so that a fault in one does not hide those in the next.

    NB: `---` or `...` at the beginning of a line ends a document whatever is around it, also within text.
    """
    lines = re.findall(r"[^\n]*\n|[^\n]+", text)  # not splitlines, which ends lines where YAML does not
    start = 0
    for number, line in enumerate(lines):
        if line.startswith("---") and line[3:4] in ("", " ", "\t", "\n", "\r") and number > start:
            yield start + 1, "".join(lines[start:number])
            start = number
        elif line.startswith("...") and not line[3:].strip():
            yield start + 1, "".join(lines[start:number])
            start = number + 1
    if start < len(lines):
        yield start + 1, "".join(lines[start:])
