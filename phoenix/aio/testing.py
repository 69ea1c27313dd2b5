"""A clock that moves when a test says so."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from datetime import UTC, datetime, timedelta

_START = datetime(2026, 1, 1, tzinfo=UTC)


class ManualClock:
    """A Clock for tests: time stands still until `advance`.

    Sleepers wake in the order of their deadlines, and each sees the time it asked to wake at.
    """

    def __init__(self, start: datetime = _START) -> None:
        self._start = start
        self._elapsed_s = 0.0
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def monotonic(self) -> float:
        """Seconds advanced so far."""
        return self._elapsed_s

    def now(self) -> datetime:
        """The start plus what was advanced, aware UTC."""
        return self._start + timedelta(seconds=self._elapsed_s)

    async def sleep(self, delay_s: float) -> None:
        """Wait until the clock was advanced by `delay_s`."""
        if delay_s <= 0:
            await asyncio.sleep(0)
            return
        wake: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._elapsed_s + delay_s, next(self._order), wake))
        await wake

    @property
    def sleepers(self) -> int:
        """How many wait for time to pass."""
        return sum(not wake.done() for _, _, wake in self._sleepers)

    async def advance(self, seconds: float) -> None:
        """Move time on, waking whoever is due, and let them run."""
        target_s = self._elapsed_s + seconds
        await self.settle()
        while self._sleepers and self._sleepers[0][0] <= target_s:
            self._elapsed_s, _, wake = heapq.heappop(self._sleepers)
            if not wake.done():
                wake.set_result(None)
            await self.settle()
        self._elapsed_s = target_s
        await self.settle()

    async def settle(self) -> None:
        """Let everything that is ready run (a fixed number of turns of the loop)."""
        for _ in range(20):
            await asyncio.sleep(0)
