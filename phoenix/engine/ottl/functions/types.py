"""Converters about types: IsString, IsInt, …, and Int, Double, String, Bool, Len, Log."""

from __future__ import annotations

import math
from collections.abc import Callable

from phoenix.engine.ottl.context import Context
from phoenix.engine.ottl.errors import OttlError
from phoenix.engine.ottl.paths import Getter
from phoenix.engine.ottl.signature import Function, by_identity, params
from phoenix.engine.ottl.values import Time, Value, float_text, kind_name, text_of


def _is_kind(kind: type) -> Callable[[Getter], Getter]:
    def build(target: Getter) -> Getter:
        return lambda context: type(target(context)) is kind

    return build


def _one(convert: Callable[[Value], Value]) -> Callable[[Getter], Getter]:
    def build(target: Getter) -> Getter:
        def get(context: Context) -> Value:
            return convert(target(context))

        return get

    return build


def int_of(value: Value) -> Value:
    """The value read as an int64, nil where there is none in it.

    Raises:
        OttlError: it is of a type that is never read as one.
    """
    match value:
        case bool():
            return int(value)
        case int():
            return int(value)
        case float():
            return int(value) if math.isfinite(value) and abs(value) < 2**63 else None
        case str():
            return _int_of_text(value)
        case None:
            return None
        case _:
            raise OttlError(f"Int does not read a {kind_name(value)}")


def _int_of_text(text: str) -> int | None:
    digits = text.lstrip("+-")
    if not digits.isascii() or not digits.isdigit() or len(text) - len(digits) > 1:
        return None
    number = int(text)
    return number if -(2**63) <= number < 2**63 else None


def double_of(value: Value) -> Value:
    """The value read as a double, nil for nil.

    Raises:
        OttlError: it is none.
    """
    match value:
        case bool() | int() | float():
            return float(value)
        case str():
            return _double_of_text(value)
        case None:
            return None
        case _:
            raise OttlError(f"Double does not read a {kind_name(value)}")


def _double_of_text(text: str) -> float:
    try:
        if text.strip() == text:
            return float.fromhex(text) if text.lstrip("+-")[:2].lower() == "0x" else float(text)
    except (ValueError, OverflowError):
        pass
    raise OttlError(f"Double cannot read {text!r}")


def bool_of(value: Value) -> Value:
    """The value read as a bool, nil for nil.

    Raises:
        OttlError: it is none.
    """
    match value:
        case bool():
            return value
        case int() | float():
            return value != 0
        case str():
            if value in {"1", "t", "T", "true", "TRUE", "True"}:
                return True
            if value in {"0", "f", "F", "false", "FALSE", "False"}:
                return False
            raise OttlError(f"Bool cannot read {value!r}")
        case None:
            return None
        case _:
            raise OttlError(f"Bool does not read a {kind_name(value)}")


def _len(value: Value) -> Value:
    match value:
        case str():
            return len(value.encode())
        case list() | dict() | bytes():
            return len(value)
        case _:
            raise OttlError(f"Len does not count a {kind_name(value)}: give a string, list or map")


def _is_empty(value: Value) -> Value:
    """nil, nothing in it, zero or false; the moment 0 is a moment."""
    match value:
        case Time():
            return False
        case float():
            return value == 0 and math.copysign(1, value) > 0
        case _:
            return not value


def _log(value: Value) -> Value:
    number = double_of(value)
    if not isinstance(number, float):
        raise OttlError("Log: invalid input: nil")
    if number <= 0:
        raise OttlError(f"Log: invalid input: expected number greater than zero but got {float_text(number)}")
    return math.log(number)


def _string(value: Value) -> Value:
    return text_of(value)


_TARGET = params("target:value")

TYPES = by_identity(
    Function("IsString", params("target:string"), _is_kind(str)),
    Function("IsInt", params("target:integer"), _is_kind(int)),
    Function("IsDouble", params("target:double"), _is_kind(float)),
    Function("IsBool", params("target:boolean"), _is_kind(bool)),
    Function("IsMap", params("target:mapping"), _is_kind(dict)),
    Function("IsList", _TARGET, _is_kind(list)),
    Function("Int", _TARGET, _one(int_of)),
    Function("Double", params("target:double_like"), _one(double_of)),
    Function("Bool", params("target:bool_like"), _one(bool_of)),
    Function("String", _TARGET, _one(_string)),
    Function("Len", _TARGET, _one(_len)),
    Function("IsEmpty", _TARGET, _one(_is_empty)),
    Function("Log", params("target:double_like"), _one(_log)),
)
