"""Putting readings into OTLP: the shapes that all scrapers share, and which metrics are asked for."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality, Metric, ResourceMetrics, ScopeMetrics

from phoenix.engine.config.section import Section

_CUMULATIVE = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
_SCOPE = "github.com/open-telemetry/opentelemetry-collector-contrib/receiver/hostmetricsreceiver/internal/scraper/"

Reading = tuple[Mapping[str, str], int | float]
"""Attributes of a point and its value."""


@dataclass(frozen=True, slots=True)
class MetricSpec:
    """A metric a scraper knows. `monotonic` None is a gauge, otherwise it is a cumulative sum."""

    name: str
    unit: str
    description: str
    monotonic: bool | None
    default: bool = True


class Scraper(Protocol):
    """Reads one thing. `scrape` blocks, so it is called in a thread, by one at a time."""

    def scrape(self, tick_unix_nano: int) -> tuple[list[ResourceMetrics], int]:
        """Resources with all points at the tick, and how many points could not be read."""


def parse_metrics(
    section: Section, specs: Iterable[MetricSpec], refused: Iterable[str], own: Container[str] = ()
) -> frozenset[str]:
    """Read `metrics.<name>.enabled`; returns the names asked for.

    Args:
        section: the scraper's.
        specs: what it has.
        refused: what only a real collector reads.
        own: names of metrics whose `attributes` the scraper reads itself.
    """
    wanted: set[str] = set()
    metrics = section.section("metrics")
    for spec in specs:
        entry = metrics.section(spec.name)
        if entry.boolean("enabled", spec.default):
            wanted.add(spec.name)
        entry.raw("attributes") if spec.name in own else entry.unsupported("attributes")
        entry.unsupported("aggregation_strategy")
        entry.close()
    for name in refused:
        entry = metrics.section(name)
        if entry.boolean("enabled", False):
            metrics.fault(name, "the Embedded engine does not read this metric", "set engine: Otelcol for it")
        entry.raw("attributes")
        entry.raw("aggregation_strategy")
        entry.close()
    metrics.close()
    return frozenset(wanted)


def add_metrics(
    scope: ScopeMetrics,
    wanted: frozenset[str],
    readings: Mapping[MetricSpec, Iterable[Reading]],
    *,
    start_unix_nano: int,
    tick_unix_nano: int,
) -> None:
    """Add those of the metrics that are wanted and have readings."""
    for spec, points in readings.items():
        if spec.name in wanted and (points := list(points)):
            add_metric(scope, spec, points, start_unix_nano=start_unix_nano, tick_unix_nano=tick_unix_nano)


def attribute(key: str, value: str | int) -> KeyValue:
    """One attribute."""
    return KeyValue(
        key=key, value=AnyValue(int_value=value) if isinstance(value, int) else AnyValue(string_value=value)
    )


def resource_metrics(scraper: str, attributes: Iterable[KeyValue] = ()) -> tuple[ResourceMetrics, ScopeMetrics]:
    """A resource with the scraper's scope in it."""
    resource = ResourceMetrics()
    resource.resource.attributes.extend(attributes)
    scope = resource.scope_metrics.add()
    scope.scope.name = _SCOPE + scraper + "scraper"
    return resource, scope


def add_metric(
    scope: ScopeMetrics, spec: MetricSpec, readings: Iterable[Reading], *, start_unix_nano: int, tick_unix_nano: int
) -> None:
    """Add a metric with one point a reading; ints and floats keep their type."""
    metric: Metric = scope.metrics.add(name=spec.name, unit=spec.unit, description=spec.description)
    if spec.monotonic is None:
        data = metric.gauge
    else:
        data = metric.sum
        data.is_monotonic = spec.monotonic
        data.aggregation_temporality = _CUMULATIVE
    for attributes, value in readings:
        point = data.data_points.add(time_unix_nano=tick_unix_nano, start_time_unix_nano=start_unix_nano)
        for key, text in attributes.items():
            point.attributes.append(attribute(key, text))
        if isinstance(value, int):
            point.as_int = value
        else:
            point.as_double = value
