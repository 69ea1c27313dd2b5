"""From a payload, what processors made of it and a trace of them to a template, or to the finding: there is none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality

from phoenix.engine.plan.moves import Flags, moves
from phoenix.engine.plan.shape import Shape, read
from phoenix.engine.plan.template import Template
from phoenix.engine.plan.trace import numbers_of, points_of_request
from phoenix.otlp.layout import Layout, Offsets

_DELTA = AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA


@dataclass(frozen=True, slots=True)
class _Points:
    """All points of a shape by their number."""

    layouts: Sequence[Layout]
    layout: Offsets
    at: Offsets
    end: Offsets


def learn(
    data: bytes,
    shape: Shape,
    out: bytes | None,
    traced: ExportMetricsServiceRequest | None,
    points: tuple[int, ...],
) -> Template | None:
    """The template of a shape, checked: applied to `data` it gives `out`.

    Args:
        data: a payload of the shape.
        shape: its shape.
        out: what the processors made of `data`; None if nothing was left.
        traced: what they made of `numbered(data)`.
        points: how many points went into each processor and came out of the last.
    """
    if out is None or traced is None:
        return Template(None, (), points) if out is None and traced is None else None
    left = read(out) if out else None
    if left is None:
        return None
    members, size, delta = _sources(traced)
    if len(size) != left.points or not size.all():
        return None
    layouts = list(dict.fromkeys(lane.layout for lane in (*shape.lanes, *left.lanes)))
    came, target = _points(shape, layouts), _points(left, layouts)
    if (came.layout[members] != np.repeat(target.layout, size)).any():
        return None
    made = moves(data, came, members, size, delta, target.at, target.end)
    template = Template(out, made, points, left) if made is not None else None
    return template if template is not None and template.apply(data) == (True, out) else None


def _sources(traced: ExportMetricsServiceRequest) -> tuple[Offsets, Offsets, Flags]:
    """(numbers of what went into each point that left, how many they are, whether it is of a delta)."""
    members: list[int] = []
    sizes, deltas = [], []
    for point, data in points_of_request(traced):
        numbers = numbers_of(point)
        members += numbers
        sizes.append(len(numbers))
        deltas.append(getattr(data, "aggregation_temporality", 0) == _DELTA)
    return np.array(members, np.int64), np.array(sizes, np.int64), np.array(deltas, np.bool_)


def _points(shape: Shape, layouts: list[Layout]) -> _Points:
    layout, at, end = (np.empty(shape.points, np.int64) for _ in range(3))
    for lane in shape.lanes:
        layout[lane.number], at[lane.number], end[lane.number] = layouts.index(lane.layout), lane.at, lane.end
    return _Points(layouts, layout, at, end)
