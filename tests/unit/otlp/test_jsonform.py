"""OTLP/JSON: whatever is read by hand is what protobuf's own reader makes of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from google.protobuf import json_format
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from phoenix.otlp import jsonform
from phoenix.otlp.jsonform import from_json, to_json

ATTRIBUTES = [
    {"key": "s", "value": {"stringValue": "v"}},
    {"key": "i", "value": {"intValue": "-5"}},
    {"key": "d", "value": {"doubleValue": 1.5}},
    {"key": "b", "value": {"boolValue": False}},
    {"key": "a", "value": {"arrayValue": {"values": [{"intValue": 7}, {}]}}},
    {"key": "m", "value": {"kvlistValue": {"values": [{"key": "k", "value": {"stringValue": ""}}]}}},
    {"key": "none"},
]
POINT = {"attributes": ATTRIBUTES, "startTimeUnixNano": "5", "timeUnixNano": 1_700_000_000_000_000_000, "flags": 1}
BUCKETS = {"offset": -3, "bucketCounts": ["1", 2]}
DATA: dict[str, dict[str, Any]] = {
    "gauge": {"dataPoints": [{**POINT, "asDouble": 1}, {"asInt": "9223372036854775807"}, {}]},
    "sum": {"dataPoints": [{**POINT, "asInt": 3}], "aggregationTemporality": 2, "isMonotonic": True},
    "histogram": {
        "dataPoints": [{**POINT, "count": "3", "sum": 0, "min": 1, "max": 2.5, "bucketCounts": ["1", "2"],
                        "explicitBounds": [1]}],
        "aggregationTemporality": 1,
    },
    "exponentialHistogram": {
        "dataPoints": [{**POINT, "scale": 3, "zeroCount": "1", "zeroThreshold": 0.5, "positive": BUCKETS,
                        "negative": BUCKETS}],
        "aggregationTemporality": 2,
    },
    "summary": {"dataPoints": [{**POINT, "count": "3", "sum": 4, "quantileValues": [{"quantile": 0.5, "value": 2}]}]},
}  # fmt: skip


def request(**metric: Any) -> dict[str, Any]:
    scope = {"name": "s", "version": "1", "attributes": ATTRIBUTES}
    metrics = [{"name": "m", "unit": "By", "description": "told", "metadata": ATTRIBUTES, **metric}]
    resource = {"resource": {"attributes": ATTRIBUTES}, "schemaUrl": "u"}
    return {"resourceMetrics": [{**resource, "scopeMetrics": [{"scope": scope, "metrics": metrics, "schemaUrl": "v"}]}]}


def by_the_book(tree: dict[str, Any]) -> ExportMetricsServiceRequest:
    return json_format.ParseDict(tree, ExportMetricsServiceRequest(), ignore_unknown_fields=True)


@pytest.mark.parametrize("kind", DATA)
def test_every_type_is_read_by_hand(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = request(**{kind: DATA[kind]})
    wanted = by_the_book(tree)
    monkeypatch.setattr(jsonform, "_by_the_book", None)
    found = from_json(json.dumps(tree).encode())
    assert found == wanted
    assert from_json(to_json(found)) == found


@pytest.mark.parametrize(
    "data",
    [
        {"sum": {"dataPoints": [{"asDouble": "NaN"}], "aggregationTemporality": "AGGREGATION_TEMPORALITY_DELTA"}},
        {"sum": {"data_points": [{"as_int": "4"}], "is_monotonic": True}},
        {"gauge": {"dataPoints": [{"asInt": "1", "future": {"x": [1]}}]}},
        {"gauge": {"dataPoints": [{"asInt": "1", "attributes": [{"key": "y", "value": {"bytesValue": "AQ=="}}]}]}},
        {"gauge": None},
    ],
)
def test_what_is_unusual_is_read_too(data: dict[str, Any]) -> None:
    tree = request(**data)
    assert from_json(json.dumps(tree).encode()).SerializeToString() == by_the_book(tree).SerializeToString()


def test_ids_of_exemplars_are_hexadecimal_both_ways() -> None:
    exemplar = {"traceId": "000102030405060708090a0b0c0d0e0f", "spanId": "0001020304050607", "asInt": "1"}
    found = from_json(json.dumps(request(gauge={"dataPoints": [{"exemplars": [exemplar]}]})).encode())
    point = found.resource_metrics[0].scope_metrics[0].metrics[0].gauge.data_points[0]
    assert point.exemplars[0].trace_id == bytes(range(16))
    assert exemplar["traceId"].encode() in to_json(found)


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'{"resourceMetrics": 5}', b'{"resourceMetrics": [{"scopeMetrics": "x"}]}',
             b'{"resourceMetrics": [{"scopeMetrics": [{"metrics": [{"gauge": {"dataPoints": [{"asInt": "x"}]}}]}]}]}']
)  # fmt: skip
def test_what_is_no_request_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        from_json(body)


def test_a_request_without_metrics_is_empty() -> None:
    assert not from_json(b'{"resourceSpans": []}').resource_metrics
    assert not from_json(b"{}").resource_metrics
