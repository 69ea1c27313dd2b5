"""Values of the series that signals ask for, kept as long as the longest range needs, and PromQL's rate over them.

A *member* is one Prometheus series (of a histogram: one bucket, the count or the sum). Bounded: at most `capacity`
points (24 bytes each); beyond that the oldest go first, and `shortened` says so. Owned by one thread.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from phoenix.meter.registry import Ids

Floats = npt.NDArray[np.float64]
_S = 1e9
_EXTRAPOLATION = 1.1  # Prometheus: a gap longer than this many average intervals is not extrapolated over


@dataclass(frozen=True, slots=True)
class Vector:
    """One value for each of some members, ascending by member."""

    members: Ids
    values: Floats


class History:
    """Points of members, sorted by member and time once `settle` was called; of equal times the last arrived counts."""

    def __init__(self, range_ns: int, *, capacity: int = 20_000_000) -> None:
        self._range_ns = range_ns
        self._capacity = capacity
        self._members = np.empty(0, np.int64)
        self._times = np.empty(0, np.int64)
        self._values = np.empty(0, np.float64)
        self._new: list[tuple[Ids, Ids, Floats]] = []
        self.shortened = False

    @property
    def range_ns(self) -> int:
        """How far back points are kept, nanoseconds."""
        return self._range_ns

    def between(self, wanted: Ids, start_ns: int, end_ns: int) -> tuple[Ids, Ids, Floats]:
        """Points of the members `wanted` with start <= time < end: members, times and values, sorted by both."""
        if not len(self._members) or not len(wanted):
            return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float64)
        table = np.zeros(max(int(self._members[-1]), int(wanted.max())) + 1, np.bool_)
        table[wanted] = True
        inside = table[self._members] & (self._times >= start_ns) & (self._times < end_ns)
        return self._members[inside], self._times[inside], self._values[inside]

    def add(self, members: Ids, times: Ids, values: Floats) -> None:
        """Take points, in the order of arrival; values that are not finite are left out."""
        finite = np.isfinite(values)
        if not finite.all():
            members, times, values = members[finite], times[finite], values[finite]
        if len(members):
            self._new.append((members, times, values))

    def settle(self, end_ns: int) -> None:
        """Sort in what is new, forget what is older than the range before `end_ns`."""
        if self._new:
            self._members = np.concatenate([self._members, *(part[0] for part in self._new)])
            self._times = np.concatenate([self._times, *(part[1] for part in self._new)])
            self._values = np.concatenate([self._values, *(part[2] for part in self._new)])
            self._new = []
        kept = self._times >= end_ns - self._range_ns
        if np.count_nonzero(kept) > self._capacity:
            newest = np.partition(self._times[kept], -self._capacity)[-self._capacity]
            kept = self._times > newest
            self.shortened = True
        self._select(np.flatnonzero(kept))
        order = np.lexsort((self._times, self._members))  # stable: arrival order stays among equals
        self._select(order)
        same = (self._members[1:] == self._members[:-1]) & (self._times[1:] == self._times[:-1])
        self._select(np.flatnonzero(np.append(~same, True))[: len(self._members)])

    def _select(self, index: Ids) -> None:
        self._members, self._times, self._values = self._members[index], self._times[index], self._values[index]

    def _between(self, start_ns: int, end_ns: int) -> tuple[Ids, Ids, Floats, Ids]:
        """Points with start <= time < end, and the index of each member's first."""
        inside = (self._times >= start_ns) & (self._times < end_ns)
        members = self._members[inside]
        firsts = np.flatnonzero(np.append(True, members[1:] != members[:-1])[: len(members)])
        return members, self._times[inside], self._values[inside], firsts

    def last(self, start_ns: int, end_ns: int) -> Vector:
        """The last value of each member that has one in [start, end)."""
        members, _, values, firsts = self._between(start_ns, end_ns)
        lasts = np.append(firsts[1:], len(members))[: len(firsts)] - 1
        return Vector(members[lasts], values[lasts])

    def rate(self, range_ns: int, end_ns: int, delta: npt.NDArray[np.bool_]) -> Vector:
        """Rate per second over [end - range, end) as Prometheus computes it; see `phoenix.meter.signals`.

        Args:
            range_ns: of the range, at most the history's.
            end_ns: exclusive.
            delta: by member, whether its points are increments and not running totals.
        """
        start_ns = end_ns - range_ns
        members, times, values, firsts = self._between(start_ns, end_ns)
        if not len(members):
            return Vector(members, values)
        counts = np.diff(np.append(firsts, len(members)))
        lasts = firsts + counts - 1
        whole = members[firsts]
        is_delta = delta[whole]
        steps = np.empty_like(values)
        steps[1:] = values[1:] - values[:-1]
        steps = np.where(steps < 0, values, steps)  # a counter that fell was reset: it began at 0
        steps[firsts] = 0.0
        increase = np.add.reduceat(steps, firsts)
        first_s, last_s = (times[firsts] - start_ns) / _S, (end_ns - times[lasts]) / _S
        sampled_s = (times[lasts] - times[firsts]) / _S
        enough = (counts > 1) & ~is_delta
        increase[enough] *= _extrapolation(
            sampled_s[enough], counts[enough], first_s[enough], last_s[enough], values[firsts][enough], increase[enough]
        )
        total = np.where(is_delta, np.add.reduceat(values, firsts), increase)
        enough |= is_delta
        return Vector(whole[enough], total[enough] / (range_ns / _S))


def _extrapolation(
    sampled_s: Floats, counts: Ids, to_start_s: Floats, to_end_s: Floats, first: Floats, increase: Floats
) -> Floats:
    """Prometheus's extrapolatedRate: by how much an increase is stretched to cover the range; two points or more."""
    interval_s = sampled_s / (counts - 1)
    limit_s = interval_s * _EXTRAPOLATION
    to_start_s = np.where(to_start_s >= limit_s, interval_s / 2, to_start_s)
    rising = (increase > 0) & (first >= 0)
    to_zero_s = sampled_s * np.divide(first, increase, out=np.full_like(first, np.inf), where=rising)
    to_start_s = np.minimum(to_start_s, to_zero_s)  # a counter does not begin below zero
    to_end_s = np.where(to_end_s >= limit_s, interval_s / 2, to_end_s)
    stretched: Floats = (sampled_s + to_start_s + to_end_s) / sampled_s
    return stretched
