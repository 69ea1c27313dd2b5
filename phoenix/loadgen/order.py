"""When requests of a recording are due, where some of their times are wrong. Pure.

What was recorded later was sent later: the order of the file is sure, times are what senders' clocks said. One clock
that is wrong must neither end a replay nor hold up what comes behind. Times are Unix nanoseconds of the recording.
"""

from __future__ import annotations

from collections.abc import Sequence

LOOK_FRAMES = 7
"""So many requests ahead are looked at: up to three in a row may be wrong."""


def middle(times: Sequence[int]) -> int:
    """The upper median; 0 of none. What most agree on, whatever the others say."""
    return sorted(times)[len(times) // 2] if times else 0


class Order:
    """Follows one turn of a recording.

    Args:
        first: times of its first requests, one at least.
        interval_ns: a request so far ahead of what comes behind it is early for its tick.
        reach_ns: length of the run; what is further off belongs to no window of it.
    """

    def __init__(self, first: Sequence[int], *, interval_ns: int, reach_ns: int) -> None:
        self._interval_ns, self._reach_ns = interval_ns, reach_ns
        at = 0
        while first[at + 1 :] and self._is_off(first[at], first[at + 1 :]):
            at += 1
        self.first = self._last = first[at]
        """The time that the replay begins with: of the first request that agrees with those behind it."""

    def _is_off(self, time: int, following: Sequence[int]) -> bool:
        lower = sorted(following)[(len(following) - 1) // 2]
        return self._is_ahead(time, following) or (len(following) > 1 and lower - time > self._reach_ns)

    def _is_ahead(self, time: int, following: Sequence[int]) -> bool:
        return time - middle(following) > self._interval_ns

    def due(self, time: int, following: Sequence[int]) -> int:
        """When the next request is due: at its time, or with the one before it, where that cannot be.

        Args:
            time: of the request.
            following: times of those of the next `LOOK_FRAMES` that have any; few at the end.
        """
        few = len(following) < 2
        ahead = time - self._last > self._reach_ns if few else self._is_ahead(time, following)
        if not ahead:
            self._last = max(self._last, time)
        return self._last
