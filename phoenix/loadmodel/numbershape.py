"""Tables of number metrics to encoded resources and their laws: what M2 and M3 are written in. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from phoenix.loadmodel.gauges import NumberLaws
from phoenix.loadmodel.units import Unit
from phoenix.otlp.encode import (
    Attributes,
    MetricShape,
    Piece,
    ResourceShape,
    encode_attributes,
    encode_scope,
    point_attributes_field,
)
from phoenix.otlp.model import MetricType

_SCOPES: dict[str, Piece] = {}
"""by kind; there are four"""
_FIELD = point_attributes_field(MetricType.GAUGE)


@dataclass(frozen=True, slots=True)
class PointLaw:
    """One point: its attributes, a counter's rate a second (0: none), a gauge's level or a counter's first value."""

    attributes: Attributes
    rate: float = 0.0
    level: float = 0.0
    steady: bool = False


@dataclass(frozen=True, slots=True)
class NumberMetric:
    """A metric with its points. `monotonic` None: a gauge."""

    name: str
    unit: str
    points: Sequence[PointLaw]
    monotonic: bool | None = None
    integer: bool = True


@dataclass(frozen=True, slots=True)
class NumberResource:
    """A resource with its metrics. Those of one `kind` differ in the resource's attributes and in laws alone."""

    kind: str
    attributes: Attributes
    scope: str
    metrics: Sequence[NumberMetric]


def number_unit(resource: NumberResource, rank: int = -1) -> Unit[NumberLaws]:
    """Encode a resource and gather its laws, in the order of its points."""
    points = [(metric, point) for metric in resource.metrics for point in metric.points]
    scope = _SCOPES.get(resource.kind)
    if scope is None:
        metrics = [_shape(metric) for metric in resource.metrics]
        scope = _SCOPES[resource.kind] = encode_scope(ResourceShape((), metrics, resource.scope, "0.159"))
    laws = NumberLaws(
        rates=tuple(point.rate for _, point in points),
        levels=tuple(point.level for _, point in points),
        integer=tuple(metric.integer for metric, _ in points),
        steady=tuple(point.steady for _, point in points),
        rank=rank,
    )
    return Unit((scope.of_resource(resource.attributes),), laws)


def _shape(metric: NumberMetric) -> MetricShape:
    return MetricShape(
        name=metric.name,
        unit=metric.unit,
        type=MetricType.GAUGE if metric.monotonic is None else MetricType.SUM,
        monotonic=bool(metric.monotonic),
        integer=metric.integer,
        points=[encode_attributes(_FIELD, point.attributes) for point in metric.points],
    )
