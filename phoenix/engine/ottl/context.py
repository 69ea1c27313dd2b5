"""Where a statement runs: the current resource, scope, metric and data point, with their attributes as dicts.

Attributes are decoded when first touched and written back once, when their owner is left, if something changed.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric, ResourceMetrics, ScopeMetrics

from phoenix.engine.ottl.values import Value, from_any, to_any

LEVELS = ("resource", "scope", "metric", "datapoint")
"""Contexts from the widest to the narrowest."""


@lru_cache(maxsize=65_536, typed=True)
def _scalar_pair(key: str, value: str | int | bool) -> KeyValue:
    """An attribute as a message, kept: labels repeat, and copying one costs a tenth of making it. Never change it."""
    return KeyValue(key=key, value=to_any(value))


class Attributes:
    """The attributes of one owner as an ordered dict.

    Callers must: set `changed` when they change `values`, and call `write` before anyone reads the message.
    """

    __slots__ = ("_field", "_values", "changed")

    def __init__(self, field: Any) -> None:
        self._field = field
        self._values: dict[str, Value] | None = None
        self.changed = False

    @property
    def values(self) -> dict[str, Value]:
        """Attribute key to value, in the message's order; of a repeated key the first counts."""
        if self._values is None:
            values: dict[str, Value] = {}
            for pair in self._field:
                if pair.key not in values:
                    values[pair.key] = from_any(pair.value)
            self._values = values
        return self._values

    def replace(self, values: dict[str, Value]) -> None:
        """Put other attributes in place of all."""
        self._values = values
        self.changed = True

    def write(self) -> None:
        """Write changes into the message."""
        if self.changed and self._values is not None:
            del self._field[:]
            self._field.extend(
                [
                    _scalar_pair(key, value) if isinstance(value, str | int) else KeyValue(key=key, value=to_any(value))
                    for key, value in self._values.items()
                ]
            )
            self.changed = False


class Context:
    """The item a statement looks at. Attributes are entered from the widest to the narrowest, and left in reverse."""

    __slots__ = (
        "caches", "kind", "metric", "point", "point_attributes", "resource", "resource_attributes", "scope",
        "scope_attributes",
    )  # fmt: skip

    resource: ResourceMetrics
    scope: ScopeMetrics
    metric: Metric
    kind: str | None
    """which data the metric has: gauge, sum, …"""
    point: Any
    """a NumberDataPoint, HistogramDataPoint, … by `kind`"""
    resource_attributes: Attributes
    scope_attributes: Attributes
    point_attributes: Attributes
    caches: dict[str, dict[str, Value]]
    """scratch map of each level's current item"""

    def __init__(self) -> None:
        self.caches = {level: {} for level in LEVELS}

    def enter_resource(self, resource: ResourceMetrics) -> None:
        """Look at a resource."""
        self.resource = resource
        self.resource_attributes = Attributes(resource.resource.attributes)
        self.caches["resource"] = {}

    def enter_scope(self, scope: ScopeMetrics) -> None:
        """Look at a scope of the resource."""
        self.scope = scope
        self.scope_attributes = Attributes(scope.scope.attributes)
        self.caches["scope"] = {}

    def enter_metric(self, metric: Metric) -> None:
        """Look at a metric of the scope."""
        self.metric = metric
        self.kind = metric.WhichOneof("data")
        self.caches["metric"] = {}

    def enter_point(self, point: Any) -> None:
        """Look at a data point of the metric."""
        self.point = point
        self.point_attributes = Attributes(point.attributes)
        if self.caches["datapoint"]:
            self.caches["datapoint"] = {}

    def points(self) -> Any:
        """The metric's data points as the message's own list, empty without data."""
        return getattr(self.metric, self.kind).data_points if self.kind else ()
