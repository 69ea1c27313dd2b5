"""What every load does with its payloads: hands them to all targets, accounts for them, reports windows, says how it
went. When and what is sent is told by `generator` (a model) and `replay` (a recording)."""

from __future__ import annotations

import asyncio
import logging

from phoenix.loadgen.config import Config
from phoenix.otlp.fanout import Fanout, TargetTotals
from phoenix.samples.inputs import input_samples
from phoenix.samples.reporter import Reporter, ReporterStatistics

_LOG = logging.getLogger("phoenix.loadgen")
_ANSWER_TIMEOUT_S = 5.0
_STOP_DRAIN_S, _STOP_REPORT_S = 1.5, 2.5  # after SIGTERM: together below the 5 s a program has to end
_FOREVER = 1 << 62


class Sending:
    """Targets and their account. `instance` names this start of the process."""

    def __init__(self, config: Config, reporter: Reporter | None, *, instance: str) -> None:
        self.ready = False
        self.sent_ticks = self.missed_ticks = self.stray_points = 0
        self._reporter, self._instance = reporter, instance
        self._fanout = Fanout(config.targets, window_ns=config.window_ns, timeout_s=_ANSWER_TIMEOUT_S)

    def totals(self) -> dict[str, TargetTotals]:
        """Sums by target."""
        return self._fanout.totals()

    def reported(self) -> ReporterStatistics | None:
        """What became of the samples; None: there is no report."""
        return self._reporter.statistics() if self._reporter else None

    async def start(self) -> None:
        """Before the first payload."""
        if self._reporter:
            await self._reporter.start()
        await self._fanout.start()

    async def finish(self, stop: asyncio.Event) -> None:
        """After the last payload: wait for answers, report the last windows, say how it went."""
        # At the end of the schedule answers may take their time; after SIGTERM there is little of it.
        await self._fanout.aclose(_STOP_DRAIN_S if stop.is_set() else _ANSWER_TIMEOUT_S)
        self.report(_FOREVER)
        if self._reporter:
            await self._reporter.aclose(_STOP_REPORT_S)
        self._log_end()

    def submit(self, data: bytes, *, points: int, tick: int) -> None:
        """One payload of a tick to every target."""
        self._fanout.submit(data, points=points, tick_unix_nano=tick)

    def missed(self, *, points: int, tick: int) -> None:
        """A payload that was due in a tick and cannot be sent in it."""
        self._fanout.missed(points=points, tick_unix_nano=tick)

    def miss_tick(self, tick: int) -> None:
        """Count a tick of which something was missed; the first one is logged."""
        if not self.missed_ticks:
            _LOG.warning("tick missed tick=%d (later ones are only counted)", tick)
        self.missed_ticks += 1

    def report(self, now: int) -> None:
        """Hand windows that are over by `now` to the reporter. The last ones close when the last answers are in."""
        windows = self._fanout.close_windows(now)
        if self._reporter and windows:
            report = self._reporter.config
            self._reporter.put(input_samples(windows, run=report.run, host=report.host, instance=self._instance))

    def _log_end(self) -> None:
        _LOG.info(
            "load ended ticks_sent=%d ticks_missed=%d stray_points=%d",
            self.sent_ticks, self.missed_ticks, self.stray_points,
        )  # fmt: skip
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
