"""Wire bytes to plain tuples, by opentelemetry-proto alone: the truth the model's arithmetic is held to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import HistogramDataPoint, NumberDataPoint

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Point:
    resource: Labels
    metric: str
    labels: Labels
    value: NumberDataPoint | HistogramDataPoint

    @property
    def identity(self) -> tuple[Labels, str, Labels]:
        return self.resource, self.metric, self.labels


def labels_of(attributes: Iterable[KeyValue]) -> Labels:
    return tuple(
        sorted(
            (one.key, str(getattr(one.value, one.value.WhichOneof("value") or "string_value"))) for one in attributes
        )
    )


def points(payloads: Iterable[bytes]) -> Iterator[Point]:
    for payload in payloads:
        for resource in ExportMetricsServiceRequest.FromString(payload).resource_metrics:
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    for value in getattr(metric, metric.WhichOneof("data")).data_points:
                        yield Point(
                            labels_of(resource.resource.attributes), metric.name, labels_of(value.attributes), value
                        )


def series(of: Iterable[Point], relabel: Callable[[Labels], Labels] = lambda labels: labels) -> set[object]:
    """Series of a Prometheus-type backend: each bucket with its `le`, sum and count are series of their own."""
    found: set[object] = set()
    for point in of:
        identity = (point.resource, point.metric, relabel(point.labels))
        if isinstance(point.value, HistogramDataPoint):
            found |= {(identity, "bucket", bound) for bound in (*point.value.explicit_bounds, "+Inf")}
            found |= {(identity, "sum"), (identity, "count")}
        else:
            found.add((identity, "value"))
    return found
