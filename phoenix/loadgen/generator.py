"""Sends one tick after another, in time or not at all.

Encodes the next tick while it waits for it (in a thread: a large load takes longer than the loop may stand still),
hands it to `phoenix.otlp.fanout` when it is due, and gives closed windows to the reporter. A tick whose time is over
before it could be sent is counted as planned and missed; it is never caught up on.
"""

from __future__ import annotations

import asyncio
import logging
import time

from phoenix.aio.tasks import wait_for_event
from phoenix.loadgen.config import Config
from phoenix.loadgen.schedule import Schedule, SteadyClock
from phoenix.loadmodel.load import Load, Payload
from phoenix.loadmodel.seats import Count
from phoenix.otlp.fanout import Fanout, TargetTotals
from phoenix.samples.inputs import input_samples
from phoenix.samples.reporter import Reporter, ReporterStatistics

_LOG = logging.getLogger("phoenix.loadgen")
_ANSWER_TIMEOUT_S = 5.0
_STOP_DRAIN_S, _STOP_REPORT_S = 1.5, 2.5  # after SIGTERM: together below the 5 s a program has to end
_FOREVER = 1 << 62


class Generator:
    """One load, from its first tick to its last answer. `instance` names this start of the process."""

    def __init__(self, config: Config, reporter: Reporter | None, *, instance: str) -> None:
        self.ready = False
        self.sent_ticks = self.missed_ticks = 0
        self._config, self._reporter, self._instance = config, reporter, instance
        self._fanout = Fanout(config.targets, window_ns=config.window_ns, timeout_s=_ANSWER_TIMEOUT_S)

    @property
    def expected(self) -> Count:
        """What the load amounts to."""
        return self._config.expected

    def totals(self) -> dict[str, TargetTotals]:
        """Sums by target."""
        return self._fanout.totals()

    def reported(self) -> ReporterStatistics | None:
        """What became of the samples; None: there is no report."""
        return self._reporter.statistics() if self._reporter else None

    async def run(self, stop: asyncio.Event) -> None:
        """Send until the schedule ends or `stop` is set; returns after the last answers and reports."""
        config = self._config
        load = await asyncio.to_thread(Load, config.model, seed=config.seed, interval_s=config.interval_s)
        if self._reporter:
            await self._reporter.start()
        await self._fanout.start()
        try:
            await self._send(load, stop)
        finally:
            # At the end of the schedule answers may take their time; after SIGTERM there is little of it.
            await self._fanout.aclose(_STOP_DRAIN_S if stop.is_set() else _ANSWER_TIMEOUT_S)
            self._report(_FOREVER)
            if self._reporter:
                await self._reporter.aclose(_STOP_REPORT_S)
            self._log_end()

    async def _send(self, load: Load, stop: asyncio.Event) -> None:
        config = self._config
        clock = SteadyClock(time.time_ns, time.monotonic_ns)
        schedule = Schedule.plan(
            now=clock.now(),
            start_at=config.start_at,
            end_at=config.end_at,
            interval_ns=config.interval_ns,
            max_duration_ns=config.max_duration_ns,
        )
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
            self._report(clock.now())
            tick = schedule.after(tick)
        # The last windows close when the last answers are in, which `run` waits for.

    def _submit(self, payloads: list[Payload], tick: int) -> None:
        for payload in payloads:
            self._fanout.submit(payload.data, points=payload.points, tick_unix_nano=tick)
        self.sent_ticks += 1

    def _miss(self, load: Load, tick: int) -> None:
        for points in load.plan(tick):
            self._fanout.missed(points=points, tick_unix_nano=tick)
        if not self.missed_ticks:
            _LOG.warning("tick missed tick=%d (later ones are only counted)", tick)
        self.missed_ticks += 1

    def _report(self, now: int) -> None:
        windows = self._fanout.close_windows(now)
        if self._reporter and windows:
            report = self._reporter.config
            self._reporter.put(input_samples(windows, run=report.run, host=report.host, instance=self._instance))

    def _log_start(self, schedule: Schedule, load: Load) -> None:
        _LOG.info(
            "load ready streams=%d active_series=%d payloads=%d ticks=%d first=%d targets=%d",
            self.expected.streams,
            self.expected.active_series,
            len(load.payload_points),
            schedule.ticks,
            schedule.first,
            len(self._config.targets),
        )

    def _log_end(self) -> None:
        _LOG.info("load ended ticks_sent=%d ticks_missed=%d", self.sent_ticks, self.missed_ticks)
        for target, total in self.totals().items():
            _LOG.info(
                "load sent target=%s planned_points=%d sent_points=%d acked_points=%d requests=%d failed=%d missed=%d "
                "last_failure=%r",
                target,
                total.planned_points,
                total.sent_points,
                total.acked_points,
                total.requests,
                total.failed_requests,
                total.missed_requests,
                total.last_failure,
            )
