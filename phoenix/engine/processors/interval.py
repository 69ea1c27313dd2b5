"""The `interval` processor: of each stream the newest point of an interval, at the end of the interval.

It keeps cumulative monotonic sums, cumulative histograms, gauges and summaries; deltas and other sums pass at once.
What is kept is one point for each stream that came in the interval under way, as in the collector.
"""

from __future__ import annotations

import asyncio
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality

from phoenix.engine.component import Consumer, Processor, ProcessorFactory, Settings, Work
from phoenix.engine.config.section import Section
from phoenix.engine.data import Metrics
from phoenix.engine.errors import ConsumeError
from phoenix.engine.merge import attributes_key
from phoenix.engine.processors.shells import Shells
from phoenix.engine.processors.streams import drop_items
from phoenix.engine.processors.sync import ComputingProcessor
from phoenix.engine.tasks import TaskOwner

_CUMULATIVE = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE


@dataclass(frozen=True, slots=True)
class Config:
    """Length of the interval, and what is not held back although it could be."""

    interval_s: float
    pass_gauges: bool
    pass_summaries: bool


def parse(section: Section) -> Config:
    """Read the processor's keys."""
    passing = section.section("pass_through")
    config = Config(
        section.duration_s("interval", 60.0), passing.boolean("gauge", False), passing.boolean("summary", False)
    )
    if config.interval_s <= 0:
        section.fault("interval", "invalid interval value", "write interval: 60s")
    passing.close()
    section.close()
    return config


class Window:
    """The newest point of each stream since the last `end`. Not thread-safe."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._shells = Shells()
        self._newest: dict[Hashable, Any] = {}

    def take(self, metrics: Metrics) -> Metrics | None:
        """Keep what is to be kept; what passes at once is left, None: nothing."""
        request = metrics.mutable()

        def scope_gone(resource: Any, scope: Any) -> bool:
            drop_items(scope.metrics, lambda metric: self._kept(resource, scope, metric))
            return not scope.metrics

        def resource_gone(resource: Any) -> bool:
            drop_items(resource.scope_metrics, lambda scope: scope_gone(resource, scope))
            return not resource.scope_metrics

        drop_items(request.resource_metrics, resource_gone)
        return metrics if request.resource_metrics else None

    def _holds_back(self, metric: Any, kind: str) -> bool:
        if kind == "gauge":
            return not self._config.pass_gauges
        if kind == "summary":
            return not self._config.pass_summaries
        data = getattr(metric, kind)
        return data.aggregation_temporality == _CUMULATIVE and (kind != "sum" or data.is_monotonic)

    def _kept(self, resource: Any, scope: Any, metric: Any) -> bool:
        kind = metric.WhichOneof("data")
        if not kind or not self._holds_back(metric, kind):
            return False
        of, made = self._shells.resource(resource)
        of, made_scope = self._shells.scope(of, made, scope)
        identity, target = self._shells.metric(of, made_scope, metric, kind)
        points = getattr(target, kind).data_points
        for point in getattr(metric, kind).data_points:
            stream = identity, attributes_key(point.attributes)
            known = self._newest.get(stream)
            if known is None:
                self._newest[stream] = known = points.add()
                known.CopyFrom(point)
            elif point.time_unix_nano > known.time_unix_nano:
                known.CopyFrom(point)
        return True

    def end(self) -> Metrics | None:
        """All that was kept; the next interval starts empty. None: nothing was."""
        request, self._shells = self._shells.request, Shells()
        self._newest.clear()
        return Metrics.of(request) if request.resource_metrics else None


class IntervalProcessor:
    """Hands the window on at every interval, counted from its start, and at shutdown."""

    mutates = True

    def __init__(self, settings: Settings, config: Config, next_consumer: Consumer) -> None:
        self._interval_s = config.interval_s
        self._next = next_consumer
        self._log = settings.log
        self._window = Window(config)
        self._taking = ComputingProcessor(settings, next_consumer, Work(self._window.take))
        self._tasks = TaskOwner(settings.fail)
        self._running = False

    async def start(self) -> None:
        """Start the interval."""
        self._running = True
        self._tasks.spawn(self._run(), name="interval")

    async def consume(self, metrics: Metrics) -> None:
        """Keep what is to be kept and hand on the rest.

        Raises:
            ConsumeError: the next consumer refused the rest.
        """
        await self._taking.consume(metrics)

    async def shutdown(self) -> None:
        """Hand on the interval under way. Safe before `start` and twice."""
        await self._tasks.close()
        if self._running:
            self._running = False
            await self._hand_on()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            due = max(due + self._interval_s, loop.time())
            await asyncio.sleep(due - loop.time())
            await self._hand_on()

    async def _hand_on(self) -> None:
        metrics = await self._taking.alone(self._window.end)
        if metrics is None:
            return
        try:
            await self._next.consume(metrics)
        except ConsumeError as error:
            self._log.error("interval lost points=%d error=%s", metrics.points, error)


def create(settings: Settings, config: Config, next_consumer: Consumer) -> Processor:
    """Make the processor."""
    return IntervalProcessor(settings, config, next_consumer)


FACTORY = ProcessorFactory(("interval",), parse, create)
