"""Payloads made with opentelemetry-proto: by hand, and drawn by hypothesis."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest as Request
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList

START = 1_700_000_000_000_000_000
KEYS = ["service.name", "a", "b.c", "user.id", "phoenix.variant", "http.route"]

scalars = st.one_of(
    st.text(max_size=4),
    st.booleans(),
    st.integers(-5, 5),
    st.floats(allow_nan=False, width=32),
    st.binary(max_size=3),
    st.none(),
)


def any_value(value: Any) -> AnyValue:
    match value:
        case bool():
            return AnyValue(bool_value=value)
        case str():
            return AnyValue(string_value=value)
        case int():
            return AnyValue(int_value=value)
        case float():
            return AnyValue(double_value=value)
        case bytes():
            return AnyValue(bytes_value=value)
        case list():
            return AnyValue(array_value=ArrayValue(values=[any_value(item) for item in value]))
        case dict():
            return AnyValue(kvlist_value=KeyValueList(values=key_values(value.items())))
    return AnyValue()


def key_values(items: Any) -> list[KeyValue]:
    return [KeyValue(key=key, value=any_value(value)) for key, value in items]


values = st.one_of(
    scalars, st.lists(scalars, max_size=2), st.dictionaries(st.sampled_from(["x", "y"]), scalars, max_size=2)
)


@st.composite
def attributes(draw: st.DrawFn) -> list[KeyValue]:
    return key_values(
        draw(st.permutations(list(draw(st.dictionaries(st.sampled_from(KEYS), values, max_size=4)).items())))
    )


def _number(draw: st.DrawFn, point: Any) -> None:
    match draw(st.sampled_from(["int", "double", "none"])):
        case "int":
            point.as_int = draw(st.integers(-(2**62), 2**62))
        case "double":
            point.as_double = draw(st.floats(allow_nan=False))
    _exemplar(draw, point)


def _exemplar(draw: st.DrawFn, point: Any) -> None:
    if draw(st.integers(0, 5)) == 0:
        point.exemplars.add(as_double=draw(st.floats(0, 1)), time_unix_nano=7)


def _histogram(draw: st.DrawFn, point: Any) -> None:
    bounds = draw(st.sampled_from([(), (1.0,), (1.0, 5.0), tuple(float(i) for i in range(20))]))
    point.explicit_bounds.extend(bounds)
    point.bucket_counts.extend(draw(st.lists(st.integers(0, 9), min_size=len(bounds) + 1, max_size=len(bounds) + 1)))
    point.count = sum(point.bucket_counts)
    if draw(st.booleans()):
        point.sum = draw(st.floats(0, 100))
    if draw(st.booleans()):
        point.min, point.max = 0.5, draw(st.floats(1, 9))
    _exemplar(draw, point)


def _exponential(draw: st.DrawFn, point: Any) -> None:
    point.count, point.sum, point.scale, point.zero_count = draw(st.integers(0, 9)), 4.0, 2, 1
    point.positive.bucket_counts.extend([1, 2, draw(st.integers(0, 3))])


def _summary(draw: st.DrawFn, point: Any) -> None:
    point.count, point.sum = draw(st.integers(0, 9)), 4.0
    for quantile in draw(st.sampled_from([(), (0.5,), (0.5, 0.99)])):
        point.quantile_values.add(quantile=quantile, value=1.5)


_FILL = {
    "gauge": _number,
    "sum": _number,
    "histogram": _histogram,
    "exponential_histogram": _exponential,
    "summary": _summary,
}


@st.composite
def requests(draw: st.DrawFn) -> Request:
    """Requests in which everything optional is there or not, attributes in any order, equal streams often repeated."""
    request = Request()
    pool = [draw(attributes()) for _ in range(3)]
    for _ in range(draw(st.integers(0, 2))):
        resource_metrics = request.resource_metrics.add()
        if draw(st.booleans()):
            resource_metrics.resource.attributes.extend(draw(st.sampled_from(pool)))
        if draw(st.booleans()):
            resource_metrics.schema_url = "https://example.org"
        for _ in range(draw(st.integers(0, 2))):
            scope_metrics = resource_metrics.scope_metrics.add()
            scope_metrics.scope.name = draw(st.sampled_from(["", "lib"]))
            for _ in range(draw(st.integers(0, 3))):
                _metric(draw, scope_metrics.metrics.add(), pool)
    return request


def _metric(draw: st.DrawFn, metric: Any, pool: list[list[KeyValue]]) -> None:
    metric.name, metric.unit = draw(st.sampled_from(["m", "http.time"])), draw(st.sampled_from(["", "s", "1"]))
    metric.description = draw(st.sampled_from(["", "text"]))
    type_ = draw(st.sampled_from(list(_FILL)))
    data = getattr(metric, type_)
    data.SetInParent()
    if hasattr(data, "aggregation_temporality"):
        data.aggregation_temporality = draw(st.integers(0, 2))
    if hasattr(data, "is_monotonic"):
        data.is_monotonic = draw(st.booleans())
    for _ in range(draw(st.integers(0, 4))):
        point = data.data_points.add()
        if draw(st.booleans()):
            point.start_time_unix_nano = START
        point.time_unix_nano = draw(st.sampled_from([0, START + 1, START + 2]))
        if draw(st.integers(0, 6)) == 0:
            point.flags = 1
        items = list(draw(st.sampled_from(pool)))
        point.attributes.extend(draw(st.permutations(items)))
        _FILL[type_](draw, point)
