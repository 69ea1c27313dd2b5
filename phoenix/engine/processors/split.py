"""Cut a request into requests of at most so many data points, copying the shells around them."""

from __future__ import annotations

from collections.abc import Iterator

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric, ResourceMetrics, ScopeMetrics

from phoenix.engine.data import Metrics, points_of


class _Part:
    """A request being filled; shells of resource, scope and metric are copied when first needed in it."""

    def __init__(self) -> None:
        self.request = ExportMetricsServiceRequest()
        self.points = 0
        self._resource: ResourceMetrics | None = None
        self._scope: ScopeMetrics | None = None
        self._of: tuple[int, int] = (-1, -1)

    def metric(self, where: tuple[int, int], resource: ResourceMetrics, scope: ScopeMetrics, metric: Metric) -> Metric:
        """An empty copy of `metric` in this request."""
        if self._resource is None or self._of[0] != where[0]:
            self._resource = self.request.resource_metrics.add(schema_url=resource.schema_url)
            self._resource.resource.CopyFrom(resource.resource)
            self._scope = None
        if self._scope is None or self._of != where:
            self._scope = self._resource.scope_metrics.add(schema_url=scope.schema_url)
            self._scope.scope.CopyFrom(scope.scope)
        self._of = where
        copy: Metric = self._scope.metrics.add(name=metric.name, description=metric.description, unit=metric.unit)
        copy.metadata.extend(metric.metadata)
        kind = metric.WhichOneof("data")
        if kind in {"sum", "histogram", "exponential_histogram"}:
            getattr(copy, kind).aggregation_temporality = getattr(metric, kind).aggregation_temporality
        if kind == "sum":
            copy.sum.is_monotonic = metric.sum.is_monotonic
        return copy


def split_points(metrics: Metrics, limit: int) -> Iterator[Metrics]:
    """Requests of `limit` points each in the order of the original, the last one perhaps smaller."""
    part = _Part()
    for r, resource in enumerate(metrics.message().resource_metrics):
        for s, scope in enumerate(resource.scope_metrics):
            for metric in scope.metrics:
                kind, at, total = metric.WhichOneof("data"), 0, points_of(metric)
                while kind and at < total:
                    if part.points == limit:
                        yield Metrics.of(part.request)
                        part = _Part()
                    end = min(total, at + limit - part.points)
                    copy = part.metric((r, s), resource, scope, metric)
                    getattr(copy, kind).data_points.extend(getattr(metric, kind).data_points[at:end])
                    part.points += end - at
                    at = end
    if part.points:
        yield Metrics.of(part.request)
