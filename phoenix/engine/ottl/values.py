"""OTTL's values in Python, how they compare and calculate, and how they get in and out of OTLP's AnyValue.

Kinds: None (nil), bool, int (64 bits), float, str, bytes, list, dict, Time and Duration (nanoseconds).
"""

from __future__ import annotations

import base64
import json
import math
import operator
from collections.abc import Callable
from datetime import UTC, tzinfo
from decimal import Decimal
from typing import Any, TypeAlias

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from phoenix.engine.ottl.errors import OttlError
from phoenix.engine.ottl.zones import wall_clock

Value: TypeAlias = "bool | int | float | str | bytes | list[Value] | dict[str, Value] | Time | Duration | None"


class Time(int):
    """A moment, Unix nanoseconds, and the zone it is looked at from, which text and parts of a date are of."""

    zone: tzinfo = UTC

    @classmethod
    def seen_from(cls, unix_nano: int, zone: tzinfo) -> Time:
        """A moment with a zone other than UTC."""
        made = cls(unix_nano)
        made.zone = zone
        return made

    def moved(self, unix_nano: int) -> Time:
        """Another moment, looked at from the same zone."""
        return Time(unix_nano) if self.zone is UTC else Time.seen_from(unix_nano, self.zone)


class Duration(int):
    """A length of time, nanoseconds."""

    __slots__ = ()


class Counts(list[int]):
    """Bucket counts: unsigned in the collector, which has no attribute for them."""

    __slots__ = ()


def from_any(value: AnyValue) -> Value:
    """Read an AnyValue; one that is not set is nil."""
    kind = value.WhichOneof("value")
    if kind == "string_value":
        return value.string_value
    if kind is None:
        return None
    if kind == "array_value":
        return [from_any(item) for item in value.array_value.values]
    if kind == "kvlist_value":
        return {item.key: from_any(item.value) for item in value.kvlist_value.values}
    read: bool | int | float | bytes = getattr(value, kind)
    return read


def to_any(value: Value) -> AnyValue:
    """Make an AnyValue; a Time or Duration, which `storable` keeps out of attributes, would become its nanoseconds."""
    match value:
        case str():
            return AnyValue(string_value=value)
        case bool():
            return AnyValue(bool_value=value)
        case int():
            return AnyValue(int_value=int(value))
        case float():
            return AnyValue(double_value=value)
        case bytes():
            return AnyValue(bytes_value=value)
        case None:
            return AnyValue()
        case list():
            made = AnyValue()
            made.array_value.values.extend([to_any(item) for item in value])
            return made
        case dict():
            made = AnyValue()
            made.kvlist_value.values.extend([KeyValue(key=key, value=to_any(item)) for key, item in value.items()])
            return made


def storable(value: Value) -> Value:
    """The value, if an attribute can have it; of a map or list a copy, which later changes of it do not reach.

    Raises:
        OttlError: it is a Time, a Duration or bucket counts, for which OTLP has no place.
    """
    if isinstance(value, list) and type(value) is Counts:
        msg = "bucket counts cannot be an attribute: use Len(…)"
        raise OttlError(msg)
    match value:
        case Time() | Duration():
            raise OttlError(f"a {type(value).__name__} cannot be an attribute: use UnixNano(…) or Seconds(…)")
        case dict():
            return {key: storable(item) for key, item in value.items()}
        case list():
            return [storable(item) for item in value]
        case _:
            return value


def kind_name(value: Value) -> str:
    """What messages call a value's type."""
    names = {None.__class__: "nil", str: "string", float: "float64", int: "int64", dict: "map", list: "slice"}
    return names.get(type(value), type(value).__name__.lower())


_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
_SCALARS = frozenset({str, int, float, bool, bytes, Time, Duration})


def alike(left: Value, right: Value) -> bool:
    """Whether two maps or lists are equal, the types of all they hold included."""
    if type(left) is not type(right):
        return False
    match left, right:
        case dict(), dict():
            return left.keys() == right.keys() and all(alike(item, right[key]) for key, item in left.items())
        case list(), list():
            return len(left) == len(right) and all(map(alike, left, right))
        case _:
            return left == right


def comparison(op: str) -> Callable[[Value, Value], bool]:
    """The comparison for an operator; it never raises: what does not compare is unequal and in no order."""
    order = _ORDER[op]
    of_nils = op in {"==", "<=", ">="}
    of_unlike = op == "!="
    equality = op in {"==", "!="}

    def compare(left: Value, right: Value) -> bool:
        kind, other = type(left), type(right)
        if kind is other:
            if kind in _SCALARS:
                return order(left, right)
            if left is None:
                return of_nils
            return equality and alike(left, right) is (op == "==")
        if (kind is int and other is float) or (kind is float and other is int):
            return order(left, right)
        return of_unlike

    return compare


def _wrap(value: int) -> int:
    """Go's int64 arithmetic overflows silently."""
    return (value + 2**63) % 2**64 - 2**63


def _of_ints(op: str, left: int, right: int) -> int:
    if op == "+":
        return _wrap(left + right)
    if op == "-":
        return _wrap(left - right)
    if op == "*":
        return _wrap(left * right)
    if right == 0:
        msg = "attempted to divide by 0"
        raise OttlError(msg)
    quotient = abs(left) // abs(right)
    return quotient if (left < 0) == (right < 0) else -quotient


def _of_floats(op: str, left: float, right: float) -> float:
    if op == "/":
        if right == 0:
            msg = "attempted to divide by 0"
            raise OttlError(msg)
        return left / right
    return left + right if op == "+" else left - right if op == "-" else left * right


def calculate(op: str, left: Value, right: Value) -> Value:
    """`left op right` for numbers (an int with a float is a float), or times and durations with + and -.

    Raises:
        OttlError: any other pair, or a division by zero.
    """
    if type(left) is int and type(right) is int:
        return _of_ints(op, left, right)
    if type(left) is float and type(right) is float:
        return _of_floats(op, left, right)
    if {type(left), type(right)} == {int, float}:
        return _of_floats(op, float(left), float(right))  # type: ignore[arg-type]
    match left, right:
        case Time(), Time() if op == "-":
            return Duration(int(left) - int(right))
        case Time(), Duration() if op in "+-":
            return left.moved(int(left) + int(right) if op == "+" else int(left) - int(right))
        case Duration(), Time() if op == "+":
            return right.moved(int(left) + int(right))
        case Duration(), Duration() if op in "+-":
            return Duration(int(left) + int(right) if op == "+" else int(left) - int(right))
    raise OttlError(f"{kind_name(left)} {op} {kind_name(right)} is no calculation: convert with Int(…) or Double(…)")


def negative(value: Value) -> Value:
    """`-value` of a number.

    Raises:
        OttlError: it is none.
    """
    if type(value) is int:
        return _wrap(-value)
    if type(value) is float:
        return -value
    raise OttlError(f"a {kind_name(value)} cannot be negated")


def float_text(value: float) -> str:
    """A float as OTTL writes it in text: the shortest digits that read back, never with an exponent."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return format(Decimal(repr(value)), "f").removesuffix(".0")


def text_of(value: Value) -> str | None:
    """A value as text, as string-like getters see it; nil stays nil."""
    match value:
        case None | str():
            return value
        case bool():
            return "true" if value else "false"
        case Time():
            return f'"{time_text(value)}"'
        case Duration():
            return str(int(value))
        case float():
            return float_text(value)
        case int():
            return str(value)
        case bytes():
            return value.hex()
        case _:
            text = json.dumps(_jsonable(value), separators=(",", ":"), ensure_ascii=False, sort_keys=True)
            return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")  # as Go does for HTML


def as_string(value: Value) -> str:
    """A value as text, as attributes give it: nil is empty, bytes are base64, large and tiny floats have exponents."""
    match value:
        case None:
            return ""
        case bytes():
            return base64.b64encode(value).decode()
        case float() if not math.isfinite(value):
            return f"json: unsupported value: {float_text(value)}"
        case float() if value and not 1e-6 <= abs(value) < 1e21:
            return repr(value).replace("e-0", "e-")
        case _:
            return text_of(value) or ""


def time_text(moment: Time) -> str:
    """A moment as RFC 3339 in its zone, with as many digits of a second as it needs.

    Raises:
        OttlError: its year has not four digits.
    """
    try:
        shown, rest = wall_clock(int(moment), moment.zone)
    except ValueError as error:
        raise OttlError(str(error)) from error
    text = shown.isoformat()
    text, offset = (text[:19], text[19:]) if shown.utcoffset() else (text[:19], "Z")
    return (f"{text}.{rest:09d}".rstrip("0") if rest else text) + offset


def _jsonable(value: Value) -> object:
    match value:
        case dict():
            return {key: _jsonable(item) for key, item in value.items()}
        case list():
            return [_jsonable(item) for item in value]
        case bytes():
            return base64.b64encode(value).decode()
        case float() if value.is_integer() and abs(value) < 1e21:
            return int(value)
        case Time():
            return time_text(value)
        case _:
            return value
