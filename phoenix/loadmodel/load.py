"""A load that can be sent: the payloads of one tick after another. Pure; the clock is an argument.

Which processes are there is told by `seats.Timeline`, what they are called and how their values move by the model. A
payload has whole seats only, so that a series has its place in the same payload as long as it lives; where the seats
of a payload change, that payload alone is laid out anew, from pieces encoded once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from phoenix.loadmodel.dynamics import EventKind
from phoenix.loadmodel.emitter import Emitter
from phoenix.loadmodel.expected import counted
from phoenix.loadmodel.http import HttpModel
from phoenix.loadmodel.seats import Count, Ints, Timeline
from phoenix.loadmodel.units import LoadModel, Mood, Unit, UnitOf, Values
from phoenix.otlp.encode import Template, Words

_MAX_PAYLOAD_BYTES = 4 << 20


@dataclass(frozen=True, slots=True)
class Payload:
    """One export request of a tick."""

    data: bytes
    points: int


class Load:
    """All series of a model, and their state. Not thread-safe: one `tick` at a time.

    Args:
        model: already scaled; an Emitter stands for model M1 without changes.
        seed: same model, seed, interval, start and tick times: same bytes.
        interval_s: time between ticks; decides how much happens in one.

    Raises:
        LoadModelError: the load is too large to hold.
    """

    def __init__(self, model: LoadModel[Any] | Emitter, *, seed: int, interval_s: float) -> None:
        if isinstance(model, Emitter):
            model = HttpModel(model)
        self._dynamics = model.dynamics
        self._interval_ns = round(interval_s * 1e9)
        seating = model.seating()
        self.expected: Count = counted(model, self._interval_ns)
        self._timeline = Timeline(seating, model.dynamics, self._interval_ns)
        self._tick = 0
        self._timeline.step(0)
        self._first_unix_nano: int | None = None
        unit_of = _Once(model.unit_of(seed))
        self._parts = [
            _Part(seats, unit_of.take, model.values(np.random.default_rng([seed, 2, place]), interval_s))
            for place, seats in enumerate(_grouped(len(seating.streams), unit_of, self._timeline))
        ]
        for part in self._parts:
            part.seat(self._timeline, 0)

    @property
    def points(self) -> int:
        """Data points of the tick encoded last; before the first: of that."""
        return sum(part.points for part in self._parts)

    @property
    def payload_points(self) -> tuple[int, ...]:
        """Points of each payload of the tick encoded last; before the first: of that."""
        return tuple(part.points for part in self._parts if part.points)

    def start(self, start_unix_nano: int) -> None:
        """Set the start time of every cumulative series, when the modelled processes started: a tick before the first.

        Everything a profile states times for is reckoned from that first tick.
        """
        self._first_unix_nano = start_unix_nano + self._interval_ns
        for part in self._parts:
            part.start_all(start_unix_nano)

    def tick(self, time_unix_nano: int) -> list[Payload]:
        """Let one interval happen and encode it; ticks may be left out, and what changed in them has changed."""
        self._step(time_unix_nano)
        elapsed = self._timeline.elapsed_ns
        mood = Mood(
            activity=self._dynamics.phase_at(elapsed).activity,
            error_burst=self._dynamics.active(EventKind.ERROR_BURST, elapsed) is not None,
            cpu_swap=self._dynamics.active(EventKind.CPU_SWAP, elapsed) is not None,
        )
        skew = self._dynamics.active(EventKind.CLOCK_SKEW, elapsed)
        offset_ns = skew.offset_ns if skew else 0
        return [Payload(part.tick(time_unix_nano, mood, offset_ns), part.points) for part in self._parts if part.points]

    def plan(self, time_unix_nano: int) -> tuple[int, ...]:
        """Points of each payload that this tick has, without letting it happen: for one that is missed."""
        self._step(time_unix_nano)
        return self.payload_points

    def _step(self, time_unix_nano: int) -> None:
        first = self._first_unix_nano
        tick = 0 if first is None else max(self._tick, (time_unix_nano - first) // self._interval_ns)
        if tick == self._tick:
            return
        self._tick = tick
        began = time_unix_nano - self._interval_ns
        changed = self._timeline.step(tick)
        for part in self._parts:
            if changed:
                part.seat(self._timeline, began)
            part.reset(self._timeline.reset, began)


class _Once:
    """Units made to see how large they are, kept until they are asked for."""

    def __init__(self, unit_of: UnitOf[Any]) -> None:
        self._unit_of = unit_of
        self._made: dict[int, Unit[Any]] = {}

    def size_bytes(self, seat: int, generations: Ints) -> int:
        unit = self._made[seat] = self._unit_of(seat, generations)
        return unit.size_bytes

    def take(self, seat: int, generations: Ints) -> Unit[Any]:
        made = self._made.pop(seat, None)
        return made if made is not None and not generations[seat] else self._unit_of(seat, generations)


def _grouped(seats: int, unit_of: _Once, timeline: Timeline) -> list[list[int]]:
    """Seats to payloads of a few MiB: the engine aggregates within a resource of one request only."""
    groups: list[list[int]] = []
    size = _MAX_PAYLOAD_BYTES
    for seat in range(seats):
        own = unit_of.size_bytes(seat, timeline.generations)
        if size + own > _MAX_PAYLOAD_BYTES:
            groups.append([])
            size = 0
        groups[-1].append(seat)
        size += own
    return groups


class _Part:
    """One payload: its seats, who has them, its template and values."""

    def __init__(self, seats: Sequence[int], unit_of: UnitOf[Any], values: Values[Any]) -> None:
        self._seats: Ints = np.array(seats, np.int64)
        self._unit_of, self._values = unit_of, values
        self._units: list[Unit[Any]] = []
        self._who: list[tuple[int, int]] = []
        """seat and generation of each unit"""
        self._starts: Ints = np.empty(0, np.int64)
        self._template = Template([])
        self._owner: Ints = np.empty(0, np.int64)

    @property
    def points(self) -> int:
        return self._template.points

    def seat(self, timeline: Timeline, began_unix_nano: int) -> None:
        """Take the seats as they are now; who is new began at that time."""
        here = self._seats[timeline.live[self._seats]]
        who = list(zip(here.tolist(), timeline.generations[here].tolist(), strict=True))
        if who == self._who:
            return
        places = {one: place for place, one in enumerate(self._who)}
        kept = [places.get(one, -1) for one in who]
        self._units = [
            self._units[was] if was >= 0 else self._unit_of(one[0], timeline.generations)
            for was, one in zip(kept, who, strict=True)
        ]
        old = self._starts
        self._starts = np.array([old[was] if was >= 0 else began_unix_nano for was in kept], np.int64)
        self._who = who
        self._values.regroup([unit.laws for unit in self._units], kept)
        self._template = Template(piece for unit in self._units for piece in unit.pieces)
        self._owner = _owners(self._units)
        self._write_starts()

    def start_all(self, start_unix_nano: int) -> None:
        self._starts[:] = start_unix_nano
        self._write_starts()

    def reset(self, seats: Ints, began_unix_nano: int) -> None:
        """Those of these seats that are here and taken begin anew."""
        if not len(seats):
            return
        wanted = set(seats.tolist())
        units = [place for place, (seat, _) in enumerate(self._who) if seat in wanted]
        if units:
            self._starts[units] = began_unix_nano
            self._values.reset(units)
            self._write_starts()

    def _write_starts(self) -> None:
        self._template.set_start(self._starts[self._owner].view(np.uint64))

    def tick(self, time_unix_nano: int, mood: Mood, offset_ns: int) -> bytes:
        numbers, histograms = self._values.tick(mood)
        time: int | Words = time_unix_nano
        if offset_ns:
            seats = np.array([seat for seat, _ in self._who], np.int64)
            skewed = time_unix_nano + np.where(seats % 2, offset_ns, -offset_ns)
            time = skewed[self._owner].view(np.uint64)
        return self._template.encode(time, numbers, histograms)


def _owners(units: Sequence[Unit[Any]]) -> Ints:
    """For each point of a template, in its order, the unit it belongs to."""
    histograms: dict[int, list[int]] = {}
    numbers = [sum(len(piece.numbers) for piece in unit.pieces) for unit in units]
    for size in sorted({size for unit in units for piece in unit.pieces for size in piece.histograms}):
        histograms[size] = [sum(len(piece.histograms.get(size, ())) for piece in unit.pieces) for unit in units]
    indexes = np.arange(len(units))
    parts = [np.repeat(indexes, numbers), *(np.repeat(indexes, counts) for counts in histograms.values())]
    return np.concatenate(parts).astype(np.int64)
