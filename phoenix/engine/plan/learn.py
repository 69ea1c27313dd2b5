"""From a payload, what processors made of it and a trace of them to a template, or to the finding: there is none."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality

from phoenix.engine.plan.shape import Shape, read
from phoenix.engine.plan.template import Copy, Sum, Template, is_integer, moved
from phoenix.engine.plan.trace import numbers_of, points_of_request
from phoenix.otlp.layout import Layout

_DELTA = AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA


@dataclass(frozen=True, slots=True)
class _Point:
    layout: Layout
    at: int
    end: int


@dataclass(frozen=True, slots=True)
class _Made:
    """A point that left, and what went into it."""

    point: _Point
    members: list[_Point]
    delta: bool


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
    made = _made(shape, left, traced) if left else None
    if made is None:
        return None
    copies: dict[Layout, list[tuple[int, int, int, int]]] = defaultdict(list)
    sums: dict[tuple[Layout, bool, bool], list[_Made]] = defaultdict(list)
    for item in made:
        layout = item.point.layout
        if any(member.layout != layout for member in item.members):
            return None
        if len(item.members) == 1:
            (member,) = item.members
            copies[layout].append((member.at, member.end, item.point.at, item.point.end))
            continue
        if not can_add(layout):
            return None
        integer = is_integer(out, item.point.at, layout)
        if not layout.histogram and any(is_integer(data, member.at, layout) != integer for member in item.members):
            return None
        sums[layout, integer, item.delta].append(item)
    moves: list[Copy | Sum] = [moved(rows, layout) for layout, rows in copies.items()]
    moves += [_sum(layout, integer, delta, rows) for (layout, integer, delta), rows in sums.items()]
    template = Template(out, tuple(moves), points, left)
    return template if template.apply(data) == (True, out) else None


def _made(shape: Shape, left: Shape, traced: ExportMetricsServiceRequest) -> list[_Made] | None:
    """Every point that left, in order."""
    came, targets = _points(shape), _points(left)
    sources = [(numbers_of(point), data) for point, data in points_of_request(traced)]
    if len(sources) != len(targets) or not all(numbers for numbers, _ in sources):
        return None
    return [
        _Made(target, [came[number] for number in numbers], getattr(data, "aggregation_temporality", 0) == _DELTA)
        for target, (numbers, data) in zip(targets, sources, strict=True)
    ]


def can_add(layout: Layout) -> bool:
    """Whether every word of the head is one that `Sum` knows: not so for minima of points without any attribute."""
    return len(layout.variable) == 1 + (layout.value >= 0) + (layout.sum >= 0) + layout.bucket_count


def _points(shape: Shape) -> list[_Point]:
    """All points of a shape by their number."""
    found: list[_Point | None] = [None] * shape.points
    for lane in shape.lanes:
        for at, end, number in zip(lane.at.tolist(), lane.end.tolist(), lane.number.tolist(), strict=True):
            found[number] = _Point(lane.layout, at, end)
    return [point for point in found if point is not None]


def _sum(layout: Layout, integer: bool, delta: bool, rows: list[_Made]) -> Sum:
    members = [member for row in rows for member in row.members]
    sizes = np.array([len(row.members) for row in rows], np.int64)
    return Sum(
        layout,
        integer,
        delta,
        source=np.array([member.at for member in members], np.int64),
        source_end=np.array([member.end for member in members], np.int64),
        first=np.concatenate((np.zeros(1, np.int64), np.cumsum(sizes)[:-1])),
        group=np.repeat(np.arange(len(rows), dtype=np.int64), sizes),
        target=np.array([row.point.at for row in rows], np.int64),
        target_end=np.array([row.point.end for row in rows], np.int64),
    )
