"""Where a data point keeps its time and values, so that numpy can gather them from many points at once.

Every sender lays the points of a metric out alike: fixed-width fields in front (the *head*), then the fields that make
identity (attributes, bounds, flags: the *key*), then perhaps a histogram's min and max (the *tail*). `learn` reads that
off one point. A scanner then takes data[at + head : end - tail] as key of every further point of the metric without
looking inside, and `fits` checks the assumption for all of them afterwards, exactly: every tag and length byte.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from phoenix.otlp.errors import MalformedPayload
from phoenix.otlp.model import MetricType
from phoenix.otlp.wire import FIXED64, LENGTH, Field, fields

Offsets = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]
Words = npt.NDArray[np.uint64]
"""Element i is the little-endian word at byte i of the payload, for every i."""

START, TIME, COUNT_OR_DOUBLE, SUM, INTEGER, BUCKETS, MIN, MAX = 0x11, 0x19, 0x21, 0x29, 0x31, 0x32, 0x59, 0x61
_NUMBER_HEAD, _NUMBER_KEY = frozenset({START, TIME, COUNT_OR_DOUBLE, INTEGER}), frozenset({7, 8})
_HISTOGRAM_HEAD = frozenset({START, TIME, COUNT_OR_DOUBLE, SUM, BUCKETS, MIN, MAX})
_HISTOGRAM_KEY = frozenset({7, 9, 10})
_EITHER_NUMBER = 0xFF ^ (
    COUNT_OR_DOUBLE ^ INTEGER
)  # clears the one bit in which a double's and an integer's tag differ

KEY_FIELDS = {MetricType.GAUGE: _NUMBER_KEY, MetricType.SUM: _NUMBER_KEY, MetricType.HISTOGRAM: _HISTOGRAM_KEY}
"""Field numbers that make identity, for the types of which points have a fixed layout."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Offsets from a point's start (`head` side) or from its end (`tail` side), in bytes; -1: there is no such field.

    `checks` and `tail_checks` are (offset, mask, byte): what must be found there.
    """

    histogram: bool
    head: int
    tail: int
    time: int
    value: int
    sum: int
    buckets: int
    bucket_count: int
    checks: tuple[tuple[int, int, int], ...]
    tail_checks: tuple[tuple[int, int, int], ...]
    variable: tuple[int, ...]
    """offsets of the head's 8-byte words that change from tick to tick (all but the start time)"""
    tail_variable: tuple[int, ...]

    def fits(self, octets: Bytes, at: Offsets, end: Offsets | None) -> npt.NDArray[np.bool_]:
        """Which points have this layout. `end` is needed where there is a tail."""
        good = at <= len(octets) - self.head
        if (
            not good.all()
        ):  # NB: cut off at the payload's end; look elsewhere rather than beyond it, they are bad anyway
            at = np.where(good, at, 0)
        for offset, mask, byte in self.checks:
            good &= _masked(octets[at + offset], mask) == byte
        if end is not None:
            for offset, mask, byte in self.tail_checks:
                good &= _masked(octets[end - offset], mask) == byte
        return good

    def fits_one(self, data: bytes, at: int, end: int) -> bool:
        """Whether the point in data[at:end] has this head and tail; its key is not looked into."""
        if end - at < self.head + self.tail:
            return False
        for offset, mask, byte in self.checks:
            if data[at + offset] & mask != byte:
                return False
        return all(data[end - offset] & mask == byte for offset, mask, byte in self.tail_checks)

    def times(self, words: Words, at: Offsets) -> npt.NDArray[np.int64]:
        """Unix nanoseconds."""
        return words[at + self.time].view(np.int64)

    def values(self, words: Words, octets: Bytes, at: Offsets) -> npt.NDArray[np.float64]:
        """Values of number points; NaN where the layout has none."""
        if self.value < 0 or self.histogram:
            return np.full(len(at), np.nan)
        raw = words[at + self.value]
        integer = octets[at + (self.value - 1)] == INTEGER
        if not integer.any():
            return raw.view(np.float64)
        return np.where(integer, raw.view(np.int64).astype(np.float64), raw.view(np.float64))

    def counts(self, words: Words, at: Offsets) -> npt.NDArray[np.float64]:
        """Counts of histogram points; an absent count is 0."""
        if self.value < 0:
            return np.zeros(len(at))
        return words[at + self.value].astype(np.float64)

    def sums(self, words: Words, at: Offsets) -> npt.NDArray[np.float64]:
        """Sums of histogram points; NaN where the layout has none."""
        if self.sum < 0:
            return np.full(len(at), np.nan)
        return words[at + self.sum].view(np.float64)

    def cumulative_buckets(self, words: Words, at: Offsets) -> npt.NDArray[np.float64]:
        """Cumulative bucket counts of histogram points, shape (points, buckets): what `le` buckets hold."""
        places = at[:, None] + (self.buckets + 8 * np.arange(self.bucket_count))[None, :]
        return np.cumsum(words[places], axis=1, dtype=np.uint64).astype(np.float64)


def _masked(octets: Bytes, mask: int) -> Bytes:
    return octets if mask == 0xFF else octets & np.uint8(mask)


def learn(data: bytes, at: int, end: int, type: MetricType) -> Layout | None:
    """Read the layout off the point in data[at:end]; None if it has none that numpy could use.

    None means: a type of varying layout, exemplars, unpacked arrays, fields out of order or given twice, no time.

    Raises:
        MalformedPayload: the point's fields do not end where it ends.
    """
    if type not in KEY_FIELDS:
        return None
    histogram = type is MetricType.HISTOGRAM
    parts = _split(list(fields(data, at, end)), KEY_FIELDS[type])
    if parts is None:
        return None
    head, tail = parts
    key_at = head[-1].end if head else at
    tail_at = tail[0].start if tail else end
    tags = [data[field.start] for field in (*head, *tail)]
    if not set(tags) <= (_HISTOGRAM_HEAD if histogram else _NUMBER_HEAD) or len(set(tags)) != len(tags):
        return None
    if TIME not in tags[: len(head)] or BUCKETS in tags[len(head) :] or {COUNT_OR_DOUBLE, INTEGER} <= set(tags):
        return None
    place = {data[field.start]: field.value - at for field in head}
    buckets = next((field for field in head if data[field.start] == BUCKETS), None)
    bucket_bytes = buckets.end - buckets.value if buckets else 0
    if bucket_bytes % 8:
        raise MalformedPayload(f"bucket counts of the point at byte {at} are {bucket_bytes} bytes long, not 8 each")
    return Layout(
        histogram=histogram,
        head=key_at - at,
        tail=end - tail_at,
        time=place[TIME],
        value=place.get(COUNT_OR_DOUBLE, place.get(INTEGER, -1)),
        sum=place.get(SUM, -1),
        buckets=place.get(BUCKETS, -1),
        bucket_count=bucket_bytes // 8,
        checks=tuple(_checks(data, head, at, histogram)),
        tail_checks=tuple((end - field.start, 0xFF, data[field.start]) for field in tail),
        variable=tuple(
            offset - at for field in head if data[field.start] != START for offset in range(field.value, field.end, 8)
        ),
        tail_variable=tuple(end - field.value for field in tail),
    )


def _split(found: list[Field], key_fields: frozenset[int]) -> tuple[list[Field], list[Field]] | None:
    """(fields before the key, fields behind it); None if other fields are mixed into the key."""
    places = [index for index, field in enumerate(found) if field.number in key_fields]
    if not places:
        return found, []
    first, last = places[0], places[-1]
    return None if last - first + 1 != len(places) else (found[:first], found[last + 1 :])


def _checks(data: bytes, head: Iterable[Field], at: int, histogram: bool) -> Iterable[tuple[int, int, int]]:
    for field in head:
        tag = data[field.start]
        if not histogram and tag in (COUNT_OR_DOUBLE, INTEGER):
            yield field.start - at, _EITHER_NUMBER, COUNT_OR_DOUBLE
            continue
        yield field.start - at, 0xFF, tag
        if field.wire == LENGTH:  # the length too must be the same in every point
            for offset in range(field.start + 1, field.value):
                yield offset - at, 0xFF, data[offset]
        elif field.wire != FIXED64:
            raise MalformedPayload(f"field {field.number} of the point at byte {at} has wire type {field.wire}")
