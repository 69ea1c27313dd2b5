"""Who is there at which tick: seats, and the generations that take them. Pure, and the same for every seed.

A *seat* is a place for one modelled process (an instance, a process, a pod) at a time; a *generation* is who has it.
Churn gives a seat its next generation, phases and events decide whether it is taken at all. Both the counts stated
beforehand and the bytes sent step through one Timeline, so that they cannot differ.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from phoenix.loadmodel.dynamics import Dynamics, Turnover

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Visit:
    """Seats that are taken from one time to another only, in nanoseconds since the first tick; `until_ns` None: on."""

    seats: tuple[int, ...]
    from_ns: int
    until_ns: int | None


@dataclass(frozen=True, slots=True)
class Move:
    """Seats that get their next generation at a time, in nanoseconds since the first tick."""

    seats: tuple[int, ...]
    at_ns: int


@dataclass(slots=True)
class Seating:
    """All seats of a load. Seats are numbered in the order they are added."""

    streams: list[int] = field(default_factory=list)
    """OTLP streams, and points a tick, by seat"""
    series: list[int] = field(default_factory=list)
    """series of a Prometheus-type backend, by seat"""
    ordinal: list[int] = field(default_factory=list)
    """place among its like, by seat: taken while below the phase's multiple of `base`; -1: always"""
    base: int = 1
    churning: list[tuple[int, ...]] = field(default_factory=list)
    """seats that are replaced together, in the order in which it comes to them"""
    resetting: list[tuple[int, ...]] = field(default_factory=list)
    visits: list[Visit] = field(default_factory=list)
    moves: list[Move] = field(default_factory=list)

    def add(self, streams: int, series: int, ordinal: int = -1) -> int:
        """Add a seat; returns its number."""
        self.streams.append(streams)
        self.series.append(series)
        self.ordinal.append(ordinal)
        return len(self.streams) - 1


class Timeline:
    """The seats from tick to tick. `step` must be called with ticks that ascend; 0 is the first."""

    def __init__(self, seating: Seating, dynamics: Dynamics, interval_ns: int) -> None:
        self._seating, self._dynamics, self._interval_ns = seating, dynamics, interval_ns
        self._ordinal = np.array(seating.ordinal, np.int64)
        self._elapsed_ns = -1
        self.generations: Ints = np.zeros(len(seating.streams), np.int64)
        self.live: Bools = np.zeros(len(seating.streams), np.bool_)
        self.reset: Ints = np.empty(0, np.int64)
        """seats whose counters begin anew with this tick"""

    @property
    def elapsed_ns(self) -> int:
        """Time from the first tick to this one."""
        return self._elapsed_ns

    def step(self, tick: int) -> bool:
        """Go to a tick; returns whether other processes are there than at the last one."""
        before, self._elapsed_ns = self._elapsed_ns, tick * self._interval_ns
        renewed = self._turned(self._dynamics.churn, self._seating.churning, before)
        for move in self._seating.moves:
            if before < move.at_ns <= self._elapsed_ns:
                renewed += move.seats
        self.reset = np.array(self._turned(self._dynamics.resets, self._seating.resetting, before), np.int64)
        if renewed:
            np.add.at(self.generations, np.array(renewed, np.int64), 1)
        live = self._taken()
        changed = bool(renewed) or not np.array_equal(live, self.live)
        self.live = live
        return changed

    def _turned(self, turnover: Turnover | None, groups: list[tuple[int, ...]], before_ns: int) -> list[int]:
        """Seats that it came to since `before_ns`."""
        if turnover is None or not groups:
            return []
        size = max(1, round(len(groups) * turnover.fraction))
        seats: list[int] = []
        for turn in range(max(before_ns, 0) // turnover.every_ns, self._elapsed_ns // turnover.every_ns):
            for place in range(turn * size, (turn + 1) * size):
                seats += groups[place % len(groups)]
        return seats

    def _taken(self) -> Bools:
        most = max(1, round(self._seating.base * self._dynamics.phase_at(self._elapsed_ns).instances))
        live: Bools = self._ordinal < most
        for visit in self._seating.visits:
            there = visit.from_ns <= self._elapsed_ns and (visit.until_ns is None or self._elapsed_ns < visit.until_ns)
            live[list(visit.seats)] &= there
        return live


@dataclass(frozen=True, slots=True)
class Count:
    """Streams (or points) and Prometheus-type series."""

    streams: int
    active_series: int


class Census:
    """Counts distinct processes over a run of ticks. Generations only grow, so the last one counted is enough."""

    def __init__(self, seating: Seating) -> None:
        self._streams, self._series = np.array(seating.streams, np.int64), np.array(seating.series, np.int64)
        self._counted = np.full(len(self._streams), -1, np.int64)
        self._total = [0, 0]

    def see(self, timeline: Timeline) -> None:
        """Count who is there now and was not yet counted."""
        new = timeline.live & (timeline.generations > self._counted)
        self._counted[new] = timeline.generations[new]
        self._total[0] += int(self._streams[new].sum())
        self._total[1] += int(self._series[new].sum())

    def points_of(self, timeline: Timeline) -> int:
        """Points of the timeline's tick."""
        return int(self._streams[timeline.live].sum())

    @property
    def count(self) -> Count:
        """What was seen so far."""
        return Count(self._total[0], self._total[1])
