"""What left a pipeline, in a form in which order does not matter: one text a point, sorted."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from tests.unit.engine.otlp import T0, attributes


def normal(requests: Iterable[ExportMetricsServiceRequest]) -> list[str]:
    """Every point with all that belongs to it, as sorted JSON texts; a metric without points has one without."""
    return sorted(json.dumps(row, sort_keys=True, ensure_ascii=False) for request in requests for row in _rows(request))


def changes(sent: Iterable[ExportMetricsServiceRequest], left: Iterable[ExportMetricsServiceRequest]) -> dict[str, Any]:
    """What a pipeline did: {"gone": points that were sent and did not leave, "came": points that left otherwise}.

    Golden data is kept so: most cases touch few points.
    """
    before, after = Counter(normal(sent)), Counter(normal(left))
    return {"gone": sorted((before - after).elements()), "came": sorted((after - before).elements())}


def _rows(request: ExportMetricsServiceRequest) -> Iterator[dict[str, Any]]:
    for resource in request.resource_metrics:
        of_resource = {"resource": _plain(resource.resource.attributes), "resource_schema": resource.schema_url}
        if not resource.scope_metrics:
            yield {**_filled(of_resource), "scopes": 0}
        for scope in resource.scope_metrics:
            of_scope = {
                **of_resource,
                "scope": [scope.scope.name, scope.scope.version, _plain(scope.scope.attributes)],
                "scope_schema": scope.schema_url,
            }
            if not scope.metrics:
                yield {**_filled(of_scope), "metrics": 0}
            for metric in scope.metrics:
                yield from _metric(of_scope, metric)


def _metric(of_scope: dict[str, Any], metric: Any) -> Iterator[dict[str, Any]]:
    kind = metric.WhichOneof("data")
    row = {**of_scope, "name": metric.name, "unit": metric.unit, "description": metric.description, "type": kind}
    if not kind:
        yield _filled(row)
        return
    data = getattr(metric, kind)
    row["temporality"] = getattr(data, "aggregation_temporality", 0)
    row["monotonic"] = getattr(data, "is_monotonic", False)
    if not data.data_points:
        yield {**_filled(row), "points": 0}
    for point in data.data_points:
        yield _filled({**row, **_point(point)})


def _point(point: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"attributes": _plain(point.attributes)}
    for field, value in point.ListFields():
        name = field.name
        if name in {"time_unix_nano", "start_time_unix_nano"}:
            found[name] = value - T0
        elif name in {"bucket_counts", "explicit_bounds"}:
            found[name] = list(value)
        elif name in {"positive", "negative"} and not value.bucket_counts:
            pass  # no buckets are said by an empty message or by none
        elif name in {"positive", "negative"}:
            found[name] = [value.offset, list(value.bucket_counts)]
        elif name == "quantile_values":
            found[name] = [[item.quantile, item.value] for item in value]
        elif name not in {"attributes", "exemplars"}:
            found[name] = repr(value or 0.0) if isinstance(value, float) else value
    return found


def _plain(field: Any) -> dict[str, Any]:
    return {key: _jsonable(value) for key, value in attributes(field).items()}


def _jsonable(value: Any) -> Any:
    """Bytes as hexadecimal digits, marked as such, and doubles that JSON lacks as text, however deep."""
    match value:
        case bytes():
            return f"0x{value.hex()}"
        case dict():
            return {key: _jsonable(item) for key, item in value.items()}
        case list():
            return [_jsonable(item) for item in value]
        case float() if not math.isfinite(value):
            return repr(value)
        case float():
            return (
                value or 0.0
            )  # the file exporter's JSON, through which the Collector is seen, keeps no sign of a zero
        case _:
            return value


def _filled(row: dict[str, Any]) -> dict[str, Any]:
    """Without what says nothing; a whole number of zero does: a point may have none."""
    return {key: value for key, value in row.items() if key == "as_int" or value not in _NOTHING}


_NOTHING = ("", 0, False, None, {}, ["", "", {}])
