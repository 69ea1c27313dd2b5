"""How an ExportMetricsServiceRequest is laid out, above and below its points: steps of the scanner's walk.

Every step is strict: it takes what all senders write (fields in the order of their numbers, each once) and raises
`Irregular` at anything else, so that the payload can be put in order by `in_order` and read again.
"""

from __future__ import annotations

from collections.abc import Iterator

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from phoenix.otlp.errors import MalformedPayload
from phoenix.otlp.model import MetricType
from phoenix.otlp.wire import LENGTH, fields, varint

_FIRST = 0x0A
_NO_TAIL = (MetricType.GAUGE, MetricType.SUMMARY)


class Irregular(Exception):
    """Legal perhaps, but not laid out as every sender does."""


def extents(data: bytes, at: int, stop: int) -> Iterator[tuple[int, int]]:
    """Bodies of the points that follow one another in data[at:stop]. Raises Irregular if they do not end at `stop`."""
    while at < stop:
        if data[at] != 10:
            raise Irregular(f"unexpected field at byte {at}")
        size = data[at + 1]
        if size < 128:
            at += 2
        else:
            size, at = varint(data, at + 1)
        end = at + size
        if end > stop:
            raise Irregular(f"point at byte {at} reaches over the end of its metric")
        yield at, end
        at = end


def bodies(data: bytes, at: int, end: int) -> tuple[list[int], list[int]]:
    """Where each of the points that follow one another from `at` begins and ends, up to `end` or another field.

    The same walk as `extents`, as lists: a generator's switches cost as much again as the walk.

    Raises:
        Irregular: one reaches over `end`.
    """
    begins: list[int] = []
    ends: list[int] = []
    while at < end and data[at] == 10:
        size = data[at + 1]
        if size < 128:
            at += 2
        elif (more := data[at + 2]) < 128:
            size, at = size & 127 | more << 7, at + 3
        else:
            size, at = varint(data, at + 1)
        begins.append(at)
        at += size
        ends.append(at)
    if at > end:
        raise Irregular(f"a point before byte {at} reaches over the end of its metric")
    return begins, ends


def messages(data: bytes, at: int, end: int, tag: int, *, last: int = -1) -> Iterator[tuple[int, int]]:
    """Extents of the messages that follow one another with one tag up to `end`; a field `last` may stand last.

    Raises Irregular if there is anything else.
    """
    while at < end:
        found = data[at]
        size, start = varint(data, at + 1)
        at = start + size
        if found == last and at == end:
            if not data[start:end].isascii():
                data[start:end].decode()  # text: to be refused like any other if it is no UTF-8
            return
        if found != tag or at > end:
            raise Irregular(f"unexpected field before byte {start}, or it reaches over the end of its parent")
        yield start, at


def leading(data: bytes, at: int, end: int) -> tuple[bytes, int]:
    """The resource or scope that stands first, and where it ends; empty if there is none."""
    if at >= end or data[at] != _FIRST:
        return b"", at
    size, start = varint(data, at + 1)
    if start + size > end:
        raise Irregular(f"message at byte {start} reaches over the end of its parent")
    return data[start : start + size], start + size


def guess_points_end(data: bytes, end: int, type: MetricType) -> int:
    """Where a metric's points probably end and its temporality (`10 xx`) and monotonicity (`18 xx`) begin."""
    if type in _NO_TAIL:
        return end
    if data[end - 4] == 0x10 and data[end - 2] == 0x18:
        return end - 4
    return end - 2 if data[end - 2] in (0x10, 0x18) else end


def points_end(data: bytes, first: int, end: int) -> int:
    """Where a metric's points end, for certain. Raises Irregular if points follow other fields."""
    stop = first
    for item in fields(data, first, end):
        if item.number == 1 and item.wire == LENGTH:
            if item.start != stop:
                raise Irregular(f"points behind other fields at byte {item.start}")
            stop = item.end
    return stop


def in_order(data: bytes) -> bytes:
    """The same request with all fields in the order of their numbers, once each, and no unknown ones."""
    try:
        request = ExportMetricsServiceRequest.FromString(data)
    except DecodeError as error:
        raise MalformedPayload(f"{len(data)} bytes are no OTLP ExportMetricsServiceRequest: {error}") from error
    request.DiscardUnknownFields()
    ordered: bytes = request.SerializeToString()
    return ordered
