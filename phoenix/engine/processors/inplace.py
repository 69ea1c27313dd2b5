"""Processors with a memory, on payloads of a known shape: times and values are changed where they stand.

A shape is *bound* once: where its number points keep their words, and which stream each is of. From then on a payload
is worked on by columns. Points that are dropped are taken out by upb, which also leaves out fields that became zero.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality, Metric, ResourceMetrics, ScopeMetrics

from phoenix.engine.data import Metrics
from phoenix.engine.plan.bound import Bound, Flags, Words
from phoenix.engine.plan.shape import Shape, starts_with_time
from phoenix.engine.processors.streams import NO_RECORDED_VALUE, MetricOf, drop_items, metrics_of
from phoenix.otlp.layout import INTEGER, Offsets
from phoenix.otlp.repeats import words_of

__all__ = ["CUMULATIVE", "DELTA", "Bound", "Flags", "Words", "bind", "rewritten"]
_TEMPORALITY_TAG = 0x10
_WORD = 8
CUMULATIVE = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
DELTA = AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA


@dataclass(frozen=True, slots=True)
class _Places:
    """Of all points of a shape, by their number; -1: there is none."""

    at: Offsets
    end: Offsets
    start: Offsets
    time: Offsets
    value: Offsets
    key: Offsets
    tail: Offsets

    @classmethod
    def of(cls, shape: Shape) -> _Places:
        """A layout's places for each of its points."""
        made = cls(*(np.full(shape.points, -1, np.int64) for _ in range(7)))
        for lane in shape.lanes:
            number, layout = lane.number, lane.layout
            made.at[number], made.end[number] = lane.at, lane.end
            made.time[number], made.key[number] = lane.at + layout.time, lane.at + layout.head
            made.tail[number] = lane.end - layout.tail
            if starts_with_time(layout):
                made.start[number] = lane.at + 1
            if layout.value > 0 and not layout.histogram:
                made.value[number] = lane.at + layout.value
        return made


def bind(metrics: Metrics, shape: Shape, wants: Callable[[MetricOf], bool], temporality: int) -> Bound | None:
    """What of a shape a processor works on; None: its payloads go the ordinary way.

    So it is where anything but number points with start times is wanted, where a stream comes twice, where something is
    empty, and where upb would encode the payload otherwise than its sender did.

    Args:
        metrics: a payload of the shape.
        shape: its shape.
        wants: whether the processor works on a metric.
        temporality: which every wanted metric has.
    """
    data, message = metrics.encoded(), metrics.message()
    if message.SerializeToString() != data or not _full(message):
        return None
    places = _Places.of(shape)
    wanted: list[int] = []
    streams: list[bytes] = []
    recorded: list[bool] = []
    bytes_at: list[int] = []
    first = 0
    for of in metrics_of(message):
        points = of.data.data_points
        if wants(of):
            end = int(places.end[first + len(points) - 1]) if len(points) else len(data)
            if of.kind != "sum" or data[end : end + 2] != bytes((_TEMPORALITY_TAG, temporality)):
                return None
            bytes_at.append(end + 1)
            wanted.extend(range(first, first + len(points)))
            streams.extend([of.stream(point) for point in points])
            recorded.extend([not point.flags & NO_RECORDED_VALUE for point in points])
        first += len(points)
    number = _offsets(wanted)
    value, start = places.value[number], places.start[number]
    if (value < 0).any() or (start < 0).any() or len(set(streams)) < len(streams):
        return None
    keys = [data[at:end] for at, end in zip(places.key[number].tolist(), places.tail[number].tolist(), strict=True)]
    integer = np.frombuffer(data, np.uint8)[value - 1] == INTEGER
    return Bound(
        shape, shape.points, start, places.time[number], value, integer, np.array(recorded, np.bool_), number, streams,
        keys, _offsets(bytes_at), np.full(len(number), -1, np.int64),
    )  # fmt: skip


def _full(request: ExportMetricsServiceRequest) -> bool:
    """Whether there is no resource without scopes and no scope without metrics: a run would drop them."""
    return all(
        resource.scope_metrics and all(scope.metrics for scope in resource.scope_metrics)
        for resource in request.resource_metrics
    )


def _offsets(numbers: list[int]) -> Offsets:
    return np.array(numbers, np.int64)


def rewritten(
    data: bytes, bound: Bound, columns: tuple[Words | None, Words | None, Words], kept: Flags, temporality: int
) -> Metrics | None:
    """A payload with other words; None: no point of it is kept.

    Args:
        data: the payload.
        bound: what of it is changed.
        columns: start times, times and values, shape (n,); None: as they are.
        kept: which of the points stay.
        temporality: which the metrics have now.
    """
    out = bytearray(data)
    words = words_of(out)
    zeros = False
    for places, values in zip((bound.start, bound.time, bound.value), columns, strict=True):
        if values is not None:
            words[places] = values
            zeros = zeros or (values is not columns[2] and not values.all())  # NB: a value of zero is encoded
    np.frombuffer(out, np.uint8)[bound.temporality] = temporality
    made = bytes(out)
    if zeros or not kept.all():
        return _thinned(made, bound, kept)
    if bound.left is None and bound.shape is not None:
        template = np.frombuffer(made.ljust(-(-len(made) // _WORD) * _WORD, b"\0"), np.uint64)
        bound.left = Shape(template, bound.shape.fixed, bound.shape.lanes, bound.shape.points)
    return Metrics(made, None, bound.points, bound.left)


def _thinned(data: bytes, bound: Bound, kept: Flags) -> Metrics | None:
    """Without the points that are not kept, and what is empty then."""
    request: ExportMetricsServiceRequest = ExportMetricsServiceRequest.FromString(data)
    gone = [*bound.number[~kept].tolist(), bound.points]
    first = place = 0

    def metric_gone(metric: Metric) -> bool:
        nonlocal first, place
        points = getattr(metric, str(metric.WhichOneof("data"))).data_points
        begin, count = first, len(points)
        first += count
        if gone[place] >= first:
            return False
        low = place
        while gone[place] < first:
            place += 1
        if place - low == count:
            return True
        for number in reversed(gone[low:place]):
            del points[number - begin]
        return False

    def scope_gone(scope: ScopeMetrics) -> bool:
        drop_items(scope.metrics, metric_gone)
        return not scope.metrics

    def resource_gone(resource: ResourceMetrics) -> bool:
        drop_items(resource.scope_metrics, scope_gone)
        return not resource.scope_metrics

    drop_items(request.resource_metrics, resource_gone)
    return Metrics.of(request) if request.resource_metrics else None
