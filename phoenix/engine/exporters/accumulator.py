"""The state behind a Prometheus page: the last value of each series, by the collector's rules.

A point older than the stored one is ignored. Monotonic deltas that begin where the stored value ended are added up,
others begin anew. A point without a recorded value ends its series, and the rest of its metric in that request with it.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Any

from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality, Metric, ResourceMetrics, ScopeMetrics

from phoenix.engine.ottl.values import as_string, from_any

_DELTA = AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA
_CUMULATIVE = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
_NO_RECORDED_VALUE = 1

Labels = dict[str, str]


@dataclass(slots=True)
class Series:
    """One series and its value. `buckets`: counts between bounds (not cumulative); `quantiles`: (quantile, value)."""

    metric: str
    unit: str
    kind: str
    monotonic: bool
    description: str
    scope: tuple[str, str, str]
    scope_attributes: Labels
    attributes: Labels
    resource: Labels
    time_unix_nano: int
    updated_s: float
    value: float | int = 0
    count: int = 0
    total: float = 0.0
    bounds: tuple[float, ...] = ()
    buckets: tuple[int, ...] = ()
    quantiles: tuple[tuple[float, float], ...] = ()


def _texts(field: Iterable[Any]) -> Labels:
    return {pair.key: as_string(from_any(pair.value)) for pair in field}


def _frozen(labels: Labels) -> Hashable:
    return frozenset(labels.items())


class Accumulator:
    """All live series. Not thread-safe."""

    def __init__(self, *, resource_labels: bool, service_labels: bool) -> None:
        """`resource_labels`: resource attributes are part of a series; `service_labels`: service.* among them too."""
        self._resource_labels = resource_labels
        self._service_labels = service_labels
        self._series: dict[Hashable, Series] = {}

    def add(self, resources: Iterable[ResourceMetrics], now_s: float) -> None:
        """Take a request in; `now_s` is a monotonic clock, for expiry."""
        for resource in resources:
            owner = _texts(resource.resource.attributes)
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    self._metric(owner, scope, metric, now_s)

    def live(self, since_s: float) -> list[Series]:
        """Series updated since then; the others are forgotten."""
        self._series = {key: series for key, series in self._series.items() if series.updated_s >= since_s}
        return list(self._series.values())

    def _metric(self, owner: Labels, scope: ScopeMetrics, metric: Metric, now_s: float) -> None:
        kind = metric.WhichOneof("data")
        if kind is None:
            return
        data = getattr(metric, kind)
        temporality = getattr(data, "aggregation_temporality", _CUMULATIVE)
        monotonic = kind == "sum" and data.is_monotonic
        if temporality not in (_DELTA, _CUMULATIVE) or (kind == "sum" and temporality == _DELTA and not monotonic):
            return  # such sums mean nothing to Prometheus
        identity = (
            metric.name, kind, monotonic, scope.scope.name, scope.scope.version, scope.schema_url,
            _frozen(_texts(scope.scope.attributes)), *job_and_instance(owner),
        )  # fmt: skip
        for point in data.data_points:
            attributes = _texts(point.attributes)
            if self._resource_labels:
                attributes |= {key: text for key, text in owner.items() if self._service_labels or not _is_service(key)}
            key = (*identity, _frozen(attributes))
            stored = self._series.get(key)
            if point.flags & _NO_RECORDED_VALUE:
                self._series.pop(key, None)
                return
            if stored is not None and point.time_unix_nano < stored.time_unix_nano:
                continue
            series = Series(
                metric.name, metric.unit, kind, monotonic, metric.description,
                (scope.scope.name, scope.scope.version, scope.schema_url), _texts(scope.scope.attributes), attributes,
                owner, point.time_unix_nano, now_s,
            )  # fmt: skip
            if _fill(series, point) and _continue(series, stored, point, temporality):
                self._series[key] = series


def _is_service(key: str) -> bool:
    return key in {"service.name", "service.namespace", "service.instance.id"}


def job_and_instance(owner: Labels) -> tuple[str, str]:
    """The `job` and `instance` labels of a resource, empty where it names no service."""
    name, namespace = owner.get("service.name", ""), owner.get("service.namespace", "")
    return (f"{namespace}/{name}" if namespace and name else name), owner.get("service.instance.id", "")


def _fill(series: Series, point: Any) -> bool:
    """Read the point's value; false if it has none."""
    if series.kind in {"gauge", "sum"}:
        kind = point.WhichOneof("value")
        if kind is None:
            return False
        series.value = getattr(point, kind)
        return True
    series.count, series.total = point.count, point.sum
    if series.kind == "histogram":
        series.bounds, series.buckets = tuple(point.explicit_bounds), tuple(point.bucket_counts)
    elif series.kind == "summary":
        series.quantiles = tuple((item.quantile, item.value) for item in point.quantile_values)
    return True


def _continue(series: Series, stored: Series | None, point: Any, temporality: int) -> bool:
    """Add the stored value to a delta that continues it; false if the delta is to be ignored."""
    if temporality != _DELTA or stored is None:
        return True
    start, ended = point.start_time_unix_nano, stored.time_unix_nano
    if series.kind == "sum":
        if start == ended:
            series.value += stored.value
        return True
    if start < ended:
        return False  # it overlaps what is already counted
    if start == ended and series.bounds == stored.bounds:
        series.count += stored.count
        series.total += stored.total
        series.buckets = tuple(a + b for a, b in zip(series.buckets, stored.buckets, strict=False))
    return True
