"""Arithmetic of exponential histograms: coarser scales, wider zeros, sums and differences, as the Collector does them.

A bucket of index i at a scale holds values from b^i to b^(i+1), b being 2^(2^-scale): one scale less is two buckets in
one. Counts are whole numbers of 64 bits without a sign.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

_MAX_BUCKETS = 160
_UNSIGNED = 2**64
_LEAST = -(2**31)


@dataclass(slots=True)
class Buckets:
    """Counts of one sign, from the bucket `offset` on."""

    offset: int
    counts: list[int]

    @classmethod
    def of(cls, message: Any) -> Buckets:
        """Those of a point."""
        return cls(message.offset, list(message.bucket_counts))

    def write(self, message: Any) -> None:
        """Put them into a point."""
        message.offset = self.offset
        message.bucket_counts[:] = self.counts

    @property
    def end(self) -> int:
        """Index after the last."""
        return self.offset + len(self.counts)

    def at(self, index: int) -> int:
        """The count of a bucket; 0 where there is none."""
        return self.counts[index - self.offset] if self.offset <= index < self.end else 0

    def coarsen(self, scales: int) -> None:
        """Go down so many scales, keeping no bucket that is not needed."""
        if scales and self.counts:
            first, last = self.offset >> scales, (self.end - 1) >> scales
            merged = [0] * (last - first + 1)
            for index, count in enumerate(self.counts, self.offset):
                merged[(index >> scales) - first] += count
            self.counts = merged
        self.offset >>= scales

    def collapse(self, scales: int) -> None:
        """Go down so many scales, as many buckets as before: those that are no longer needed are empty at the end."""
        before = len(self.counts)
        self.coarsen(scales)
        self.counts += [0] * (before - len(self.counts))

    def cut_up_to(self, index: int) -> int:
        """Take away the buckets up to one; how many they counted."""
        cut = min(max(index - self.offset + 1, 0), len(self.counts))
        taken = sum(self.counts[:cut])
        del self.counts[:cut]
        self.offset += cut
        return taken

    def minus(self, old: Buckets) -> Buckets | None:
        """What came since; None: a bucket counts less than it did."""
        grown = [(index, count - old.at(index)) for index, count in enumerate(self.counts, self.offset) if count]
        if any(more < 0 for _, more in grown):
            return None
        grown = [(index, more) for index, more in grown if more]
        if not grown:
            return Buckets(0, [])
        made = Buckets(grown[0][0], [0] * (grown[-1][0] - grown[0][0] + 1))
        for index, more in grown:
            made.counts[index - made.offset] = more
        return made

    def span(self, other: Buckets) -> tuple[int, int]:
        """First index and end of the buckets of both, without empty ones on either side."""
        # NB: by what counted, not index by index: between two points at scale 20 there can be millions of empty ones.
        counted = [index for side in (self, other) for index, count in enumerate(side.counts, side.offset) if count]
        if not counted:
            end = max(self.end, other.end)
            return end, end
        return min(counted), max(counted) + 1

    def add(self, other: Buckets) -> None:
        """Count what the other counted, at the same scale."""
        if not other.counts:
            return
        if not self.counts:
            self.offset, self.counts = other.offset, list(other.counts)
            return
        low, high = self.span(other)
        self.counts = [self.at(index) + other.at(index) for index in range(low, high)]
        self.offset = low


@dataclass(slots=True)
class Exponential:
    """What a point of an exponential histogram counted."""

    count: int
    sum: float
    zero_count: int
    zero_threshold: float
    scale: int
    positive: Buckets
    negative: Buckets

    @classmethod
    def of(cls, point: Any) -> Exponential:
        """Those of a point."""
        return cls(
            point.count, point.sum, point.zero_count, point.zero_threshold, point.scale, Buckets.of(point.positive),
            Buckets.of(point.negative),
        )  # fmt: skip

    def to_scale(self, scale: int) -> None:
        """Go down to a scale, as many buckets as before."""
        for side in (self.positive, self.negative):
            side.collapse(self.scale - scale)
        self.scale = scale


def difference(now: Exponential, before: Exponential) -> Exponential | None:
    """What came since the last point of a stream; None: it was reset. `before` may be made coarser to fit `now`."""
    if now.count < before.count or now.zero_threshold < before.zero_threshold or now.scale > before.scale:
        return None
    if now.zero_threshold > before.zero_threshold:
        factor = math.ldexp(math.log2(math.e), before.scale)
        threshold = math.ceil(math.log(now.zero_threshold) * factor) - 1
        before.zero_count += before.positive.cut_up_to(threshold) + before.negative.cut_up_to(threshold)
    if now.scale < before.scale:
        for side in (before.positive, before.negative):
            side.coarsen(before.scale - now.scale)
        before.scale = now.scale
    positive, negative = now.positive.minus(before.positive), now.negative.minus(before.negative)
    if positive is None or negative is None:
        return None
    zeros = (now.zero_count - before.zero_count) % _UNSIGNED
    return Exponential(
        now.count - before.count, now.sum - before.sum, zeros, now.zero_threshold, now.scale, positive, negative
    )


def add(so_far: Any, point: Any) -> None:
    """Add a point's counts to those of another, in place, at the lower of their scales and the wider of their zeros.

    Sum, minimum and maximum stay only where both have them. The result has at most 160 buckets of a sign.
    """
    state, more = Exponential.of(so_far), Exponential.of(point)
    scale = min(state.scale, more.scale)
    for one in (state, more):
        one.to_scale(scale)
    scale = min(_fitting(scale, state.positive, more.positive), _fitting(scale, state.negative, more.negative))
    for one in (state, more):
        one.to_scale(scale)
    if state.zero_threshold != more.zero_threshold:
        narrow, wide = sorted((state, more), key=lambda one: one.zero_threshold)
        _widen_zero(narrow, wide.zero_threshold)
    state.positive.add(more.positive)
    state.negative.add(more.negative)
    state.positive.write(so_far.positive)
    state.negative.write(so_far.negative)
    so_far.scale, so_far.zero_threshold = scale, state.zero_threshold
    so_far.count = (state.count + more.count) % _UNSIGNED
    so_far.zero_count = (state.zero_count + more.zero_count) % _UNSIGNED
    for name, value in (("sum", state.sum + more.sum), ("min", min(so_far.min, point.min)),
                        ("max", max(so_far.max, point.max))):  # fmt: skip
        if so_far.HasField(name) and point.HasField(name):
            setattr(so_far, name, value)
        else:
            so_far.ClearField(name)


def _fitting(scale: int, one: Buckets, other: Buckets) -> int:
    """The scale at which the buckets of both are not too many."""
    low, high = one.span(other)
    while high - low > _MAX_BUCKETS:
        low, high = int(low / 2), int(high / 2)  # towards zero
        scale -= 1
    return scale


def _widen_zero(point: Exponential, width: float) -> None:
    """Count buckets up to a value as zeros."""
    last = _index(width, point.scale)
    for side in (point.positive, point.negative):
        point.zero_count += side.cut_up_to(last)
    point.zero_threshold = math.exp((last + 1) * math.ldexp(math.log(2), -point.scale))


def _index(value: float, scale: int) -> int:
    """The bucket a value falls into."""
    fraction, exponent = math.frexp(value)
    if fraction == 0.5:
        return int(math.ldexp(exponent - 1, scale)) - 1
    return math.floor(math.log(value) * math.ldexp(math.log2(math.e), scale))


def scaled_offset(scale: int, offset: int, factor: float) -> int:
    """Where the first bucket goes when values are multiplied: to where its middle lands, as an int32.

    What is beyond all doubles, or not above zero, lands where Go's conversion on amd64 puts it: at the least int32.
    """
    try:
        base = 2.0 ** (2.0**-scale)
        middle = (base**offset + base ** (offset + 1)) / 2 * factor
        landed = math.ceil(math.log(middle) * math.ldexp(math.log2(math.e), scale)) - 1
    except (OverflowError, ValueError):
        return _LEAST
    return landed if _LEAST <= landed < -_LEAST else _LEAST
