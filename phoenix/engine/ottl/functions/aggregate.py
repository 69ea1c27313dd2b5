"""Editors that aggregate the data points of one metric: the road to fewer series without losing totals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from phoenix.engine.merge import AGGREGATIONS, merge_points
from phoenix.engine.ottl.context import Context
from phoenix.engine.ottl.errors import OttlError, OttlSyntaxError
from phoenix.engine.ottl.paths import Getter
from phoenix.engine.ottl.signature import Editor, Function, by_identity, params
from phoenix.engine.ottl.values import from_any


def _aggregation(name: str) -> str:
    if name not in AGGREGATIONS:
        raise OttlSyntaxError(f"invalid aggregation function: {name!r}, it is one of {', '.join(AGGREGATIONS)}")
    return name


def _no_summaries(context: Context, name: str) -> None:
    if context.kind == "summary":
        raise OttlError(f"{name} does not aggregate summaries")


def _aggregate_on_attributes(function: str, attributes: list[str] | None) -> Editor:
    how = _aggregation(function)
    kept = None if attributes is None else frozenset(attributes)

    def edit(context: Context) -> None:
        _no_summaries(context, "aggregate_on_attributes")
        if context.kind is None:
            return
        if kept is not None:
            for point in context.points():
                _keep(point.attributes, kept)
        merge_points(context.metric, how)

    return edit


def _keep(field: Any, kept: frozenset[str]) -> None:
    """Drop every attribute with another key."""
    keys = [pair.key for pair in field]
    for index in range(len(keys) - 1, -1, -1):
        if keys[index] not in kept:
            del field[index]


def _aggregate_on_attribute_value(function: str, attribute: str, values: Getter, new_value: str) -> Editor:
    how = _aggregation(function)

    def edit(context: Context) -> None:
        _no_summaries(context, "aggregate_on_attribute_value")
        if context.kind is None:
            return
        listed = values(context)
        if not isinstance(listed, list):
            msg = "aggregate_on_attribute_value expects a list of values"
            raise OttlError(msg)
        for point in context.points():
            for pair in point.attributes:
                if pair.key == attribute and from_any(pair.value) in listed:
                    pair.value.string_value = new_value
        merge_points(context.metric, how)

    return edit


def _merge_histogram_buckets(bound: float, method: str | None) -> Editor:
    method = method or "remove_explicit_bound"
    ways: dict[str, Callable[[Any], None]] = {
        "remove_explicit_bound": lambda point: _remove_bound(point, bound),
        "limit_buckets": lambda point: _limit_buckets(point, int(bound)),
    }
    if method not in ways:
        raise OttlSyntaxError(f"invalid method {method!r}, it is one of {', '.join(ways)}")
    if method == "limit_buckets" and (bound != int(bound) or bound < 1):
        raise OttlSyntaxError(f"limit_buckets needs a whole number of buckets, 1 or more, not {bound}")
    change = ways[method]

    def edit(context: Context) -> None:
        if context.kind == "histogram":
            change(context.point)

    return edit


_EPSILON = 1e-12


def _remove_bound(point: Any, bound: float) -> None:
    bounds, counts = list(point.explicit_bounds), list(point.bucket_counts)
    for index, value in enumerate(bounds):
        if abs(value - bound) < _EPSILON and len(counts) == len(bounds) + 1:
            counts[index : index + 2] = [counts[index] + counts[index + 1]]
            del bounds[index]
            break
    else:
        return
    point.explicit_bounds[:] = bounds
    point.bucket_counts[:] = counts


def _limit_buckets(point: Any, limit: int) -> None:
    """Merge neighbouring pairs until no more than `limit` buckets are left."""
    bounds, counts = list(point.explicit_bounds), list(point.bucket_counts)
    while len(counts) > limit and len(counts) == len(bounds) + 1:
        counts = [sum(counts[index : index + 2]) for index in range(0, len(counts), 2)]
        bounds = bounds[1::2][: len(counts) - 1]
    if len(counts) < len(point.bucket_counts):
        point.explicit_bounds[:] = bounds
        point.bucket_counts[:] = counts


AGGREGATES = (
    *by_identity(
        Function(
            "aggregate_on_attributes",
            params("function:text attributes:texts?"),
            _aggregate_on_attributes,
            level="metric",
        ),
        Function(
            "aggregate_on_attribute_value",
            params("function:text attribute:text values:values newValue:text"),
            _aggregate_on_attribute_value,
            level="metric",
        ),
    ),
    Function(
        "merge_histogram_buckets", params("bound:signed method:text?"), _merge_histogram_buckets, level="datapoint"
    ),
)
