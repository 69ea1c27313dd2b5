"""Streams: points of one series, as processors know them that remember; and the walk that changes or drops points.

A stream is known by a digest of 128 bits of its identity: among a billion streams the chance that any two share one is
less than one in 10^20.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from xxhash import xxh3_128_digest

NO_RECORDED_VALUE = 1
"""Flag of a point that says only that its series has ended."""


@dataclass(frozen=True, slots=True)
class MetricOf:
    """A metric with what its streams have in common."""

    metric: Metric
    kind: str
    """gauge, sum, histogram, exponential_histogram or summary"""
    identity: bytes

    @property
    def data(self) -> Any:
        """What holds its points."""
        return getattr(self.metric, self.kind)

    def stream(self, point: Any) -> bytes:
        """The identity of a point's stream; the order of attributes does not matter."""
        return xxh3_128_digest(self.identity + _attributes(point.attributes))


def _attributes(pairs: Iterable[Any]) -> bytes:
    """One encoding for a set of attributes in whatever order."""
    encoded = {pair.SerializeToString() for pair in pairs}
    return b"".join([b"%d:%b" % (len(pair), pair) for pair in sorted(encoded)])


class _Identities:
    """Of the metrics of one resource after another."""

    def __init__(self, resource: Any) -> None:
        self._resource = _attributes(resource.resource.attributes)

    def of_scope(self, scope: Any) -> bytes:
        """What identifies the metrics of a scope, but for what they have of their own."""
        named = (self._resource, scope.scope.name.encode(), scope.scope.version.encode())
        return _joined(*named, _attributes(scope.scope.attributes))

    @staticmethod
    def of_metric(metric: Metric, of_scope: bytes) -> MetricOf | None:
        """The metric with its identity; None if it has no data."""
        kind = metric.WhichOneof("data")
        if not kind:
            return None
        data = getattr(metric, kind)
        shape = getattr(data, "aggregation_temporality", 0), getattr(data, "is_monotonic", False)
        own = f"{kind} {shape[0]} {shape[1]:d}".encode()
        identity = xxh3_128_digest(_joined(of_scope, metric.name.encode(), metric.unit.encode(), own))
        return MetricOf(metric, kind, identity)


def _joined(*parts: bytes) -> bytes:
    return b"".join([b"%d:%b" % (len(part), part) for part in parts])


def metrics_of(request: ExportMetricsServiceRequest) -> Iterator[MetricOf]:
    """Each metric that has data, in order."""
    for resource in request.resource_metrics:
        identities = _Identities(resource)
        for scope in resource.scope_metrics:
            of_scope = identities.of_scope(scope)
            for metric in scope.metrics:
                if (of := identities.of_metric(metric, of_scope)) is not None:
                    yield of


def drop_metrics(request: ExportMetricsServiceRequest, gone: Callable[[MetricOf], bool]) -> bool:
    """Take away the metrics that are gone, then scopes and resources without any; whether anything is left.

    `gone` is asked of each metric that has data, in order, and may change it.
    """

    def resource_gone(resource: Any) -> bool:
        identities = _Identities(resource)

        def scope_gone(scope: Any) -> bool:
            of_scope = identities.of_scope(scope)

            def metric_gone(metric: Metric) -> bool:
                of = identities.of_metric(metric, of_scope)
                return of is not None and gone(of)

            drop_items(scope.metrics, metric_gone)
            return not scope.metrics

        drop_items(resource.scope_metrics, scope_gone)
        return not resource.scope_metrics

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
