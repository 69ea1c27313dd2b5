"""The pipelines as built: components made by their factories, wired to each other, started and stopped in order."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial

from phoenix.engine.component import Component, Consumer, Exporter, Extension, Processor, Settings
from phoenix.engine.config.document import Document, Pipeline
from phoenix.engine.config.ids import ComponentId
from phoenix.engine.data import Metrics
from phoenix.engine.errors import ConsumeError
from phoenix.engine.plan.run import PlannedRun
from phoenix.engine.plan.segment import Stage
from phoenix.engine.plan.shape import Later, at_once
from phoenix.engine.telemetry import Telemetry


@dataclass(frozen=True, slots=True)
class Node:
    """A component with its path in the configuration."""

    path: str
    component: Component


class FanOut:
    """Hands the same metrics to several consumers, each that changes them getting its own copy.

    All are tried; the first error is raised after that.
    """

    def __init__(self, consumers: Sequence[Consumer]) -> None:
        self._consumers = list(consumers)
        self.mutates = False

    async def consume(self, metrics: Metrics) -> None:
        """Hand on to each in turn.

        Raises:
            ConsumeError: one of them did not take it.
        """
        failed: ConsumeError | None = None
        for consumer in self._consumers:
            try:
                await consumer.consume(metrics.own() if consumer.mutates else metrics)
            except ConsumeError as error:
                failed = failed or error
        if failed is not None:
            raise failed


class PipelineEntry:
    """The head of a pipeline: whether anything up to its exporters changes data decides whether it wants a copy."""

    def __init__(self, first: Consumer, mutates: bool) -> None:
        self._first = first
        self.mutates = mutates

    async def consume(self, metrics: Metrics) -> None:
        """Hand on to the first part."""
        await self._first.consume(metrics)


class Counted:
    """Counts what goes into and comes out of a processor (not of `batch`, as in the collector)."""

    def __init__(self, inner: Consumer, telemetry: Telemetry, name: str, processor: ComponentId) -> None:
        self._inner = inner
        self._count = telemetry.counter(name, processor=str(processor), otel_signal="metrics")
        self.mutates = inner.mutates

    async def consume(self, metrics: Metrics) -> None:
        """Count and hand on."""
        self._count.add(metrics.points)
        await self._inner.consume(metrics)


@dataclass(frozen=True, slots=True)
class Graph:
    """All components of a collector in start order of their kind."""

    extensions: list[tuple[Node, Extension]]
    exporters: list[Node]
    processors: list[Node]
    """in start order: of each pipeline the last first"""
    receivers: list[Node]

    def start_order(self) -> list[Node]:
        """Extensions, then consumers before producers."""
        return [node for node, _ in self.extensions] + self.exporters + self.processors + self.receivers


def build(
    document: Document,
    telemetry: Telemetry,
    workers: Executor,
    fail: Callable[[str, BaseException], None],
    *,
    plan: bool = True,
    later: Later = at_once,
) -> Graph:
    """Make every component that a pipeline or `service.extensions` uses; no I/O.

    Args:
        document: what was read.
        telemetry: counts for all of them.
        workers: for CPU-heavy work.
        fail: told which component cannot go on, and why.
        plan: whether processors that decide by identity may run by plan.
        later: has CPU-heavy work done that nothing waits for.
    """

    def settings(component: ComponentId, path: str) -> Settings:
        log = logging.getLogger(f"phoenix.engine.{path}")
        return Settings(component, path, telemetry, log, workers, lambda error: fail(path, error), later)

    used = {name for pipeline in document.pipelines for name in pipeline.exporters}
    exporters: dict[ComponentId, tuple[Node, Exporter]] = {}
    for name in used:
        defined = document.exporters[name]
        exporter = defined.factory.create(settings(name, defined.path), defined.config)
        exporters[name] = Node(defined.path, exporter), exporter

    processors: list[Node] = []
    entries: dict[ComponentId, list[Consumer]] = {}
    for pipeline in document.pipelines:
        outputs = [exporters[name][1] for name in pipeline.exporters]
        entry = _chain(document, pipeline, outputs, settings, telemetry, processors, plan)
        for name in pipeline.receivers:
            entries.setdefault(name, []).append(entry)

    receivers = []
    for name, consumers in entries.items():
        received = document.receivers[name]
        consumer = consumers[0] if len(consumers) == 1 else FanOut(consumers)
        component = received.factory.create(settings(name, received.path), received.config, consumer)
        receivers.append(Node(received.path, component))

    extensions = []
    for name in document.active_extensions:
        extended = document.extensions[name]
        extension = extended.factory.create(settings(name, extended.path), extended.config)
        extensions.append((Node(extended.path, extension), extension))
    return Graph(extensions, [node for node, _ in exporters.values()], processors, receivers)


def _chain(
    document: Document,
    pipeline: Pipeline,
    outputs: Sequence[Consumer],
    settings: Callable[[ComponentId, str], Settings],
    telemetry: Telemetry,
    made: list[Node],
    plan: bool,
) -> Consumer:
    """Wire one pipeline from its exporters to its head; what it makes is added to `made`, last processor first."""
    consumer: Consumer = outputs[0] if len(outputs) == 1 else FanOut(outputs)
    mutates = len(outputs) == 1 and outputs[0].mutates
    waiting: list[tuple[Settings, Stage]] = []  # processors that can be planned, last first: one run

    def run() -> None:
        nonlocal consumer
        if waiting:
            consumer = PlannedRun(waiting[-1][0], [stage for _, stage in reversed(waiting)], consumer, plan)
            made.append(Node(", ".join(own.path for own, _ in reversed(waiting)), consumer))
            waiting.clear()

    for name in reversed(pipeline.processors):
        defined = document.processors[name]
        own = replace(settings(name, defined.path), path=f"{defined.path} in service.pipelines.{pipeline.id}")
        make = defined.factory.work
        if make is not None and make(own, defined.config).plannable:
            waiting.append((own, Stage.of(partial(make, own, defined.config), name, telemetry)))
            mutates = True
            continue
        run()
        counted = "batch" not in defined.factory.types
        if counted:
            consumer = Counted(consumer, telemetry, "otelcol_processor_outgoing_items", name)
        processor: Processor = defined.factory.create(own, defined.config, consumer)
        made.append(Node(own.path, processor))
        mutates = mutates or processor.mutates
        consumer = Counted(processor, telemetry, "otelcol_processor_incoming_items", name) if counted else processor
    run()
    return PipelineEntry(consumer, mutates)
