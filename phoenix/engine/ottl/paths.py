"""Paths: how a name such as `metric.unit` or `attributes["k"]` is read and written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from phoenix.engine.ottl.context import LEVELS, Attributes, Context
from phoenix.engine.ottl.errors import OttlError, OttlSyntaxError
from phoenix.engine.ottl.values import Counts, Time, Value, kind_name, storable

Getter = Callable[[Context], Value]
Setter = Callable[[Context, Value], None]
TYPE_NUMBERS = {None: 0, "gauge": 1, "sum": 2, "histogram": 3, "exponential_histogram": 4, "summary": 5}
_WITH_TEMPORALITY = frozenset({"sum", "histogram", "exponential_histogram"})


@dataclass(frozen=True, slots=True)
class Access:
    """How to read and, where allowed, write a path; `attributes` where the path is a whole attribute map."""

    get: Getter
    set: Setter | None
    attributes: Callable[[Context], Attributes] | None = None
    key: str | None = None
    """with `attributes`: this path is one key of that map"""


def _want(value: Value, kind: type, name: str) -> Any:
    if type(value) is not kind:
        raise OttlError(f"{name} expects {kind.__name__}, not {kind_name(value)}")
    return value


def _plain(owner: Callable[[Context], Any], name: str, kind: type, label: str) -> Access:
    """A scalar field of a message."""

    def write(context: Context, value: Value) -> None:
        setattr(owner(context), name, _want(value, kind, label))

    return Access(lambda context: getattr(owner(context), name), write)


def _moment(name: str) -> Access:
    def write(context: Context, value: Value) -> None:
        setattr(context.point, name, int(_want(value, Time, name)))

    return Access(lambda context: Time(getattr(context.point, name)), write)


def _number(name: str, kind: type) -> Access:
    """value_int or value_double: zero on points of the other type; writing changes the type."""

    def read(context: Context) -> Value:
        value: Value = getattr(context.point, name, None)
        return value

    def write(context: Context, value: Value) -> None:
        setattr(_that_has(context, name), name, _want(value, kind, f"value_{kind.__name__}"))

    return Access(read, write)


def _that_has(context: Context, name: str) -> Any:
    """The point, which must be of a type that has the field."""
    if not hasattr(context.point, name):
        raise OttlError(f"a data point of a {context.kind} has no {name.removeprefix('as_')} to set")
    return context.point


def _of_point(name: str, kind: type) -> Access:
    """A field that only some types of data point have: nil on others."""

    def read(context: Context) -> Value:
        point = context.point
        if not hasattr(point, name):
            return None
        value = getattr(point, name)
        if kind is list:
            counts: Value = Counts(value) if name == "bucket_counts" else list(value)  # type: ignore[assignment]
            return counts
        read: Value = value
        return read

    def write(context: Context, value: Value) -> None:
        point = _that_has(context, name)
        if kind is list:
            field = getattr(point, name)
            del field[:]
            field.extend(_want(value, list, name))
        else:
            setattr(point, name, _want(value, kind, name))

    return Access(read, write)


def _temporality_read(context: Context) -> Value:
    if context.kind not in _WITH_TEMPORALITY:
        return None
    value: int = getattr(context.metric, context.kind).aggregation_temporality
    return int(value)


def _temporality_write(context: Context, value: Value) -> None:
    number = _want(value, int, "aggregation_temporality")
    if context.kind in _WITH_TEMPORALITY:
        getattr(context.metric, str(context.kind)).aggregation_temporality = number


def _monotonic_write(context: Context, value: Value) -> None:
    flag = _want(value, bool, "is_monotonic")
    if context.kind == "sum":
        context.metric.sum.is_monotonic = flag


def _read_only(read: Getter) -> Access:
    return Access(read, None)


def _quantiles(context: Context) -> Value:
    values = getattr(context.point, "quantile_values", None)
    return None if values is None else [{"quantile": item.quantile, "value": item.value} for item in values]


def _attributes(of: Callable[[Context], Attributes]) -> Access:
    def write(context: Context, value: Value) -> None:
        of(context).replace(dict(_want(value, dict, "attributes")))

    return Access(lambda context: of(context).values, write, of)


def _resource(context: Context) -> Any:
    return context.resource.resource


def _scope(context: Context) -> Any:
    return context.scope.scope


def _metric(context: Context) -> Any:
    return context.metric


def _point(context: Context) -> Any:
    return context.point


_FIELDS: dict[str, dict[str, Access]] = {
    "resource": {
        "attributes": _attributes(lambda context: context.resource_attributes),
        "dropped_attributes_count": _plain(_resource, "dropped_attributes_count", int, "dropped_attributes_count"),
        "schema_url": _plain(lambda context: context.resource, "schema_url", str, "resource.schema_url"),
    },
    "scope": {
        "attributes": _attributes(lambda context: context.scope_attributes),
        "name": _plain(_scope, "name", str, "scope.name"),
        "version": _plain(_scope, "version", str, "scope.version"),
        "dropped_attributes_count": _plain(_scope, "dropped_attributes_count", int, "dropped_attributes_count"),
        "schema_url": _plain(lambda context: context.scope, "schema_url", str, "scope.schema_url"),
    },
    "metric": {
        "name": _plain(_metric, "name", str, "metric.name"),
        "description": _plain(_metric, "description", str, "metric.description"),
        "unit": _plain(_metric, "unit", str, "metric.unit"),
        "type": _read_only(lambda context: TYPE_NUMBERS[context.kind]),
        "aggregation_temporality": Access(_temporality_read, _temporality_write),
        "is_monotonic": Access(
            lambda context: context.metric.sum.is_monotonic if context.kind == "sum" else None, _monotonic_write
        ),
        "data_points": _read_only(lambda context: list(context.points())),
    },
    "datapoint": {
        "attributes": _attributes(lambda context: context.point_attributes),
        "time": _moment("time_unix_nano"),
        "start_time": _moment("start_time_unix_nano"),
        "time_unix_nano": _plain(_point, "time_unix_nano", int, "time_unix_nano"),
        "start_time_unix_nano": _plain(_point, "start_time_unix_nano", int, "start_time_unix_nano"),
        "value_int": _number("as_int", int),
        "value_double": _number("as_double", float),
        "flags": _plain(_point, "flags", int, "flags"),
        "count": _of_point("count", int),
        "sum": _of_point("sum", float),
        "bucket_counts": _of_point("bucket_counts", list),
        "explicit_bounds": _of_point("explicit_bounds", list),
        "scale": _of_point("scale", int),
        "zero_count": _of_point("zero_count", int),
        "quantile_values": _read_only(_quantiles),
    },
}


OF_VALUES = frozenset(
    {("metric", "data_points")}
    | {
        ("datapoint", name)
        for name in _FIELDS["datapoint"]
        if name not in {"attributes", "flags", "explicit_bounds", "scale"}
    }
)
"""Paths to what changes from one payload of a sender to the next: times and values."""


def level_of(name: str) -> str | None:
    """The context a path's first word names, None if it is no context."""
    return "scope" if name == "instrumentation_scope" else name if name in LEVELS else None


def resolve(names: Sequence[str], level: str, text: str) -> Access:
    """The access for the fields of a path, its context word taken off.

    Raises:
        OttlSyntaxError: that context has no such path.
    """
    if len(names) == 1 and names[0] == "cache":
        return _cache(level)
    access = _FIELDS[level].get(names[0]) if len(names) == 1 else None
    if access is None:
        known = ", ".join(paths_of(level))
        raise OttlSyntaxError(
            f'segment "{".".join(names)}" from path "{text}" is not a valid path nor a valid OTTL keyword for the '
            f"{level} context (it has: {known})"
        )
    return access


def paths_of(level: str) -> list[str]:
    """The first words of paths of a context."""
    return sorted([*_FIELDS[level], "cache"])


def _cache(level: str) -> Access:
    def write(context: Context, value: Value) -> None:
        context.caches[level] = dict(_want(value, dict, "cache"))

    return Access(lambda context: context.caches[level], write)


def indexed(access: Access, keys: Sequence[Getter], literal: Value) -> Access:
    """The access for `path[key]…`; `literal` is the key where there is one alone that is known beforehand."""
    if len(keys) == 1 and isinstance(literal, str) and access.attributes is not None:
        return _one_attribute(access.attributes, literal)

    def read(context: Context) -> Value:
        value = access.get(context)
        for key in keys:
            value = _item(value, key(context))
            if value is None:
                return None
        return value

    def write(context: Context, value: Value) -> None:
        holder = access.get(context)
        for key in keys[:-1]:
            step = key(context)
            inner = _item(holder, step)
            if inner is None and isinstance(holder, dict) and isinstance(step, str):
                inner = holder[step] = {}
            holder = inner
        if access.attributes is not None:
            value = storable(value)
            access.attributes(context).changed = True
        _put(holder, keys[-1](context), value)

    return Access(read, write)


def _one_attribute(of: Callable[[Context], Attributes], key: str) -> Access:
    def read(context: Context) -> Value:
        return of(context).values.get(key)

    def write(context: Context, value: Value) -> None:
        attributes = of(context)
        if attributes.values.get(key) != value or type(attributes.values[key]) is not type(value):
            if value is attributes.values:  # a map put into itself holds itself empty
                value = {**attributes.values, key: {}}
            attributes.values[key] = storable(value)
            attributes.changed = True

    return Access(read, write, of, key)


def _item(value: Value, key: Value) -> Value:
    match value, key:
        case None, _:
            return None
        case dict(), str():
            return value.get(key)
        case list(), int() if not isinstance(key, bool):
            if 0 <= key < len(value):
                return value[key]
            raise OttlError(f"index {key} out of bounds of a list of {len(value)}")
    raise OttlError(f"a {kind_name(value)} cannot be indexed by a {kind_name(key)}")


def _put(holder: Value, key: Value, value: Value) -> None:
    match holder, key:
        case dict(), str():
            holder[key] = value
        case list(), int() if 0 <= key < len(holder):
            holder[key] = value
        case _:
            raise OttlError(f"a {kind_name(holder)} cannot be set at a {kind_name(key)}")
