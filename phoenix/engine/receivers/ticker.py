"""What receivers share that read at every tick: waiting for it, handing on with counters, and the end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine

from phoenix.aio.tasks import wait_for_event
from phoenix.engine.component import Consumer, Settings
from phoenix.engine.data import Metrics
from phoenix.engine.errors import ConsumeError
from phoenix.engine.tasks import TaskOwner

_STOP_S = 1.0


class Ticker:
    """Ticks are multiples of an interval since the epoch; one that comes while the last is still under way is left out,
    never caught up on."""

    def __init__(self, settings: Settings, next_consumer: Consumer, *, transport: str) -> None:
        self._next = next_consumer
        self._log = settings.log
        self._tasks = TaskOwner(settings.fail)
        self._stopping = asyncio.Event()
        labels = {"receiver": str(settings.id), "transport": transport}
        self._accepted = settings.telemetry.counter("otelcol_receiver_accepted_metric_points", **labels)
        self._refused = settings.telemetry.counter("otelcol_receiver_refused_metric_points", **labels)

    def spawn(self, work: Coroutine[object, object, None], *, name: str) -> None:
        """Run work that ends by itself once there are no more ticks."""
        self._tasks.spawn(work, name=name)

    async def stop(self) -> None:
        """No more ticks; a scrape under way may take a second to arrive, then it is given up."""
        self._stopping.set()
        try:
            async with asyncio.timeout(_STOP_S):
                await self._tasks.join()
        except TimeoutError:
            self._log.warning("scrape given up at shutdown")
        finally:
            await self._tasks.close()

    async def stopped_within(self, delay_s: float) -> bool:
        """Wait so long; true at once when stopping."""
        return await wait_for_event(self._stopping, delay_s)

    async def after(self, tick: int, interval_ns: int) -> int:
        """Wait for the first tick after this one and now, by the wall clock, which may be set while we wait.

        0: stopping.
        """
        due = max(tick, time.time_ns()) // interval_ns * interval_ns + interval_ns
        while (wait_ns := due - time.time_ns()) > 0:
            if await self.stopped_within(wait_ns / 1e9):
                return 0
        return 0 if self._stopping.is_set() else due

    async def hand_on(self, metrics: Metrics) -> None:
        """Give what was read to the next consumer; a refusal is counted and logged."""
        points = metrics.points
        if not points:
            return
        try:
            await self._next.consume(metrics)
        except ConsumeError as error:
            self._refused.add(points)
            self._log.warning("scrape refused points=%d error=%s", points, error)
        else:
            self._accepted.add(points)
