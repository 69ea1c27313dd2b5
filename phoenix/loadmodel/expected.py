"""What a load amounts to, by arithmetic, before anything runs: at its first tick, at each later one, all told. Pure.

Counts are exact and the same for every seed. Of a load that changes, each tick has its own, and the union over a run of
ticks counts every series once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from phoenix.loadmodel.errors import LoadModelError
from phoenix.loadmodel.httpcounts import (
    ACTIVE_METHODS,
    BODY_BOUNDS,
    DURATION_BOUNDS,
    MAX_POINTS,
    Expected,
    expected,
)
from phoenix.loadmodel.profile import read_model
from phoenix.loadmodel.seats import Census, Count, Seating, Timeline
from phoenix.loadmodel.units import LoadModel

__all__ = [
    "ACTIVE_METHODS", "BODY_BOUNDS", "DURATION_BOUNDS", "MAX_POINTS", "Expected", "WindowCount", "count_run", "counted",
    "expected", "expected_active_series", "expected_streams",
]  # fmt: skip
_S_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class WindowCount:
    """A run of ticks: its points, and the distinct streams and series in it."""

    ticks: int
    points: int
    streams: int
    active_series: int


@dataclass(frozen=True, slots=True)
class RunCount:
    """What a run has: `windows` in order, and `union` over all of them."""

    windows: tuple[WindowCount, ...]
    union: WindowCount


def counted(model: LoadModel[Any], interval_ns: int = _S_NS) -> Count:
    """What the first tick has.

    Raises:
        LoadModelError: it is more than a generator can hold.
    """
    seating = checked_seating(model)
    timeline, census = Timeline(seating, model.dynamics, interval_ns), Census(seating)
    timeline.step(0)
    census.see(timeline)
    return census.count


def checked_seating(model: LoadModel[Any]) -> Seating:
    """The model's seats. Raises LoadModelError: together they are more than a generator can hold."""
    seating = model.seating()
    if (points := sum(seating.streams)) > MAX_POINTS:
        raise LoadModelError([f"otlp: {points} points a tick, at most {MAX_POINTS}: use a smaller size or scale"])
    return seating


def count_run(model: LoadModel[Any], *, interval_ns: int, ticks: int, ticks_per_window: int = 2) -> RunCount:
    """What windows of ticks and all of them together have.

    Args:
        model: scaled.
        interval_ns: time between ticks.
        ticks: how many are counted.
        ticks_per_window: the last window may have fewer.

    Raises:
        LoadModelError: it is more than a generator can hold.
    """
    seating = checked_seating(model)
    timeline, union = Timeline(seating, model.dynamics, interval_ns), Census(seating)
    windows: list[WindowCount] = []
    points = 0
    for start in range(0, ticks, ticks_per_window):
        part = range(start, min(start + ticks_per_window, ticks))
        window, census = 0, Census(seating)
        for tick in part:
            timeline.step(tick)
            census.see(timeline)
            union.see(timeline)
            window += census.points_of(timeline)
        points += window
        windows.append(WindowCount(len(part), window, census.count.streams, census.count.active_series))
    return RunCount(tuple(windows), WindowCount(ticks, points, union.count.streams, union.count.active_series))


def points_by_tick(model: LoadModel[Any], *, interval_ns: int) -> Iterator[int]:
    """Points of tick 0, 1, … without end. Raises LoadModelError as `counted`."""
    seating = checked_seating(model)
    timeline, census = Timeline(seating, model.dynamics, interval_ns), Census(seating)
    tick = 0
    while True:
        timeline.step(tick)
        yield census.points_of(timeline)
        tick += 1


def expected_streams(otlp: object, *, scale: float = 1.0) -> int:
    """OTLP streams of an OtlpEmitter (JSON) at its first tick. Raises LoadModelError."""
    return counted(read_model(otlp, scale=scale)).streams


def expected_active_series(otlp: object, *, scale: float = 1.0) -> int:
    """Series of an OtlpEmitter (JSON) at its first tick, as a Prometheus-type backend counts. Raises LoadModelError."""
    return counted(read_model(otlp, scale=scale)).active_series
