"""The `groupbyattrs` processor: moves point attributes to the resource and merges resources that became alike.

With no keys it only compacts: equal resources, scopes and metrics become one, their points appended, never summed.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric, ResourceMetrics, ScopeMetrics

from phoenix.engine.component import Settings, Step, Work
from phoenix.engine.config.section import Section
from phoenix.engine.data import Metrics
from phoenix.engine.merge import value_key
from phoenix.engine.processors.shells import Shells
from phoenix.engine.processors.sync import computing


@dataclass(frozen=True, slots=True)
class Config:
    """Keys to move to the resource."""

    keys: tuple[str, ...]


def parse(section: Section) -> Config:
    """Read `keys`; empty ones and repeats are dropped."""
    config = Config(tuple(dict.fromkeys(key for key in section.strings("keys") if key)))
    section.close()
    return config


def group(request: ExportMetricsServiceRequest, keys: tuple[str, ...]) -> ExportMetricsServiceRequest:
    """A new request, grouped; the given one is used up."""
    out = Shells()
    for resource in request.resource_metrics:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                kind = metric.WhichOneof("data")
                if kind:
                    _group_metric(out, resource, scope, metric, kind, keys)
    return out.request


def _group_metric(
    out: Shells, resource: ResourceMetrics, scope: ScopeMetrics, metric: Metric, kind: str, keys: tuple[str, ...]
) -> None:
    by_moved: dict[Hashable, tuple[tuple[Any, ...], list[Any]]] = {}
    for point in getattr(metric, kind).data_points:
        moved = _take(point.attributes, keys) if keys else ()
        identity = tuple((pair.key, value_key(pair.value)) for pair in moved)
        by_moved.setdefault(identity, (moved, []))[1].append(point)
    for moved, points in by_moved.values():
        of, grouped = out.resource(resource, moved)
        of, grouped_scope = out.scope(of, grouped, scope)
        _, target = out.metric(of, grouped_scope, metric, kind)
        getattr(target, kind).data_points.extend(points)


def _take(attributes: Any, keys: tuple[str, ...]) -> tuple[Any, ...]:
    """Remove and return those of the keys that are there, in the order of `keys`."""
    found = {pair.key: index for index, pair in enumerate(attributes) if pair.key in keys}
    if not found:
        return ()
    taken = {
        key: type(attributes[index]).FromString(attributes[index].SerializeToString()) for key, index in found.items()
    }
    for index in sorted(found.values(), reverse=True):
        del attributes[index]
    return tuple(taken[key] for key in keys if key in taken)


def work(_settings: Settings, config: Config) -> Work:
    """What the processor does."""

    def run(metrics: Metrics) -> Metrics:
        return Metrics.of(group(metrics.mutable(), config.keys))

    return Work(run, by_identity=True, steps=() if config.keys else (Step("compact", run),))


FACTORY = computing(("groupbyattrs",), parse, work)
