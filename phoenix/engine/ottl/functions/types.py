"""Converters about types: IsString, IsInt, …, and Int, Double, String, Bool, Len."""

from __future__ import annotations

import math
from collections.abc import Callable

from phoenix.engine.ottl.context import Context
from phoenix.engine.ottl.errors import OttlError
from phoenix.engine.ottl.paths import Getter
from phoenix.engine.ottl.signature import Function, by_identity, params
from phoenix.engine.ottl.values import Duration, Time, Value, kind_name, text_of


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


def _int(value: Value) -> Value:
    """An int64, nil where there is none."""
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


def _double(value: Value) -> Value:
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


def _bool(value: Value) -> Value:
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
    Function("IsTime", _TARGET, _is_kind(Time)),
    Function("IsDuration", _TARGET, _is_kind(Duration)),
    Function("Int", _TARGET, _one(_int)),
    Function("Double", _TARGET, _one(_double)),
    Function("Bool", _TARGET, _one(_bool)),
    Function("String", _TARGET, _one(_string)),
    Function("Len", _TARGET, _one(_len)),
)
