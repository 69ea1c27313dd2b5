"""Sends one tick of a model after another, in time or not at all.

Encodes the next tick while it waits for it (in a thread: a large load takes longer than the loop may stand still) and
hands it to `sending` when it is due. A tick whose time is over before it could be sent is counted as planned and
missed; it is never caught up on.
"""

from __future__ import annotations

import asyncio
import logging
import time

from phoenix.aio.tasks import wait_for_event
from phoenix.loadgen.config import Config
from phoenix.loadgen.schedule import Schedule, SteadyClock
from phoenix.loadgen.sending import Sending
from phoenix.loadmodel.load import Load, Payload
from phoenix.loadmodel.seats import Count
from phoenix.samples.reporter import Reporter

_LOG = logging.getLogger("phoenix.loadgen")


class Generator(Sending):
    """One load, from its first tick to its last answer."""

    def __init__(self, config: Config, reporter: Reporter | None, *, instance: str) -> None:
        super().__init__(config, reporter, instance=instance)
        self._config = config

    @property
    def expected(self) -> Count | None:
        """What the load amounts to."""
        return self._config.expected

    async def run(self, stop: asyncio.Event) -> None:
        """Send until the schedule ends or `stop` is set; returns after the last answers and reports."""
        config = self._config
        load = await asyncio.to_thread(Load, config.model, seed=config.seed, interval_s=config.interval_s)
        await self.start()
        try:
            await self._send(load, stop)
        finally:
            await self.finish(stop)

    async def _send(self, load: Load, stop: asyncio.Event) -> None:
        config = self._config
        clock = SteadyClock(time.time_ns, time.monotonic_ns)
        schedule = config.schedule(clock.now())
        load.start(schedule.first - config.interval_ns)
        self._log_start(schedule, load)
        tick: int | None = schedule.first if schedule.ticks else None
        while tick is not None and not stop.is_set():
            if schedule.is_late(tick, clock.now()):
                self._miss(load, tick)
                tick = schedule.after(tick)
                continue
            payloads = await asyncio.to_thread(load.tick, tick)
            self.ready = True
            if await wait_for_event(stop, (tick - clock.now()) / 1e9):
                break
            if schedule.is_late(tick, clock.now()):
                self._miss(load, tick)
            else:
                self._submit(payloads, tick)
            self.report(clock.now())
            tick = schedule.after(tick)
        # The last windows close when the last answers are in, which `run` waits for.

    def _submit(self, payloads: list[Payload], tick: int) -> None:
        for payload in payloads:
            self.submit(payload.data, points=payload.points, tick=tick)
        self.sent_ticks += 1

    def _miss(self, load: Load, tick: int) -> None:
        for points in load.plan(tick):
            self.missed(points=points, tick=tick)
        self.miss_tick(tick)

    def _log_start(self, schedule: Schedule, load: Load) -> None:
        _LOG.info(
            "load ready streams=%d active_series=%d payloads=%d ticks=%d first=%d targets=%d",
            load.expected.streams,
            load.expected.active_series,
            len(load.payload_points),
            schedule.ticks,
            schedule.first,
            len(self._config.targets),
        )
