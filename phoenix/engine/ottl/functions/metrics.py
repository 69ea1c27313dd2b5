"""Editors of whole metrics (conversion, scaling, copying, extraction) and converters that look into their points."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality, Metric

from phoenix.engine.ottl.context import Context
from phoenix.engine.ottl.errors import OttlError, OttlSyntaxError
from phoenix.engine.ottl.paths import Getter
from phoenix.engine.ottl.signature import Editor, Function, by_identity, params
from phoenix.engine.ottl.values import Value

_TEMPORALITIES = {
    "delta": AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA,
    "cumulative": AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE,
}


def _temporality(name: str) -> Any:
    if name not in _TEMPORALITIES:
        raise OttlSyntaxError(f"unknown aggregation temporality: {name}")
    return _TEMPORALITIES[name]


def _copies(points: Any) -> list[Any]:
    """Points that survive when the data they are in is replaced by another type's."""
    return [type(point).FromString(point.SerializeToString()) for point in points]


def _convert_sum_to_gauge() -> Editor:
    def edit(context: Context) -> None:
        if context.kind == "sum":
            points = _copies(context.metric.sum.data_points)
            context.metric.gauge.data_points.extend(points)
            context.kind = "gauge"

    return edit


def _convert_gauge_to_sum(aggregation_temporality: str, is_monotonic: bool) -> Editor:
    temporality = _temporality(aggregation_temporality)

    def edit(context: Context) -> None:
        if context.kind == "gauge":
            points = _copies(context.metric.gauge.data_points)
            context.metric.sum.data_points.extend(points)
            context.metric.sum.aggregation_temporality = temporality
            context.metric.sum.is_monotonic = is_monotonic
            context.kind = "sum"

    return edit


def _scale_metric(factor: float, unit: str | None) -> Editor:
    def edit(context: Context) -> None:
        if context.kind == "exponential_histogram" or context.kind is None:
            raise OttlError(f"scale_metric cannot scale a metric of type {context.kind or 'none'}")
        for point in context.points():
            _scale_point(context.kind, point, factor)
        if unit is not None:
            context.metric.unit = unit

    return edit


def _scale_point(kind: str, point: Any, factor: float) -> None:
    if kind in {"gauge", "sum"}:
        if point.WhichOneof("value") == "as_int":
            point.as_int = int(point.as_int * factor)  # what is whole stays whole, as in the collector
        else:
            point.as_double *= factor
    elif kind == "histogram":
        for name in ("sum", "min", "max"):
            if point.HasField(name):
                setattr(point, name, getattr(point, name) * factor)
        point.explicit_bounds[:] = [bound * factor for bound in point.explicit_bounds]
    else:
        point.sum *= factor
        for quantile in point.quantile_values:
            quantile.value *= factor


def _copy_metric(name: Getter | None, description: Getter | None, unit: Getter | None) -> Editor:
    def edit(context: Context) -> None:
        copy = context.scope.metrics.add()
        copy.CopyFrom(context.metric)
        for field, get in (("name", name), ("description", description), ("unit", unit)):
            if get is not None and isinstance(text := get(context), str):
                setattr(copy, field, text)

    return edit


def _new_sum(context: Context, suffix: str, monotonic: bool, unit: str) -> Metric:
    """A metric of the same scope to extract into; cumulative unless the original is a delta."""
    metric = context.metric
    made: Metric = context.scope.metrics.add(name=metric.name + suffix, description=metric.description, unit=unit)
    made.sum.is_monotonic = monotonic
    made.sum.aggregation_temporality = (
        _TEMPORALITIES["cumulative"]
        if context.kind == "summary"
        else getattr(metric, str(context.kind)).aggregation_temporality
    )
    return made


def _extracted(point: Any, target: Any) -> Any:
    made = target.sum.data_points.add(
        time_unix_nano=point.time_unix_nano, start_time_unix_nano=point.start_time_unix_nano
    )
    made.attributes.extend(point.attributes)
    return made


_DISTRIBUTIONS = frozenset({"histogram", "exponential_histogram", "summary"})


def _extract(what: str, kinds: frozenset[str], default_suffix: str) -> Callable[[bool, str | None], Editor]:
    def build(monotonic: bool, suffix: str | None) -> Editor:
        def edit(context: Context) -> None:
            if context.kind not in kinds:
                if len(kinds) == 1:
                    return  # convert_summary_…: other types are left alone
                raise OttlError(f"extract_{what}_metric wants a histogram or summary, not {context.kind or 'no data'}")
            points = [
                point
                for point in context.points()
                if what == "count" or context.kind == "summary" or point.HasField("sum")
            ]
            if not points:
                return
            unit = "1" if what == "count" and len(kinds) > 1 else context.metric.unit
            target = _new_sum(context, default_suffix if suffix is None else suffix, monotonic, unit)
            for point in points:
                made = _extracted(point, target)
                if what == "count":
                    made.as_int = point.count
                else:
                    made.as_double = point.sum

        return edit

    return build


def _convert_summary(what: str) -> Callable[[str, bool, str | None], Editor]:
    extract = _extract(what, frozenset({"summary"}), f"_{what}")

    def build(temporality: str, monotonic: bool, suffix: str | None) -> Editor:
        wanted, inner = _temporality(temporality), extract(monotonic, suffix)

        def edit(context: Context) -> None:
            before = len(context.scope.metrics)
            inner(context)
            if len(context.scope.metrics) > before:
                context.scope.metrics[-1].sum.aggregation_temporality = wanted

        return edit

    return build


def _has_attribute_key(key: str) -> Getter:
    return lambda context: any(pair.key == key for point in context.points() for pair in point.attributes)


def _has_attribute(key: str, value: str) -> Getter:
    """The first point that has the key decides, as in the collector; what is no string counts as an empty one."""

    def get(context: Context) -> Value:
        for point in context.points():
            for pair in point.attributes:
                if pair.key == key:
                    return bool(pair.value.string_value == value)
        return False

    return get


METRIC_EDITORS = (
    *by_identity(
    Function("convert_sum_to_gauge", (), _convert_sum_to_gauge, level="metric"),
    Function(
        "convert_gauge_to_sum",
        params("aggregation_temporality:text is_monotonic:bool"),
        _convert_gauge_to_sum,
        level="metric",
    ),
    Function("copy_metric", params("name:value? description:value? unit:value?"), _copy_metric, level="metric"),
    ),
    Function("scale_metric", params("factor:float unit:text?"), _scale_metric, level="metric"),
    Function(
        "extract_count_metric", params("is_monotonic:bool suffix:text?"), _extract("count", _DISTRIBUTIONS, "_count"),
        level="metric",
    ),
    Function(
        "extract_sum_metric", params("is_monotonic:bool suffix:text?"), _extract("sum", _DISTRIBUTIONS, "_sum"),
        level="metric",
    ),
    Function(
        "convert_summary_count_val_to_sum", params("aggregation_temporality:text is_monotonic:bool suffix:text?"),
        _convert_summary("count"), level="datapoint",
    ),
    Function(
        "convert_summary_sum_val_to_sum", params("aggregation_temporality:text is_monotonic:bool suffix:text?"),
        _convert_summary("sum"), level="datapoint",
    ),
)  # fmt: skip

FILTER_CONVERTERS = by_identity(
    Function("HasAttrKeyOnDatapoint", params("key:text"), _has_attribute_key, level="metric"),
    Function("HasAttrOnDatapoint", params("key:text value:text"), _has_attribute, level="metric"),
)
