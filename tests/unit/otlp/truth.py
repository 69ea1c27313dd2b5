"""Independent truth: payloads parsed with opentelemetry-proto into naive tuples. Uses nothing of phoenix.otlp."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest as Request


class Seen(NamedTuple):
    """One point: `stream` is hashable and exact, `labels` are raw (key, value) pairs of resource and point."""

    stream: tuple[Any, ...]
    time: int
    value: Any
    type: str
    labels: frozenset[tuple[str, Any]]
    bounds: tuple[float, ...]


def plain(value: Any) -> Any:
    which = value.WhichOneof("value")
    if which == "array_value":
        return ("array", tuple(plain(item) for item in value.array_value.values))
    if which == "kvlist_value":
        return ("map", frozenset((item.key, plain(item.value)) for item in value.kvlist_value.values))
    return (which, getattr(value, which) if which else None)


def pairs(attributes: Any) -> frozenset[tuple[str, Any]]:
    return frozenset((item.key, plain(item.value)) for item in attributes if not item.key.startswith("phoenix."))


def points(body: bytes) -> Iterator[Seen]:
    for resource_metrics in Request.FromString(body).resource_metrics:
        resource = pairs(resource_metrics.resource.attributes)
        for scope_metrics in resource_metrics.scope_metrics:
            scope = scope_metrics.scope
            scope_key = (scope.name, scope.version, frozenset((a.key, plain(a.value)) for a in scope.attributes))
            for metric in scope_metrics.metrics:
                which = metric.WhichOneof("data")
                if which is None:
                    continue
                data = getattr(metric, which)
                temporality = getattr(data, "aggregation_temporality", 0)
                monotonic = getattr(data, "is_monotonic", False)
                for point in data.data_points:
                    own = pairs(point.attributes)
                    stream = (resource, scope_key, metric.name, metric.unit, which, temporality, monotonic, own)
                    bounds: tuple[float, ...] = ()
                    if which == "histogram":
                        bounds = tuple(point.explicit_bounds)
                    elif which == "summary":
                        bounds = tuple(item.quantile for item in point.quantile_values)
                    if which in ("gauge", "sum"):
                        kind = point.WhichOneof("value")
                        value = getattr(point, kind) if kind else None
                    else:
                        value = (point.count, point.sum)
                    yield Seen(stream, point.time_unix_nano, value, which, resource | own, bounds)


def own_bytes(body: bytes) -> int:
    """Size of all `phoenix.` attributes of resources and points, with tag and length (all shorter than 128 bytes)."""
    total = 0

    def add(attributes: Any) -> None:
        nonlocal total
        for item in attributes:
            if item.key.startswith("phoenix."):
                assert item.ByteSize() < 128
                total += item.ByteSize() + 2

    for resource_metrics in Request.FromString(body).resource_metrics:
        add(resource_metrics.resource.attributes)
        for scope_metrics in resource_metrics.scope_metrics:
            for metric in scope_metrics.metrics:
                which = metric.WhichOneof("data")
                for point in getattr(metric, which).data_points if which else ():
                    add(point.attributes)
    return total
