"""Which points went into which: points carry numbers through processors, as a field that no schema has.

Protobuf keeps fields it does not know when a message is copied; whoever merges points while a trace runs calls
`note_merge`. Times of a traced request are made equal before, so that it merges all that could ever merge.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from google.protobuf.unknown_fields import UnknownFieldSet
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from phoenix.otlp.encode import varint

_FIELD = 20_001
_TAG = varint(_FIELD << 3)
_TRACING: ContextVar[set[int] | None] = ContextVar("tracing", default=None)
_TIME, _START = 2, 1


class Untraceable(Exception):
    """Something was done to points that cannot be told by which points went in."""


@contextmanager
def tracing() -> Iterator[set[int]]:
    """While it lasts, merges note what went into them; gives the numbers of all points that were merged."""
    merged: set[int] = set()
    token = _TRACING.set(merged)
    try:
        yield merged
    finally:
        _TRACING.reset(token)


def note_merge(points: Sequence[Any], how: str) -> None:
    """To be called before points are merged into the first of them.

    Raises:
        Untraceable: while tracing, for another way than adding up, or if sums are added to a sum: doubles would not be
            added in the order of their points.
    """
    merged = _TRACING.get()
    if merged is None:
        return
    if how != "sum":
        raise Untraceable(how)
    for point in points[1:]:
        numbers = numbers_of(point)
        if len(numbers) > 1:
            raise Untraceable("sums of sums")
        for number in numbers:
            _give(points[0], number)
    merged.update(numbers_of(points[0]))


def points_of_request(request: ExportMetricsServiceRequest) -> Iterator[tuple[Any, Any]]:
    """Each point with its metric's data, in order."""
    for resource in request.resource_metrics:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                kind = metric.WhichOneof("data")
                if kind:
                    data = getattr(metric, kind)
                    for point in data.data_points:
                        yield point, data


def numbered(data: bytes, *, time: int = _TIME, start: int = _START) -> ExportMetricsServiceRequest:
    """The payload decoded, each point with its number from 0, one time, and one start time if it has any."""
    request: ExportMetricsServiceRequest = ExportMetricsServiceRequest.FromString(data)
    for number, (point, _) in enumerate(points_of_request(request)):
        _give(point, number)
        point.time_unix_nano = time
        if point.start_time_unix_nano:
            point.start_time_unix_nano = start
    return request


def numbers_of(point: Any) -> list[int]:
    """The numbers of the points that went into this one, the first first."""
    return [item.data for item in UnknownFieldSet(point) if item.field_number == _FIELD]


def _give(point: Any, number: int) -> None:
    point.MergeFromString(mark_of(number))


def mark_of(number: int) -> bytes:
    """What a number adds to the end of an encoded point."""
    return _TAG + varint(number)
