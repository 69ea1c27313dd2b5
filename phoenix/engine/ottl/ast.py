"""The shape of a parsed statement. Positions are offsets into its source, for messages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Literal:
    """nil, bool, int, float, string or bytes."""

    value: bool | int | float | str | bytes | None
    at: int = 0


@dataclass(frozen=True, slots=True)
class EnumName:
    """A bare upper-case name; as an argument also the name of a function."""

    name: str
    at: int


@dataclass(frozen=True, slots=True)
class ListLiteral:
    """`[a, b]`."""

    items: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class MapLiteral:
    """`{"k": v}`."""

    items: tuple[tuple[str, Expression], ...]


@dataclass(frozen=True, slots=True)
class Field:
    """One step of a path: a name and the keys after it."""

    name: str
    keys: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Path:
    """`metric.name`, `attributes["k"]`."""

    fields: tuple[Field, ...]
    at: int

    def __str__(self) -> str:
        return ".".join(field.name + "[…]" * len(field.keys) for field in self.fields)


@dataclass(frozen=True, slots=True)
class Call:
    """A function call: positional arguments, named ones, and keys indexing its result."""

    name: str
    positional: tuple[Expression, ...]
    named: tuple[tuple[str, Expression], ...]
    keys: tuple[Expression, ...]
    at: int


@dataclass(frozen=True, slots=True)
class Math:
    """`left op right`, op one of + - * /."""

    op: str
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Negative:
    """`-value`: no literal, even before a number."""

    value: Expression


Expression: TypeAlias = Literal | EnumName | ListLiteral | MapLiteral | Path | Call | Math | Negative


@dataclass(frozen=True, slots=True)
class Compare:
    """`left op right`."""

    op: str
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Constant:
    """true, false, or a converter that gives a bool."""

    value: bool | Call


@dataclass(frozen=True, slots=True)
class Not:
    """`not x`."""

    inner: Condition


@dataclass(frozen=True, slots=True)
class Junction:
    """`and` (`all_of`) or `or` of two or more."""

    all_of: bool
    parts: tuple[Condition, ...]


Condition: TypeAlias = Compare | Constant | Not | Junction


@dataclass(frozen=True, slots=True)
class Statement:
    """An editor call and when it applies."""

    editor: Call
    where: Condition | None
