"""When ticks are due: at multiples of the interval since the epoch, by a clock that does not jump. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Schedule:
    """Ticks first, first + interval, … below end; all Unix nanoseconds."""

    first: int
    end: int
    interval_ns: int

    @classmethod
    def plan(
        cls, *, now: int, start_at: int | None, end_at: int | None, interval_ns: int, max_duration_ns: int
    ) -> Schedule:
        """Start at `start_at` (also where it has passed: those ticks are missed) or now, rounded up to a tick."""
        first = -(-(now if start_at is None else start_at) // interval_ns) * interval_ns
        latest = first + max_duration_ns
        return cls(first, latest if end_at is None else min(end_at, latest), interval_ns)

    def after(self, tick: int) -> int | None:
        """The tick after this one; None: it was the last."""
        following = tick + self.interval_ns
        return following if following < self.end else None

    def is_late(self, tick: int, now: int) -> bool:
        """Whether the tick's time is over: the next one is due, and a tick is never sent late in bulk."""
        return now >= tick + self.interval_ns

    @property
    def ticks(self) -> int:
        """How many there are."""
        return max(0, -(-(self.end - self.first) // self.interval_ns))


class SteadyClock:
    """Unix nanoseconds that advance with the monotonic clock: a stepped wall clock neither bunches nor skips ticks.

    Args:
        wall_ns: Unix nanoseconds, read once.
        monotonic_ns: advances at one nanosecond a nanosecond.
    """

    def __init__(self, wall_ns: Callable[[], int], monotonic_ns: Callable[[], int]) -> None:
        self._monotonic_ns = monotonic_ns
        self._offset_ns = wall_ns() - monotonic_ns()

    def now(self) -> int:
        """Unix nanoseconds."""
        return self._monotonic_ns() + self._offset_ns
