"""Templates: what processors made of one payload, done again to others of its shape by moving and adding words.

A *copy* takes times and values of a point as they are. A *sum* adds those of several points, as
`phoenix.engine.merge` does: numbers, counts and buckets are added in order, start times and minima are the least,
maxima the greatest. Points only merge when their times are equal; a payload in which they are not is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from phoenix.engine.plan.shape import Shape, starts_with_time
from phoenix.otlp.layout import MAX, MIN, Layout, Offsets

_Rows = npt.NDArray[np.uint8]
_START_AT = 1


def gather(data: bytes | bytearray, at: Offsets, size: int) -> _Rows:
    """`size` bytes from each place, shape (n, size): one copy of a record each, whatever its alignment."""
    records = np.ndarray((len(data) - size + 1,), f"V{size}", data, 0, (1,))
    return records[at].view(np.uint8).reshape(len(at), size)


def scatter(data: bytearray, at: Offsets, rows: _Rows) -> None:
    """Write each row to its place."""
    size = rows.shape[1]
    records = np.ndarray((len(data) - size + 1,), f"V{size}", data, 0, (1,))
    records[at] = np.ascontiguousarray(rows).view(f"V{size}").reshape(len(at))


def _words(rows: _Rows, offset: int, kind: str, count: int = 1) -> Any:
    """Columns of 8-byte words, shape (n, count)."""
    return np.ascontiguousarray(rows[:, offset : offset + 8 * count]).view(kind)


def _put(rows: _Rows, offset: int, values: Any) -> None:
    """Write 8-byte words, shape (n,) or (n, count), into the columns at `offset`."""
    octets = np.ascontiguousarray(values).view(np.uint8).reshape(len(rows), -1)
    rows[:, offset : offset + octets.shape[1]] = octets


@dataclass(frozen=True, slots=True)
class Copy:
    """Points that leave as they came; places of their bodies' begin and end here and there, each shape (n,)."""

    layout: Layout
    source: Offsets
    source_end: Offsets
    target: Offsets
    target_end: Offsets

    def run(self, data: bytes, out: bytearray) -> bool:
        """Move them; always True."""
        scatter(out, self.target, gather(data, self.source, self.layout.head))
        if self.layout.tail:
            tail = self.layout.tail
            scatter(out, self.target_end - tail, gather(data, self.source_end - tail, tail))
        return True


@dataclass(frozen=True, slots=True)
class Sum:
    """Points each made of several: `source` has the members of one after those of another, from `first` on."""

    layout: Layout
    integer: bool
    """of number points: they hold integers"""
    delta: bool
    source: Offsets
    source_end: Offsets
    first: Offsets
    """index into `source` of each target's first member; shape (n,)"""
    group: Offsets
    """index of the target of each member; shape (len(source),)"""
    target: Offsets
    target_end: Offsets

    def run(self, data: bytes, out: bytearray) -> bool:
        """Add them up; False, and `out` is of no use then: times of members differ."""
        layout, first = self.layout, self.first
        rows = gather(data, self.source, layout.head)
        made = rows[first]
        if not self._alike(rows, made, layout.time):
            return False
        if starts_with_time(layout):
            if self.delta and not self._alike(rows, made, _START_AT):
                return False
            _put(made, _START_AT, np.minimum.reduceat(_words(rows, _START_AT, "<u8").ravel(), first))
        if layout.histogram:
            if not self._all_counted(rows):
                return False
            self._histograms(rows, made)
        elif layout.value >= 0:
            _put(made, layout.value, self._added(_words(rows, layout.value, "<f8" if not self.integer else "<i8")))
        scatter(out, self.target, made)
        if layout.tail:
            self._tails(data, out)
        return True

    def _alike(self, rows: _Rows, made: _Rows, offset: int) -> bool:
        of_members = _words(rows, offset, "<u8").ravel()
        of_targets = _words(made, offset, "<u8").ravel()
        return bool((of_members == of_targets[self.group]).all())

    def _all_counted(self, rows: _Rows) -> bool:
        """Whether no member's count is zero that has more to it: those are merged without their sum and extremes."""
        layout = self.layout
        if layout.value < 0:
            return False
        empty = _words(rows, layout.value, "<u8").ravel() == 0
        if not empty.any():
            return True
        return not layout.tail and (layout.sum < 0 or not _words(rows, layout.sum, "<u8").ravel()[empty].any())

    def _added(self, values: Any) -> Any:
        """Sums by target; of doubles one after the other, as a loop adds them, so that not a bit is different."""
        if values.dtype.kind == "f":
            return np.bincount(self.group, values.ravel(), len(self.first))
        return np.add.reduceat(values.ravel(), self.first)

    def _histograms(self, rows: _Rows, made: _Rows) -> None:
        layout, first = self.layout, self.first
        if layout.value >= 0:
            _put(made, layout.value, self._added(_words(rows, layout.value, "<u8")))
        if layout.sum >= 0:
            _put(made, layout.sum, self._added(_words(rows, layout.sum, "<f8")))
        if layout.bucket_count:
            buckets = _words(rows, layout.buckets, "<u8", layout.bucket_count)
            _put(made, layout.buckets, np.add.reduceat(buckets, first, axis=0))

    def _tails(self, data: bytes, out: bytearray) -> None:
        """Minima and maxima."""
        tail = self.layout.tail
        rows = gather(data, self.source_end - tail, tail)
        made = rows[self.first]
        for distance, _, tag in self.layout.tail_checks:
            offset = tail - distance + 1
            least_or_greatest: Callable[..., Any] | None = {
                MIN: np.minimum.reduceat, MAX: np.maximum.reduceat,
            }.get(tag)  # fmt: skip
            if least_or_greatest is not None:
                _put(made, offset, least_or_greatest(_words(rows, offset, "<f8").ravel(), self.first))
        scatter(out, self.target_end - tail, made)


@dataclass(frozen=True, slots=True)
class Template:
    """What leaves for payloads of one shape.

    `sample` is one payload that left; None: nothing leaves. `points` are how many points went into each processor of
    the run and came out of the last: one number more than there are processors.
    """

    sample: bytes | None
    moves: tuple[Copy | Sum, ...]
    points: tuple[int, ...]
    left: Shape | None = None
    """shape of what leaves"""

    def apply(self, data: bytes) -> tuple[bool, bytes | None]:
        """(whether it could, what leaves) for a payload of the shape."""
        if self.sample is None:
            return True, None
        out = bytearray(self.sample)
        for move in self.moves:
            if not move.run(data, out):
                return False, None
        return True, bytes(out)
