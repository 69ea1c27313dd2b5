"""Converters of lists and maps: Keys, Values, Index, Sort, ContainsValue, Coalesce, ExtractPatterns, ParseJSON."""

from __future__ import annotations

import orjson

from phoenix.engine.ottl.context import Context
from phoenix.engine.ottl.errors import OttlError, OttlSyntaxError
from phoenix.engine.ottl.functions.text import need_text
from phoenix.engine.ottl.paths import Getter
from phoenix.engine.ottl.patterns import Pattern
from phoenix.engine.ottl.signature import Function, by_identity, params
from phoenix.engine.ottl.values import Value, comparison, kind_name, text_of

_equal = comparison("==")


def _need_list(value: Value, name: str) -> list[Value]:
    if not isinstance(value, list):
        raise OttlError(f"{name} expects a list, not {kind_name(value)}")
    return value


def _need_map(value: Value, name: str) -> dict[str, Value]:
    if not isinstance(value, dict):
        raise OttlError(f"{name} expects a map, not {kind_name(value)}")
    return value


def _keys(target: Getter) -> Getter:
    return lambda context: list(_need_map(target(context), "Keys"))


def _values(target: Getter) -> Getter:
    return lambda context: list(_need_map(target(context), "Values").values())


def _contains_value(target: Getter, item: Getter) -> Getter:
    def get(context: Context) -> Value:
        wanted = item(context)
        return any(_equal(value, wanted) for value in _need_list(target(context), "ContainsValue"))

    return get


def _index(target: Getter, value: Getter) -> Getter:
    def get(context: Context) -> Value:
        where, wanted = target(context), value(context)
        if isinstance(where, str):
            return where.encode().find(need_text(wanted, "Index").encode())
        for position, item in enumerate(_need_list(where, "Index")):
            if _equal(item, wanted):
                return position
        return -1

    return get


def _sort(target: Getter, order: str | None) -> Getter:
    if order not in {None, "asc", "desc"}:
        raise OttlSyntaxError(f"invalid arguments: {order}. Order should be either 'asc' or 'desc'")

    def get(context: Context) -> Value:
        items = _need_list(target(context), "Sort")
        down = order == "desc"
        if all(type(item) in (int, float) for item in items):
            return sorted(items, key=float, reverse=down)  # type: ignore[arg-type]
        if any(isinstance(item, dict | list | bytes) for item in items):
            return items
        return sorted(items, key=lambda item: text_of(item) or "", reverse=down)

    return get


def _coalesce(values: Getter) -> Getter:
    def get(context: Context) -> Value:
        for value in _need_list(values(context), "Coalesce"):
            if value is not None:
                return value
        return None

    return get


def _extract_patterns(target: Getter, pattern: str) -> Getter:
    compiled = Pattern(pattern)
    if not compiled.names:
        msg = "at least 1 named capture group must be supplied in the given regex"
        raise OttlSyntaxError(msg)

    def get(context: Context) -> Value:
        groups = compiled.named_groups(need_text(target(context), "ExtractPatterns"))
        return dict(groups or {})

    return get


def _parse_json(target: Getter) -> Getter:
    def get(context: Context) -> Value:
        text = need_text(target(context), "ParseJSON")
        try:
            parsed: Value = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            raise OttlError(f"ParseJSON: {error}") from error
        if not isinstance(parsed, dict | list):
            raise OttlError(f"ParseJSON expects an object or array, not {kind_name(parsed)}")
        return _go_numbers(parsed)

    return get


def _go_numbers(value: Value) -> Value:
    """Every JSON number is a float in Go."""
    match value:
        case dict():
            return {key: _go_numbers(item) for key, item in value.items()}
        case list():
            return [_go_numbers(item) for item in value]
        case int() if not isinstance(value, bool):
            return float(value)
        case _:
            return value


COLLECTIONS = by_identity(
    Function("Keys", params("target:mapping"), _keys),
    Function("Values", params("target:mapping"), _values),
    Function("ContainsValue", params("target:items item:value"), _contains_value),
    Function("Index", params("target:value value:value"), _index),
    Function("Sort", params("target:value order:text?"), _sort),
    Function("Coalesce", params("values:some_values"), _coalesce),
    Function("ExtractPatterns", params("target:string pattern:text"), _extract_patterns),
    Function("ParseJSON", params("target:string"), _parse_json),
)
