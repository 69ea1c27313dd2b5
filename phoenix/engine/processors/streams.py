"""Streams: points of one series, as processors know them that remember; and the walk that changes or drops points."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

from phoenix.engine.merge import attributes_key

NO_RECORDED_VALUE = 1
"""Flag of a point that says only that its series has ended."""


@dataclass(frozen=True, slots=True)
class MetricOf:
    """A metric with what its streams have in common."""

    metric: Metric
    kind: str
    """gauge, sum, histogram, exponential_histogram or summary"""
    identity: Hashable

    @property
    def data(self) -> Any:
        """What holds its points."""
        return getattr(self.metric, self.kind)

    def stream(self, point: Any, *more: Hashable) -> Hashable:
        """The identity of a point's stream."""
        return self.identity, attributes_key(point.attributes), more


def drop_metrics(request: ExportMetricsServiceRequest, gone: Callable[[MetricOf], bool]) -> bool:
    """Take away the metrics that are gone, then scopes and resources without any; whether anything is left.

    `gone` is asked of each metric that has data, in order, and may change it.
    """

    def resource_gone(resource: Any) -> bool:
        of_resource = attributes_key(resource.resource.attributes)

        def scope_gone(scope: Any) -> bool:
            of_scope = (of_resource, scope.scope.name, scope.scope.version, attributes_key(scope.scope.attributes))
            drop_items(scope.metrics, lambda metric: metric_gone(metric, of_scope))
            return not scope.metrics

        drop_items(resource.scope_metrics, scope_gone)
        return not resource.scope_metrics

    def metric_gone(metric: Metric, of_scope: Hashable) -> bool:
        kind = metric.WhichOneof("data")
        if not kind:
            return False
        data = getattr(metric, kind)
        shape = getattr(data, "aggregation_temporality", 0), getattr(data, "is_monotonic", False)
        return gone(MetricOf(metric, kind, (of_scope, metric.name, metric.unit, kind, shape)))

    drop_items(request.resource_metrics, resource_gone)
    return bool(request.resource_metrics)


def keep_points(points: Any, keep: Callable[[Any], bool]) -> None:
    """Drop from a repeated field the points that are not kept; `keep` is asked in order and may change them."""
    drop_items(points, lambda point: not keep(point))


def drop_items(items: Any, gone: Callable[[Any], bool]) -> None:
    """Drop from a repeated field the items that are gone.

    `gone` is asked in order, as it may change them or look at counts of its own.
    """
    marked = [index for index, item in enumerate(items) if gone(item)]
    if len(marked) == len(items):
        del items[:]
    else:
        for index in reversed(marked):
            del items[index]
