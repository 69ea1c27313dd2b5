"""Where the times of a recording go: its first request to the start, distances divided by the speed. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class Moving:
    """The recording's clock against the run's. All times Unix nanoseconds.

    Args:
        first: newest point of the recording's first request.
        start: the time it gets.
        speed: how much faster than recorded.
        interval_ns: each turn of a loop begins on a tick.
    """

    first: int
    start: int
    speed: Fraction
    interval_ns: int

    def turn(self, number: int, played_ns: int = 0) -> Callable[[int], int]:
        """How times move in one turn of a loop, from 0. `played_ns`: see `length_ns`; of turn 0: any."""
        num, den = self.speed.numerator, self.speed.denominator
        first, start = self.first, self.start + number * self.length_ns(played_ns)
        if num == den:
            return lambda time: time - first + start
        return lambda time: (time - first) * den // num + start

    def played_ns(self, last: int) -> int:
        """From the first request to a later one of the recording's time `last`, as played."""
        return (last - self.first) * self.speed.denominator // self.speed.numerator

    def length_ns(self, played_ns: int) -> int:
        """What a whole turn takes: to the tick after its last request, as a scrape would have come then."""
        return (max(0, played_ns) // self.interval_ns + 1) * self.interval_ns
