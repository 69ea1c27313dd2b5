"""Payloads that repeat the sender's last one but for times and values: recognised exactly, at memory speed.

A sender mostly sends its series in the same order every time. Once two payloads of one length gave the same ids at the
same places, the second is kept as a template. Of the next payload of that length the times and values alone are written
into the template; if the two are then equal byte for byte, the ids are the same, and nothing need be looked up. If not,
the template is dropped. Bounded: templates of 16 lengths and 128 MiB together; beyond, the oldest goes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from phoenix.otlp.layout import Layout, Offsets, Words

_MAX_LENGTHS = 16
_MAX_BYTES = 128 << 20


@dataclass(frozen=True, slots=True)
class Points:
    """Points of one layout: `slots` and `times` (Unix ns), shape (n,); values are gathered on demand from `at`.

    `end` is None for layouts without a tail.
    """

    layout: Layout
    slots: Offsets
    times: Offsets
    at: Offsets
    end: Offsets | None = None

    def variable(self) -> list[Offsets]:
        """Places of all words that differ from one payload to the next."""
        places = [self.at + offset for offset in self.layout.variable]
        if self.end is not None:
            places += [self.end - offset for offset in self.layout.tail_variable]
        return places


@dataclass(slots=True)
class _Seen:
    points: Sequence[Points]
    own_bytes: int
    buffer: bytearray | None = None


class Repeats:
    """Templates of one stream of requests."""

    def __init__(self) -> None:
        self._by_length: dict[int, _Seen] = {}
        self._bytes = 0

    def recognise(self, data: bytes, words: Words) -> tuple[list[Points], int] | None:
        """(points, own bytes) if the payload repeats a template, else None."""
        seen = self._by_length.get(len(data))
        if seen is None or seen.buffer is None:
            return None
        kept = words_of(seen.buffer)
        for points in seen.points:
            for places in points.variable():
                kept[places] = words[places]
        if seen.buffer != data:
            self._drop(len(data))
            return None
        again = [Points(old.layout, old.slots, old.layout.times(words, old.at), old.at, old.end) for old in seen.points]
        return again, seen.own_bytes

    def learn(self, data: bytes, points: Sequence[Points], own_bytes: int) -> None:
        """Take note of a payload that was scanned, all of whose points are in `points`."""
        last = self._by_length.get(len(data))
        self._drop(len(data))
        seen = self._by_length[len(data)] = _Seen(points, own_bytes)
        if last is not None and _same(last.points, points):
            seen.buffer = bytearray(data)
            self._bytes += len(data)
        while len(self._by_length) > _MAX_LENGTHS or self._bytes > _MAX_BYTES:
            self._drop(next(iter(self._by_length)))

    def _drop(self, length: int) -> None:
        seen = self._by_length.pop(length, None)
        if seen is not None and seen.buffer is not None:
            self._bytes -= length


def _same(one: Sequence[Points], other: Sequence[Points]) -> bool:
    return len(one) == len(other) and all(
        a.layout is b.layout and np.array_equal(a.at, b.at) and np.array_equal(a.slots, b.slots)
        for a, b in zip(one, other, strict=True)
    )


def words_of(data: bytes | bytearray) -> Words:
    """Every byte offset of the data as an 8-byte little-endian word: one gather reaches any fixed64 field."""
    return np.ndarray((max(len(data) - 7, 0),), "<u8", buffer=data, strides=(1,)) if len(data) > 7 else _NO_WORDS


_NO_WORDS: Words = np.empty(0, np.uint64)
