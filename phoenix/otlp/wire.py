"""The protobuf wire format, as far as a scanner needs it: varints and a strict walk over one message's fields."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from phoenix.otlp.errors import MalformedPayload

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
_MAX_VARINT_BYTES = 10


class Field(NamedTuple):
    """One field of a message: its whole extent is [start, end), its value (without tag and length) [value, end)."""

    number: int
    wire: int
    start: int
    value: int
    end: int


def varint(data: bytes, at: int) -> tuple[int, int]:
    """Read one varint: (value, offset behind it).

    Raises:
        MalformedPayload: it runs over the end or over ten bytes.
    """
    if at < len(data) and (byte := data[at]) < 128:  # most are tags and short lengths
        return byte, at + 1
    value = shift = 0
    for offset in range(at, at + _MAX_VARINT_BYTES):
        if offset >= len(data):
            break
        byte = data[offset]
        value |= (byte & 127) << shift
        if byte < 128:
            return value, offset + 1
        shift += 7
    raise MalformedPayload(f"varint at byte {at} does not end")


def fields(data: bytes, start: int, end: int) -> Iterator[Field]:
    """Walk the fields of the message in data[start:end].

    Raises:
        MalformedPayload: a field reaches over the end of its message, has number 0 or a wire type that OTLP never uses.
    """
    at = start
    while at < end:
        tag, value = varint(data, at)
        wire = tag & 7
        if wire == LENGTH:
            length, value = varint(data, value)
            stop = value + length
        elif wire == VARINT:
            _, stop = varint(data, value)
        elif wire == FIXED64:
            stop = value + 8
        elif wire == FIXED32:
            stop = value + 4
        else:
            raise MalformedPayload(f"field at byte {at} has wire type {wire}, which OTLP never uses")
        if stop > end or tag < 8:
            raise MalformedPayload(f"field {tag >> 3} at byte {at} reaches over the end of its message at byte {end}")
        yield Field(tag >> 3, wire, at, value, stop)
        at = stop
