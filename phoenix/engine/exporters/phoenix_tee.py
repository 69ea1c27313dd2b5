"""The `phoenix_tee` exporter: the same bytes to every variant of an experiment, and an account of who took what.

Ours, not the collector's: it is what makes live data (`hostmetrics`, real OTLP senders) an equal input. One request is
with the targets at a time, so that none ever skips one; nothing is sent twice; a target that refuses is counted, which
makes the run Invalid, and never refused back to the source.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

from phoenix.engine.component import Exporter, ExporterFactory, Settings
from phoenix.engine.config.section import Section
from phoenix.engine.config.values import Unresolved, plain
from phoenix.engine.data import Metrics
from phoenix.engine.errors import ConsumeError
from phoenix.engine.receivers.scrapepage import SCOPE
from phoenix.engine.tasks import TaskOwner
from phoenix.otlp.fanout import Fanout, Target
from phoenix.samples.inputs import Scrapes, input_samples
from phoenix.samples.reporter import ReportConfig, Reporter

_WAITING_REQUESTS = 256
"""Requests that may wait for their turn; more are refused (503), so that senders slow down."""
_DRAIN_S, _REPORT_S = 1.0, 2.0
_FOREVER_UNIX_NANO = 1 << 62
_SCRAPES_KEPT = 32
"""Windows whose scrapes are remembered: longer than any answer is awaited."""
_REPORT_KEYS = ("endpoint_file", "namespace", "experiment", "run", "window", "host")


@dataclass(frozen=True, slots=True)
class Config:
    """Targets in order, the length of a tick, and where the account goes (None: nowhere).

    `count_scrapes`: what comes is of a prometheus receiver, of whose scrapes `up` tells.
    """

    targets: tuple[Target, ...]
    interval_ns: int
    report: ReportConfig | None
    count_scrapes: bool = False


def parse(section: Section) -> Config:
    """Read the exporter's keys."""
    targets = []
    for item in section.sections("targets"):
        target = Target(item.string("name"), item.string("endpoint"))
        if not target.name:
            item.fault("name", "a target needs a name", "the variant's name")
        if not isinstance(target.endpoint, Unresolved) and not target.endpoint.startswith(("http://", "https://")):
            item.fault("endpoint", f"{target.endpoint!r} is no URL", "write http://host:port")
        item.close()
        targets.append(target)
    if len({target.name for target in targets}) != len(targets):
        section.fault("targets", "targets need distinct names")
    interval_s = section.duration_s("interval", 1.0, minimum_s=0.001)
    report = _report(section) if section.raw("report") is not None else None
    count_scrapes = section.boolean("count_scrapes", False)
    section.close()
    return Config(tuple(targets), round(interval_s * 1e9), report, count_scrapes)


def _report(section: Section) -> ReportConfig | None:
    body = section.section("report")
    values = {key: plain(body.raw(key)) for key in _REPORT_KEYS if body.has(key)}
    body.close()
    try:
        return ReportConfig.from_json(values)
    except ValueError as error:
        for fault in str(error).split("; "):
            section.fault("report", fault.removeprefix("report."))
        return None


def tick_of(metrics: Metrics, interval_ns: int) -> int:
    """The tick a request belongs to: the newest of its metrics' first points, rounded down to the interval."""
    newest = 0
    for resource in metrics.message().resource_metrics:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                kind = metric.WhichOneof("data")
                points = getattr(metric, kind).data_points if kind else ()
                if points:
                    newest = max(newest, points[0].time_unix_nano)
    return newest - newest % interval_ns


def scrapes_of(metrics: Metrics) -> Iterator[tuple[str, bool]]:
    """(target, whether it failed) of each scrape in a request of a prometheus receiver.

    A page may have an `up` of its own: the receiver's is in its own scope, and behind all that the page said.
    """
    for resource in metrics.message().resource_metrics:
        given = {pair.key: pair.value.string_value for pair in resource.resource.attributes}
        told = [
            point
            for scope in resource.scope_metrics
            if scope.scope.name == SCOPE
            for metric in scope.metrics
            if metric.name == "up"
            for point in metric.gauge.data_points
        ]
        if told:
            yield given.get("service.instance.id", ""), told[-1].as_double != 1.0


class PhoenixTee:
    """Sends in turn, reports windows as they end."""

    mutates = False

    def __init__(self, settings: Settings, config: Config) -> None:
        self._config = config
        self._instance = uuid.uuid4().hex
        self._window_ns = config.report.window_ns if config.report else 2 * config.interval_ns
        self._fanout = Fanout(config.targets, window_ns=self._window_ns)
        self._scrapes: dict[int, Scrapes] = {}
        self._reporter = Reporter(config.report) if config.report else None
        self._turn = asyncio.Lock()
        self._waiting = 0
        self._running = False
        self._tasks = TaskOwner(settings.fail)
        name = str(settings.id)
        self._sent = settings.telemetry.counter("otelcol_exporter_sent_metric_points", exporter=name)
        self._failed = settings.telemetry.counter("otelcol_exporter_send_failed_metric_points", exporter=name)
        settings.telemetry.gauge(
            "otelcol_exporter_queue_size", lambda: self._waiting, data_type="metrics", exporter=name
        )

    async def start(self) -> None:
        """Start sending and reporting; the targets need not answer yet."""
        await self._fanout.start()
        if self._reporter is not None:
            await self._reporter.start()
        self._running = True
        self._tasks.spawn(self._report_windows(), name="tee-report")

    async def consume(self, metrics: Metrics) -> None:
        """Send to every target and wait for their answers, in turn.

        Raises:
            ConsumeError: too many requests wait already.
        """
        if not self._running:
            msg = "the tee is shut down"
            raise ConsumeError(msg)
        if self._waiting >= _WAITING_REQUESTS:
            msg = f"{self._waiting} requests wait for the tee's targets"
            raise ConsumeError(msg)
        tick, points = tick_of(metrics, self._config.interval_ns), metrics.points
        if self._config.count_scrapes:
            window = self._scrapes.setdefault(tick - tick % self._window_ns, Scrapes())
            for target, failed in scrapes_of(metrics):
                window.add(target, failed=failed)
        self._waiting += 1
        try:
            async with self._turn:
                outcomes = await self._fanout.send(metrics.encoded(), points=points, tick_unix_nano=tick)
        finally:
            self._waiting -= 1
        taken = all(not outcome.failure for outcome in outcomes)
        (self._sent if taken else self._failed).add(points)

    async def shutdown(self) -> None:
        """Wait for answers, close all windows, report them; safe unstarted and twice."""
        self._running = False
        try:
            await self._tasks.close()
            await self._fanout.aclose(_DRAIN_S)
            self._put(_FOREVER_UNIX_NANO)
        finally:
            if self._reporter is not None:
                with contextlib.suppress(asyncio.TimeoutError):
                    await self._reporter.aclose(_REPORT_S)

    async def _report_windows(self) -> None:
        # A window is closed an interval (at least a second) late: its last tick may still be on its way here.
        late_ns = max(self._config.interval_ns, 1_000_000_000)
        while True:
            await asyncio.sleep(self._config.interval_ns / 1e9)
            self._put(time.time_ns() - late_ns)

    def _put(self, now_unix_nano: int) -> None:
        windows = self._fanout.close_windows(now_unix_nano)
        if self._reporter is not None and windows:
            report = self._reporter.config
            samples = input_samples(
                windows, run=report.run, host=report.host, instance=self._instance, scrapes=self._scrapes
            )
            self._reporter.put(samples)
        # NB: once reported by every target they are told; a target that is behind keeps them for as long as it is.
        for start in [start for start in self._scrapes if start < now_unix_nano - _SCRAPES_KEPT * self._window_ns]:
            del self._scrapes[start]


def create(settings: Settings, config: Config) -> Exporter:
    """Make the exporter."""
    return PhoenixTee(settings, config)


FACTORY = ExporterFactory(("phoenix_tee",), parse, create)
