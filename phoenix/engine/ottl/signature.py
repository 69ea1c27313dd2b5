"""What a function of OTTL is: its name, its parameters, and how it becomes a closure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Any

from phoenix.engine.ottl.context import Attributes, Context
from phoenix.engine.ottl.errors import OttlError
from phoenix.engine.ottl.paths import Access, Getter
from phoenix.engine.ottl.values import Value, kind_name


class Kind(Enum):
    """What an argument must be, and what the builder gets for it."""

    VALUE = auto()
    """any expression → Getter"""
    VALUES = auto()
    """a list in brackets → Getter of a list"""
    STRING = auto()
    """any expression but a literal of another type → Getter; so, too, the following"""
    STRINGS = auto()
    """a list of strings → list[str] where all are literals, otherwise a Getter of a list"""
    SOME_VALUES = auto()
    """a list in brackets that is not empty → Getter of a list"""
    DOUBLE_LIKE = auto()
    """what can be read as a double → Getter; a literal that cannot be is refused beforehand; so, too, BOOL_LIKE"""
    BOOL_LIKE = auto()
    INTEGER = auto()
    DOUBLE = auto()
    BOOLEAN = auto()
    MAPPING = auto()
    ITEMS = auto()
    MOMENT = auto()
    LENGTH = auto()
    TARGET = auto()
    """a path that can be written → Access"""
    MAP = auto()
    """a path to a map → MapTarget"""
    TEXT = auto()
    """a string literal → str"""
    TEXTS = auto()
    """a list of string literals → list[str]"""
    KEY = auto()
    """a string → str where it is a literal, otherwise a Getter"""
    INT = auto()
    """an integer literal → int"""
    FLOAT = auto()
    """a literal with a dot → float"""
    SIGNED = auto()
    """the same, perhaps with a minus → float"""
    FLOATS = auto()
    """a list of such → list[float]"""
    BOOL = auto()
    """true or false → bool"""
    FUNCTION = auto()
    """the name of a converter of one argument → Callable[[Value], Value]"""


@dataclass(frozen=True, slots=True)
class Param:
    """One parameter; an optional one that is left out reaches the builder as None."""

    name: str
    kind: Kind
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Function:
    """An editor (lower case) or converter (upper case).

    `build` gets one value a parameter, in order, and gives the closure; it raises OttlSyntaxError on bad literals.
    `level`: the only context it works in, None for every one.
    `by_identity`: its result depends on its arguments alone, and it does nothing to times and values but add them up.
    """

    name: str
    params: tuple[Param, ...]
    build: Callable[..., Any]
    level: str | None = None
    by_identity: bool = False


def by_identity(*functions: Function) -> tuple[Function, ...]:
    """The functions, marked as such that depend on their arguments alone: no clock, no chance, no memory."""
    return tuple(replace(function, by_identity=True) for function in functions)


def params(text: str) -> tuple[Param, ...]:
    """Parameters from `name:kind name:kind?`, a question mark making one optional."""
    made = []
    for word in text.split():
        name, _, kind = word.partition(":")
        made.append(Param(name, Kind[kind.rstrip("?").upper()], kind.endswith("?")))
    return tuple(made)


class MapTarget:
    """A map that a function edits in place."""

    __slots__ = ("_access",)

    def __init__(self, access: Access) -> None:
        self._access = access

    def values(self, context: Context) -> dict[str, Value]:
        """The map itself.

        Raises:
            OttlError: the path leads to something else.
        """
        value = self._access.get(context)
        if not isinstance(value, dict):
            raise OttlError(f"expected a map, not {kind_name(value)}")
        return value

    def changed(self, context: Context) -> None:
        """Must be called after a change."""
        if self._access.attributes is not None:
            owner: Attributes = self._access.attributes(context)
            owner.changed = True


Editor = Callable[[Context], None]

__all__ = ["Editor", "Function", "Getter", "Kind", "MapTarget", "Param", "by_identity", "params"]
