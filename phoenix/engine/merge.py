"""Merging data points of one metric that became alike: what `aggregate_on_attributes` and its kin share.

Points merge when their attributes and times are equal (start times too for deltas; for histograms bounds or scale,
flags, and whether they have a minimum and maximum). The first point of a group takes the result; its start time becomes
the earliest. Summaries never merge.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any

from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality, Metric

from phoenix.engine.plan.trace import note_merge

FIRST = "first"
"""No aggregation: the first point's value stays."""
AGGREGATIONS = ("sum", "max", "min", "mean", "median", "count")


def value_key(value: AnyValue) -> Hashable:
    """Something that is equal for equal values of the same type."""
    kind = value.WhichOneof("value")
    if kind == "string_value":
        return value.string_value
    if kind is None or kind in {"array_value", "kvlist_value"}:
        return kind, value.SerializeToString(deterministic=True)
    return kind, getattr(value, kind)


def attributes_key(attributes: Iterable[Any]) -> Hashable:
    """A key for a set of attributes in whatever order: one encoding of each costs less than reading its fields."""
    return frozenset([pair.SerializeToString() for pair in attributes])


def _int_quotient(total: int, count: int) -> int:
    quotient = abs(total) // count
    return quotient if total >= 0 else -quotient


def _median_int(values: Sequence[int]) -> int:
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else _int_quotient(ordered[middle - 1] + ordered[middle], 2)


_OF_INTS: dict[str, Callable[[Sequence[int]], int]] = {
    "sum": sum, "max": max, "min": min, "count": len, "median": _median_int,
    "mean": lambda values: _int_quotient(sum(values), len(values)), FIRST: lambda values: values[0],
}  # fmt: skip
_OF_FLOATS: dict[str, Callable[[Sequence[float]], float]] = {
    "sum": sum, "max": max, "min": min, "count": len, "median": statistics.median,
    "mean": lambda values: sum(values) / len(values), FIRST: lambda values: values[0],
}  # fmt: skip


def _merge_numbers(group: list[Any], how: str) -> None:
    first = group[0]
    if first.WhichOneof("value") == "as_int":
        first.as_int = _OF_INTS[how]([_as_int(point) for point in group])
    else:
        first.as_double = float(_OF_FLOATS[how]([_as_double(point) for point in group]))


def _as_int(point: Any) -> int:
    return int(point.as_int) if point.WhichOneof("value") == "as_int" else int(point.as_double)


def _as_double(point: Any) -> float:
    return float(point.as_int if point.WhichOneof("value") == "as_int" else point.as_double)


def _merge_extremes(group: list[Any]) -> None:
    """Sum, minimum and maximum of histograms: all points of a group have the latter two, or none has."""
    first = group[0]
    for name, how in (("sum", sum), ("min", min), ("max", max)):
        if any(point.HasField(name) for point in group):
            setattr(first, name, how([getattr(point, name) for point in group]))


def _merge_histograms(group: list[Any], _how: str) -> None:
    first = group[0]
    _merge_extremes(_with_values(group))
    first.count = sum(point.count for point in group)
    counts = [sum(column) for column in zip(*[point.bucket_counts for point in group], strict=True)]
    first.bucket_counts[:] = counts
    for point in group[1:]:
        first.exemplars.extend(point.exemplars)


def _with_values(group: list[Any]) -> list[Any]:
    """The first point and those that counted anything: the minimum of nothing is none."""
    return [group[0], *(point for point in group[1:] if point.count)]


def _merge_exponential(group: list[Any], _how: str) -> None:
    first, *others = _with_values(group)
    _merge_extremes([first, *others])
    for point in others:
        first.count += point.count
        first.zero_count += point.zero_count
        for side in ("positive", "negative"):
            _merge_buckets(getattr(first, side), getattr(point, side))
        first.exemplars.extend(point.exemplars)


_MOST_BUCKETS = 1 << 20
"""With the empty ones between; SDKs send some hundred. More would be a sender's way to all of the memory."""


def _merge_buckets(into: Any, source: Any) -> None:
    """Add the buckets of the same scale. Raises ValueError where they are too far apart.

    NB: with unequal offsets this is what the Collector does, whose result is not always the sum: lower buckets are put
    before the others without the gap between them, and empty ones at the front go without the offset following.
    """
    counts, more = list(into.bucket_counts), list(source.bucket_counts)
    if source.offset < into.offset:
        counts = [count for count in more if count] + counts
    else:
        at = source.offset - into.offset
        if any(more):
            last = len(more) if at == 0 else max(index for index, count in enumerate(more) if count) + 1
            if at + last > _MOST_BUCKETS:
                msg = f"exponential histograms whose buckets are {at:,} apart cannot be added at one scale"
                raise ValueError(msg)
            counts += [0] * (at + last - len(counts))
        for index, count in enumerate(more):
            if count:
                counts[at + index] += count
    if source.offset != into.offset and more:
        into.offset = min(into.offset, source.offset)
        while counts and not counts[0]:
            del counts[0]
    into.bucket_counts[:] = counts


def _number_key(_point: Any) -> Hashable:
    return None


def _histogram_key(point: Any) -> Hashable:
    has = point.HasField("min"), point.HasField("max")
    return tuple(point.explicit_bounds), len(point.bucket_counts), *has, point.flags


def _exponential_key(point: Any) -> Hashable:
    return point.scale, point.HasField("min"), point.HasField("max"), point.flags


_KINDS: dict[str, tuple[Callable[[Any], Hashable], Callable[[list[Any], str], None]]] = {
    "gauge": (_number_key, _merge_numbers),
    "sum": (_number_key, _merge_numbers),
    "histogram": (_histogram_key, _merge_histograms),
    "exponential_histogram": (_exponential_key, _merge_exponential),
}


def merge_points(metric: Metric, how: str) -> None:
    """Merge all points of the metric that are alike now, in place.

    Args:
        metric: of any type; a summary is left as it is.
        how: one of AGGREGATIONS, or FIRST; histograms are summed whatever it is (callers refuse others for them).
    """
    kind = metric.WhichOneof("data")
    if kind not in _KINDS:
        return
    data = getattr(metric, kind)
    points = data.data_points
    with_start = kind != "gauge" and (
        data.aggregation_temporality == AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA
    )
    kind_key, merge = _KINDS[kind]
    if merge is not _merge_numbers:
        how = "sum"
    groups: dict[Hashable, list[Any]] = {}
    for point in points:
        key = (
            attributes_key(point.attributes),
            point.time_unix_nano,
            point.start_time_unix_nano if with_start else 0,
            kind_key(point),
        )
        groups.setdefault(key, []).append(point)
    if len(groups) < len(points):
        _merge_groups(points, groups, how, merge)


def _merge_groups(
    points: Any, groups: dict[Hashable, list[Any]], how: str, merge: Callable[[list[Any], str], None]
) -> None:
    kept = []
    for group in groups.values():
        if len(group) > 1:  # a point alone keeps its value, also where points are counted: as in the collector
            note_merge(group, how)
            merge(group, how)
            first = group[0]
            first.start_time_unix_nano = min(point.start_time_unix_nano for point in group)
        kept.append(group[0])
    if len(kept) < len(points):
        copies = [type(point).FromString(point.SerializeToString()) for point in kept]
        del points[:]
        points.extend(copies)
