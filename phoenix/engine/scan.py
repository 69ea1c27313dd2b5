"""Count the data points of an encoded OTLP metrics request by hopping over lengths, without decoding it.

About half the cost of upb's parse. The frame down to each point is checked; what is inside a point is not, so broken
bytes there surface only in pipelines that decode.
"""

from __future__ import annotations

from phoenix.engine.errors import BadData

_RESOURCE_METRICS = 0x0A
_SCOPE_METRICS = 0x12
_METRICS = 0x12
_POINTS = 0x0A
_POINT_KINDS = frozenset({0x2A, 0x3A, 0x4A, 0x52, 0x5A})  # gauge, sum, histogram, exponential histogram, summary


def varint(data: bytes, at: int) -> tuple[int, int]:
    """Read a base-128 number; returns it and where it ended."""
    value, shift = 0, 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > 63:
            msg = "a varint is longer than 10 bytes"
            raise BadData(msg)


def _skip(data: bytes, tag: int, at: int) -> int:
    """Where the value of a field that is not length-delimited ends."""
    wire = tag & 7
    if wire == 0:
        return varint(data, at)[1]
    if wire == 1:
        return at + 8
    if wire == 5:
        return at + 4
    msg = f"wire type {wire} at byte {at} is not protobuf"
    raise BadData(msg)


def _children(data: bytes, at: int, end: int, wanted: int) -> list[tuple[int, int]]:
    """The [start, end) of each field with this tag in one message."""
    found = []
    while at < end:
        tag, at = varint(data, at)
        if tag & 7 != 2:
            at = _skip(data, tag, at)
            continue
        length, at = varint(data, at)
        if at + length > end:
            msg = f"a field at byte {at} claims {length} bytes beyond its message"
            raise BadData(msg)
        if tag == wanted:
            found.append((at, at + length))
        at += length
    if at > end:
        msg = f"a message ends inside a field at byte {end}"
        raise BadData(msg)
    return found


def _count_of_data(data: bytes, at: int, end: int) -> int:
    """Points of one gauge, sum or other kind, as a tight loop for the usual short lengths."""
    total = 0
    while at < end:
        if data[at] == _POINTS:
            length = data[at + 1]
            at += 2
            if length > 127:
                length, at = varint(data, at - 1)
            at += length
            total += 1
        else:
            tag, at = varint(data, at)
            if tag & 7 == 2:
                length, at = varint(data, at)
                at += length
            else:
                at = _skip(data, tag, at)
    if at > end:
        msg = f"a data point is longer than its metric at byte {end}"
        raise BadData(msg)
    return total


def _count_of_metric(data: bytes, at: int, end: int) -> int:
    total = 0
    while at < end:
        tag, at = varint(data, at)
        if tag & 7 != 2:
            at = _skip(data, tag, at)
            continue
        length, at = varint(data, at)
        if at + length > end:
            msg = f"a field at byte {at} claims {length} bytes beyond its metric"
            raise BadData(msg)
        if tag in _POINT_KINDS:
            total += _count_of_data(data, at, at + length)
        at += length
    return total


def count_points(data: bytes) -> int:
    """Data points in an encoded ExportMetricsServiceRequest.

    Raises:
        BadData: the bytes are not such a request, as far as its frame shows.
    """
    total = 0
    try:
        for resource_at, resource_end in _children(data, 0, len(data), _RESOURCE_METRICS):
            for scope_at, scope_end in _children(data, resource_at, resource_end, _SCOPE_METRICS):
                for at, end in _children(data, scope_at, scope_end, _METRICS):
                    total += _count_of_metric(data, at, end)
    except IndexError as error:
        msg = "the request ends inside a field"
        raise BadData(msg) from error
    return total
