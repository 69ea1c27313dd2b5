r"""kubectl's JSONPath: its paths and templates as a tree, and what they find. Pure.

    template = { text | "{" { path | quoted | "range" path | "end" } "}" }
    path     = [ "$" | "@" ] { ".name" | ".*" | ".." | "[" inside "]" }
    inside   = "*" | quoted {"," quoted} | number {"," number} | from ":" to [":" step] | "?(" side [operator side] ")"

What a path does not find is nothing, not an error, as with kubectl's --allow-missing-template-keys.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

Step = Callable[[Any], Iterator[Any]]
"""From a value to those it leads to."""

_NAME = re.compile(r"(?:\\.|[^\s.\[\]{}()=!<>,'\"\\])+")
_SLICE = re.compile(r"\s*(-?\d*)\s*:\s*(-?\d*)\s*(?::\s*(-?\d*)\s*)?\]")
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?")
_OPERATOR = re.compile(r"\s*(==|!=|<=|>=|<|>)\s*")
_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq, "!=": operator.ne, "<=": operator.le, ">=": operator.ge, "<": operator.lt, ">": operator.gt,
}  # fmt: skip
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}


class PathError(ValueError):
    """The text is no path or template; the message says where and why."""


@dataclass(frozen=True, slots=True)
class Path:
    """Steps one after another."""

    steps: tuple[Step, ...] = ()

    def find(self, value: Any) -> list[Any]:
        """Every value it leads to."""
        found = [value]
        for step in self.steps:
            found = [below for at in found for below in step(at)]
        return found


@dataclass(frozen=True, slots=True)
class Range:
    """A body for each value of a path."""

    path: Path
    body: tuple[Node, ...]


Node = str | Path | Range


def parse_template(text: str) -> tuple[Node, ...]:
    """The nodes of a template. Raises PathError."""
    return _Parser(text).template()


def parse_path(text: str) -> Path:
    """A path by itself, with or without braces and the first dot. Raises PathError."""
    bare = text.strip()
    if bare.startswith("{") and bare.endswith("}"):
        bare = bare[1:-1].strip()
    if bare[:1] not in (".", "[", "$", "@", ""):
        bare = "." + bare
    parser = _Parser(bare)
    path = parser.path()
    if parser.at < len(bare):
        raise parser.fault(f"{bare[parser.at]!r} has no meaning here")
    return path


class _Parser:
    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0

    def fault(self, problem: str) -> PathError:
        return PathError(f"at character {self.at + 1}: {problem}")

    def _next(self) -> str:
        return self.text[self.at : self.at + 1]

    def _take(self, word: str) -> bool:
        if self.text.startswith(word, self.at):
            self.at += len(word)
            return True
        return False

    def _match(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        found = pattern.match(self.text, self.at)
        if found is not None:
            self.at = found.end()
        return found

    def _spaces(self) -> None:
        while self._next().isspace():
            self.at += 1

    # ---- templates --------------------------------------------------------------------------------------------------

    def template(self) -> tuple[Node, ...]:
        stack: list[tuple[Path | None, list[Node]]] = [(None, [])]
        while self.at < len(self.text):
            start = self.text.find("{", self.at)
            end = len(self.text) if start < 0 else start
            if end > self.at:
                stack[-1][1].append(self.text[self.at : end])
            self.at = end
            if self._take("{"):
                self._action(stack)
        if len(stack) > 1:
            raise PathError("{range} without {end}: write {range .items[*]}…{end}")
        return tuple(stack[0][1])

    def _action(self, stack: list[tuple[Path | None, list[Node]]]) -> None:
        while True:
            self._spaces()
            char = self._next()
            if not char:
                raise self.fault("a { is not closed: add }")
            if self._take("}"):
                return
            if char in "'\"":
                stack[-1][1].append(self._quoted())
            elif self._match(re.compile(r"range\s+")):
                stack.append((self.path(), []))
            elif self._match(re.compile(r"end(?=\s*\})")):
                path, body = stack.pop()
                if path is None:
                    raise self.fault("{end} without {range}: write {range .items[*]}…{end}")
                stack[-1][1].append(Range(path, tuple(body)))
            else:
                before = self.at
                stack[-1][1].append(self.path(bare=True))
                if self.at == before:
                    raise self.fault(f"{char!r} has no meaning here")

    # ---- paths ------------------------------------------------------------------------------------------------------

    def path(self, *, bare: bool = False) -> Path:
        """Up to the first character that is no part of it; `bare` lets it begin with a name."""
        steps: list[Step] = []
        if self._next() in ("$", "@"):
            self.at += 1
        elif bare and (found := self._match(_NAME)):
            steps.append(_key(_unescaped(found[0])))
        while True:
            if self._take(".."):
                steps.append(_everything)
                if self._next() not in ("[", "*", "") and (found := self._match(_NAME)):
                    steps.append(_key(_unescaped(found[0])))
            elif self._take("."):
                if self._take("*"):
                    steps.append(_children)
                elif found := self._match(_NAME):
                    steps.append(_key(_unescaped(found[0])))
                elif self._next() not in ("[", "", "}", " "):
                    raise self.fault("a field's name should follow the dot")
            elif self._take("["):
                steps.append(self._brackets())
            elif self._take("*"):
                steps.append(_children)
            else:
                return Path(tuple(steps))

    def _brackets(self) -> Step:
        self._spaces()
        if self._take("?("):
            return self._filter()
        if self._take("*"):
            self._close()
            return _children
        if self._next() in ("'", '"'):
            keys = [self._quoted()]
            while self._comma():
                keys.append(self._quoted())
            self._close()
            return _key(*keys)
        if found := self._match(_SLICE):
            start, stop, stride = (int(part) if part else None for part in found.groups())
            return _items(slice(start, stop, stride))
        numbers = [self._index()]
        while self._comma():
            numbers.append(self._index())
        self._close()
        return _items(*numbers)

    def _comma(self) -> bool:
        self._spaces()
        taken = self._take(",")
        self._spaces()
        return taken

    def _close(self) -> None:
        self._spaces()
        if not self._take("]"):
            raise self.fault("a [ is not closed: add ]")

    def _index(self) -> int:
        found = self._match(re.compile(r"-?\d+"))
        if found is None:
            raise self.fault("inside [] there should be a number, a quoted name, *, from:to or ?(…)")
        return int(found[0])

    def _filter(self) -> Step:
        left = self._side()
        compared = self._match(_OPERATOR)
        right = self._side() if compared else None
        self._spaces()
        if not self._take(")"):
            raise self.fault("a filter should end with ): write ?(@.type=='Ready')")
        self._close()
        return _matching(left, _OPERATORS[compared[1]] if compared else None, right)

    def _side(self) -> Path | str | float | bool:
        self._spaces()
        if self._next() in ("'", '"'):
            return self._quoted()
        if found := self._match(_NUMBER):
            return float(found[0])
        if found := self._match(re.compile(r"(true|false)\b")):
            return found[0] == "true"
        if self._next() not in ("@", "$", "."):
            raise self.fault("a filter compares fields such as @.type with texts or numbers")
        return self.path()

    def _quoted(self) -> str:
        quote = self._next()
        parts: list[str] = []
        if quote not in ("'", '"'):
            raise self.fault("a quoted name should follow")
        self.at += 1
        while char := self._next():
            self.at += 1
            if char == quote:
                return "".join(parts)
            if char == "\\":
                escaped = self._next()
                self.at += 1
                parts.append(_ESCAPES.get(escaped, escaped))
            else:
                parts.append(char)
        raise self.fault(f"a {quote} is not closed")


def _unescaped(name: str) -> str:
    return re.sub(r"\\(.)", r"\1", name)


# ---- steps ----------------------------------------------------------------------------------------------------------


def _key(*names: str) -> Step:
    def step(value: Any) -> Iterator[Any]:
        if isinstance(value, dict):
            yield from (value[name] for name in names if name in value)

    return step


def _items(*wanted: int | slice) -> Step:
    def step(value: Any) -> Iterator[Any]:
        if not isinstance(value, list):
            return
        for at in wanted:
            if isinstance(at, slice):
                yield from value[at] if at.step != 0 else ()
            elif -len(value) <= at < len(value):
                yield value[at]

    return step


def _children(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list):
        yield from value


def _everything(value: Any) -> Iterator[Any]:
    yield value
    for child in _children(value):
        yield from _everything(child)


def _matching(
    left: Path | str | float | bool,
    compare: Callable[[Any, Any], bool] | None,
    right: Path | str | float | bool | None,
) -> Step:
    def sides(side: Path | str | float | bool | None, item: Any) -> Sequence[Any]:
        return side.find(item) if isinstance(side, Path) else [side]

    def step(value: Any) -> Iterator[Any]:
        for item in _children(value):
            ones = sides(left, item)
            if compare is None:
                if ones:
                    yield item
            elif any(_holds(compare, one, other) for one in ones[:1] for other in sides(right, item)[:1]):
                yield item

    return step


def _holds(compare: Callable[[Any, Any], bool], one: Any, other: Any) -> bool:
    if isinstance(one, bool) != isinstance(other, bool):
        # NB: kubectl's filters write "True" of a condition as text, but some write true.
        one, other = (str(side).lower() if isinstance(side, bool) else side for side in (one, other))
    try:
        return bool(compare(one, other))
    except TypeError:
        return False
