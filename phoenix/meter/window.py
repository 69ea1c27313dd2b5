"""Windows of one variant: points gathered by point time, counted exactly when the window closes.

From: scans of requests. To: `Closed`, the figures of one window. Nothing is estimated: distinct streams and series are
marked in a byte per id, duplicates are found by counting the distinct streams of each time stamp. Memory: 4 bytes a
point of the open windows, and 8 more where one request has points of several times.
Owned by one thread.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from phoenix.meter.columns import Column
from phoenix.meter.continuity import tally
from phoenix.meter.registry import Ids, Registry

_MANY_TIMES = 10_000
_NEVER = np.iinfo(np.int64).min


@dataclass(slots=True)
class Window:
    """An open window; `index` is its start divided by its length."""

    index: int
    points: int = 0
    requests: int = 0
    bytes: int = 0
    max_lag_ns: int = 0
    gzip_ratio: float | None = None
    slots: list[npt.NDArray[np.int32]] = field(default_factory=list)
    """of each request"""
    times: list[Ids | int] = field(default_factory=list)
    """of each request; one number if all its points have the same time"""

    def add(self, slots: Ids, times: Ids, size_bytes: int, lag_ns: int) -> None:
        """Take the points of one request, or those of them that belong here."""
        self.points += len(slots)
        self.requests += 1
        self.bytes += size_bytes
        self.max_lag_ns = max(self.max_lag_ns, lag_ns)
        self.slots.append(slots.astype(np.int32))
        self.times.append(int(times[0]) if (times == times[0]).all() else times)


@dataclass(frozen=True, slots=True)
class Closed:
    """What one window held. `units` are the distinct ids that were live in it."""

    points: int
    samples: int
    duplicates: Counter[int]
    """points whose stream and time were there before, by number of the metric family"""
    streams: int
    active_series: int
    gaps: Counter[int]
    """streams that were last seen before the window before, by number of the metric family"""
    metric_names: int
    units: Ids
    recorded_units: Ids


class Ledger:
    """When each stream and each unit was last seen: what makes unions over any run of windows exact."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._stream_last = Column(np.int64)
        self._unit_last = Column(np.int64)

    def close(self, window: Window, length_ns: int) -> Closed:
        """Count a window and remember what it saw. Windows must be closed in order of their index."""
        registry = self._registry
        if not window.slots:
            nothing = np.empty(0, np.int64)
            return Closed(0, 0, Counter(), 0, 0, Counter(), 0, nothing, nothing)
        slots = np.concatenate(window.slots).astype(np.int64)
        distinct = _distinct(slots, len(registry.slot_stream))
        streams = _distinct(registry.slot_stream.all[distinct], registry.streams)
        units = _distinct(registry.units_of(distinct), registry.units)
        recorded = distinct[registry.slot_recorded.all[distinct]]
        self._grow()
        before = self._stream_last.all[streams]
        gaps = streams[(before != _NEVER) & (before < window.index - 1)]
        twice = _points_again(window, registry.slot_stream.all, registry.streams, length_ns)
        self._stream_last.all[streams] = window.index
        self._unit_last.all[units] = window.index
        return Closed(
            points=len(slots),
            samples=int(registry.slot_samples.all[slots].sum()),
            duplicates=self._by_family(distinct, twice),
            streams=len(streams),
            active_series=int(registry.unit_weight.all[units].sum()),
            gaps=self._by_family(distinct, gaps),
            metric_names=len(_distinct(registry.unit_family.all[units], registry.families)),
            units=units,
            recorded_units=_distinct(registry.units_of(recorded), registry.units),
        )

    def _by_family(self, slots: Ids, streams: Ids) -> Counter[int]:
        """How many of `streams`, all of them streams of `slots`, each metric family has."""
        if not len(streams):
            return Counter()
        registry = self._registry
        family = np.empty(registry.streams, np.int64)
        family[registry.slot_stream.all[slots]] = registry.unit_family.all[registry.slot_unit.all[slots]]
        return tally(family[streams])

    def _grow(self) -> None:
        self._stream_last.extend(self._registry.streams, _NEVER)
        known = len(self._unit_last)
        self._unit_last.extend(self._registry.units, _NEVER)
        parents = self._registry.unit_parent.all[known:]
        split = np.flatnonzero(self._registry.unit_inherits.all[known:])
        # A part of a split histogram was last seen when the whole was.
        self._unit_last.all[known + split] = self._unit_last.all[parents[split]]

    def streams(self) -> list[tuple[int, int]]:
        """(window index, streams last seen in it), ascending, without zeros."""
        return _by_window(self._stream_last.all, None)

    def active_series(self) -> list[tuple[int, int]]:
        """(window index, series last seen in it), ascending, without zeros."""
        return _by_window(self._unit_last.all, self._registry.unit_weight.all[: len(self._unit_last)])

    def seen_units(self) -> npt.NDArray[np.bool_]:
        """Whether each unit was in a window that closed, shape (units,)."""
        self._grow()
        seen: npt.NDArray[np.bool_] = self._unit_last.all != _NEVER
        return seen


def _by_window(last: Ids, weights: Ids | None) -> list[tuple[int, int]]:
    seen = last != _NEVER
    if not seen.any():
        return []
    windows = last[seen]
    first = int(windows.min())
    # float64 weights are exact up to 2**53 series
    counts = np.bincount(windows - first, None if weights is None else weights[seen])
    return [(first + index, int(counts[index])) for index in np.flatnonzero(counts).tolist()]


def _distinct(ids: Ids, number: int) -> Ids:
    """The distinct ones of ids below `number`, ascending."""
    mark = np.zeros(number, np.bool_)
    mark[ids] = True
    return np.flatnonzero(mark)


def _points_again(window: Window, slot_stream: Ids, streams: int, length_ns: int) -> Ids:
    """The stream of every point whose (stream, time) was there before."""
    by_time: dict[int, list[Ids]] = {}
    for slots, time in zip(window.slots, window.times, strict=True):
        if not isinstance(time, int) or len(by_time) > _MANY_TIMES:
            return _again_by_sorting(window, slot_stream, length_ns)
        by_time.setdefault(time, []).append(slot_stream[slots])
    # Every stream keeps the last place it was written at: a point still found there is the one that counts.
    place = np.empty(streams, np.int64)
    found: list[Ids] = []
    for parts in by_time.values():
        of = parts[0] if len(parts) == 1 else np.concatenate(parts)
        index = np.arange(len(of))
        place[of] = index
        again = place[of] != index
        if again.any():
            found.append(of[again])
    return np.concatenate(found) if found else np.empty(0, np.int64)


def _again_by_sorting(window: Window, slot_stream: Ids, length_ns: int) -> Ids:
    """The same where requests have points of several times: three times slower."""
    pairs = zip(window.slots, window.times, strict=True)
    times = np.concatenate([np.full(len(s), t) if isinstance(t, int) else t for s, t in pairs])
    streams: npt.NDArray[np.int64] = slot_stream[np.concatenate(window.slots)].astype(np.int64)
    offsets = times - window.index * length_ns
    if int(streams.max()) < (1 << 62) // length_ns:
        keys: npt.NDArray[np.int64] = streams * length_ns + offsets
        keys.sort()
        return np.floor_divide(keys[np.flatnonzero(keys[1:] == keys[:-1])], length_ns)
    order = np.lexsort((offsets, streams))
    streams, offsets = streams[order], offsets[order]
    return streams[np.flatnonzero((streams[1:] == streams[:-1]) & (offsets[1:] == offsets[:-1]))]
