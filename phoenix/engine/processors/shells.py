"""Requests built anew: resources, scopes and metrics without points, into which points are put by their identity."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric, ResourceMetrics, ScopeMetrics

from phoenix.engine.merge import attributes_key


class Shells:
    """A request being built of resources, scopes and metrics like those of others, each found again by its identity."""

    def __init__(self) -> None:
        self.request = ExportMetricsServiceRequest()
        self._resources: dict[Hashable, ResourceMetrics] = {}
        self._scopes: dict[Hashable, ScopeMetrics] = {}
        self._metrics: dict[Hashable, Metric] = {}

    def resource(self, original: ResourceMetrics, moved: tuple[Any, ...] = ()) -> tuple[Hashable, ResourceMetrics]:
        """The resource with the original's attributes and those moved to it, which win."""
        keys = {pair.key for pair in moved}
        kept = [pair for pair in original.resource.attributes if pair.key not in keys]
        identity = (attributes_key([*kept, *moved]), original.schema_url)
        found = self._resources.get(identity)
        if found is None:
            found = self._resources[identity] = self.request.resource_metrics.add(schema_url=original.schema_url)
            found.resource.attributes.extend([*kept, *moved])
            found.resource.dropped_attributes_count = original.resource.dropped_attributes_count
        return identity, found

    def scope(self, of: Hashable, resource: ResourceMetrics, original: ScopeMetrics) -> tuple[Hashable, ScopeMetrics]:
        """The scope like the original's in a resource."""
        scope = original.scope
        identity = (of, scope.name, scope.version, attributes_key(scope.attributes), original.schema_url)
        found = self._scopes.get(identity)
        if found is None:
            found = self._scopes[identity] = resource.scope_metrics.add(schema_url=original.schema_url)
            found.scope.CopyFrom(scope)
        return identity, found

    def metric(self, of: Hashable, scope: ScopeMetrics, original: Metric, kind: str) -> tuple[Hashable, Metric]:
        """The metric like the original in a scope: same name, unit and type (temporality, monotonicity)."""
        data = getattr(original, kind)
        shape = (getattr(data, "aggregation_temporality", 0), getattr(data, "is_monotonic", False))
        identity = (of, original.name, original.unit, kind, shape)
        found = self._metrics.get(identity)
        if found is None:
            found = self._metrics[identity] = scope.metrics.add(
                name=original.name, description=original.description, unit=original.unit
            )
            found.metadata.extend(original.metadata)
            made = getattr(found, kind)
            made.SetInParent()
            if kind in {"sum", "histogram", "exponential_histogram"}:
                made.aggregation_temporality = shape[0]
            if kind == "sum":
                made.is_monotonic = shape[1]
        return identity, found
