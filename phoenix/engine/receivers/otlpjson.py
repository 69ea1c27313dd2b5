"""OTLP/JSON: as protobuf's JSON, but with trace and span ids in hexadecimal."""

from __future__ import annotations

import base64
from typing import Any

import orjson
from google.protobuf import json_format
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from phoenix.engine.errors import BadData

JSON = "application/json"


def from_json(body: bytes) -> bytes:
    """The request behind a JSON body, as protobuf; fields nobody knows are left out.

    Raises:
        BadData: it is no metrics request.
    """
    try:
        tree = _ids(orjson.loads(body))
        if not isinstance(tree, dict):
            raise BadData("the body is no OTLP/JSON metrics request: it is no object")
        request = json_format.ParseDict(tree, ExportMetricsServiceRequest(), ignore_unknown_fields=True)
        return bytes(request.SerializeToString())
    except (ValueError, TypeError, json_format.ParseError, RecursionError) as error:
        raise BadData(f"the body is no OTLP/JSON metrics request: {error}") from error


def _ids(value: Any) -> Any:
    match value:
        case dict():
            return {
                key: base64.b64encode(bytes.fromhex(item)).decode()
                if key in {"traceId", "spanId", "trace_id", "span_id"} and isinstance(item, str)
                else _ids(item)
                for key, item in value.items()
            }
        case list():
            return [_ids(item) for item in value]
        case _:
            return value
