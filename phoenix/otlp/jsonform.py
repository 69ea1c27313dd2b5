"""OTLP/JSON requests to messages and back: protobuf's JSON, but trace and span ids in hexadecimal, enums as numbers.

Why not `json_format` alone: it takes 100 to 160 µs for a histogram's point, too slow to read recordings with. What
requests usually have is read here by hand, three to five times as fast; whatever else a text has (snake_case names,
enums by name, exemplars, unknown fields, faults) goes to `json_format`, which decides alone.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import orjson
from google.protobuf import json_format
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    ExponentialHistogram,
    ExponentialHistogramDataPoint,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
    Summary,
    SummaryDataPoint,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

_IDS = frozenset({"traceId", "spanId", "trace_id", "span_id"})
_Read = Callable[[Any], Any]


def from_json(body: bytes) -> ExportMetricsServiceRequest:
    """The request in a JSON text; fields nobody knows are left out.

    Raises:
        ValueError: it is no metrics request; the text says why.
    """
    tree = orjson.loads(body)
    if not isinstance(tree, dict):
        msg = "it is no object"
        raise ValueError(msg)
    try:
        return ExportMetricsServiceRequest(resource_metrics=_each(_resource)(tree["resourceMetrics"]))
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        return _by_the_book(tree)  # NB: also where it is faulty, so that there is one voice that says so


def to_json(message: ExportMetricsServiceRequest) -> bytes:
    """A request in OTLP/JSON: enums as numbers, 64-bit integers as text, trace and span ids in hex."""
    values = json_format.MessageToDict(message, use_integers_for_enums=True)
    for resource in values.get("resourceMetrics", ()):
        for scope in resource.get("scopeMetrics", ()):
            for metric in scope.get("metrics", ()):
                _hex_ids(metric)
    return orjson.dumps(values)


def _by_the_book(tree: dict[str, Any]) -> ExportMetricsServiceRequest:
    request = ExportMetricsServiceRequest()
    try:
        json_format.ParseDict(_ids(tree), request, ignore_unknown_fields=True)
    except (json_format.ParseError, TypeError, RecursionError) as error:
        raise ValueError(str(error)) from error
    return request


def _ids(value: Any) -> Any:
    match value:
        case dict():
            return {
                key: base64.b64encode(bytes.fromhex(item)).decode()
                if key in _IDS and isinstance(item, str)
                else _ids(item)
                for key, item in value.items()
            }
        case list():
            return [_ids(item) for item in value]
        case _:
            return value


def _hex_ids(metric: dict[str, Any]) -> None:
    for data in metric.values():
        points = data.get("dataPoints", ()) if isinstance(data, dict) else ()
        for exemplar in (exemplar for point in points for exemplar in point.get("exemplars", ())):
            for key in ("traceId", "spanId"):
                if key in exemplar:
                    exemplar[key] = base64.b64decode(exemplar[key]).hex()


def _each(read: _Read) -> _Read:
    def every(values: Any) -> list[Any]:
        if type(values) is not list:
            raise TypeError
        return [read(value) for value in values]

    return every


def _object(make: Callable[..., Any], fields: dict[str, tuple[str, _Read]]) -> _Read:
    """A reader of objects. A key it does not know is a KeyError, which means: by the book."""

    def read(value: Any) -> Any:
        given = {}
        for key, item in value.items():
            name, inner = fields[key]
            given[name] = inner(item)
        return make(**given)

    return read


def _whole(value: Any) -> int:
    if type(value) is str or type(value) is int:
        return int(value)
    raise TypeError


def _number(value: Any) -> float:
    if type(value) is float or type(value) is int:
        return value
    raise TypeError  # such as "NaN"


def _text(value: Any) -> str:
    if type(value) is str:
        return value
    raise TypeError


def _flag(value: Any) -> bool:
    if type(value) is bool:
        return value
    raise TypeError


def _enum(value: Any) -> int:
    if type(value) is int:
        return value
    raise TypeError  # by name


def _whole_list(values: Any) -> list[int]:
    return [_whole(value) for value in values]


def _value(value: Any) -> Any:
    return _any_value(value)  # late: values hold values


_attributes = _each(_object(KeyValue, {"key": ("key", _text), "value": ("value", _value)}))
_array = _object(ArrayValue, {"values": ("values", _each(_value))})
_map = _object(KeyValueList, {"values": ("values", _attributes)})
_any_value = _object(
    AnyValue,
    {
        "stringValue": ("string_value", _text),
        "intValue": ("int_value", _whole),
        "doubleValue": ("double_value", _number),
        "boolValue": ("bool_value", _flag),
        "arrayValue": ("array_value", _array),
        "kvlistValue": ("kvlist_value", _map),
    },
)
_POINT: dict[str, tuple[str, _Read]] = {
    "attributes": ("attributes", _attributes),
    "startTimeUnixNano": ("start_time_unix_nano", _whole),
    "timeUnixNano": ("time_unix_nano", _whole),
    "flags": ("flags", _whole),
}
_numbers = _object(NumberDataPoint, {**_POINT, "asInt": ("as_int", _whole), "asDouble": ("as_double", _number)})
_HISTOGRAM: dict[str, tuple[str, _Read]] = {
    **_POINT,
    "count": ("count", _whole),
    "sum": ("sum", _number),
    "min": ("min", _number),
    "max": ("max", _number),
}
_histograms = _object(
    HistogramDataPoint,
    {
        **_HISTOGRAM,
        "bucketCounts": ("bucket_counts", _whole_list),
        "explicitBounds": ("explicit_bounds", _each(_number)),
    },
)
_buckets = _object(
    ExponentialHistogramDataPoint.Buckets,
    {"offset": ("offset", _enum), "bucketCounts": ("bucket_counts", _whole_list)},
)
_exponentials = _object(
    ExponentialHistogramDataPoint,
    {
        **_HISTOGRAM,
        "scale": ("scale", _enum),
        "zeroCount": ("zero_count", _whole),
        "zeroThreshold": ("zero_threshold", _number),
        "positive": ("positive", _buckets),
        "negative": ("negative", _buckets),
    },
)
_quantile = _object(SummaryDataPoint.ValueAtQuantile, {"quantile": ("quantile", _number), "value": ("value", _number)})
_summaries = _object(
    SummaryDataPoint,
    {
        **_POINT,
        "count": ("count", _whole),
        "sum": ("sum", _number),
        "quantileValues": ("quantile_values", _each(_quantile)),
    },
)
_TEMPORALITY: dict[str, tuple[str, _Read]] = {"aggregationTemporality": ("aggregation_temporality", _enum)}


def _points(read: _Read) -> dict[str, tuple[str, _Read]]:
    return {"dataPoints": ("data_points", _each(read))}


_metric = _object(
    Metric,
    {
        "name": ("name", _text),
        "unit": ("unit", _text),
        "description": ("description", _text),
        "metadata": ("metadata", _attributes),
        "gauge": ("gauge", _object(Gauge, _points(_numbers))),
        "sum": ("sum", _object(Sum, {**_points(_numbers), **_TEMPORALITY, "isMonotonic": ("is_monotonic", _flag)})),
        "histogram": ("histogram", _object(Histogram, {**_points(_histograms), **_TEMPORALITY})),
        "exponentialHistogram": (
            "exponential_histogram", _object(ExponentialHistogram, {**_points(_exponentials), **_TEMPORALITY}),
        ),
        "summary": ("summary", _object(Summary, _points(_summaries))),
    },
)  # fmt: skip
_scope = _object(
    ScopeMetrics,
    {
        "scope": (
            "scope",
            _object(
                InstrumentationScope,
                {"name": ("name", _text), "version": ("version", _text), "attributes": ("attributes", _attributes)},
            ),
        ),
        "metrics": ("metrics", _each(_metric)),
        "schemaUrl": ("schema_url", _text),
    },
)
_resource = _object(
    ResourceMetrics,
    {
        "resource": ("resource", _object(Resource, {"attributes": ("attributes", _attributes)})),
        "scopeMetrics": ("scope_metrics", _each(_scope)),
        "schemaUrl": ("schema_url", _text),
    },
)
