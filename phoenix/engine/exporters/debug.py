"""The `debug` exporter: tells on the log what passes by."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from phoenix.engine.component import Exporter, ExporterFactory, Settings
from phoenix.engine.config.section import Section
from phoenix.engine.data import Metrics
from phoenix.engine.errors import Phase
from phoenix.engine.ottl.values import from_any, text_of


@dataclass(frozen=True, slots=True)
class Config:
    """How much to tell: the first `initial` messages of each second, then each `thereafter`-th."""

    verbosity: str
    initial: int
    thereafter: int


def parse(section: Section) -> Config:
    """Read the exporter's keys."""
    verbosity = section.string("verbosity", "basic").lower()
    if verbosity not in {"basic", "normal", "detailed"}:
        section.fault(
            "verbosity",
            f'verbosity level "{verbosity}" is not supported',
            "use basic, normal or detailed",
            Phase.DECODE,
        )
    if section.has("output_paths") and section.boolean("use_internal_logger", True):
        section.fault(
            "output_paths",
            "output_paths is not supported when use_internal_logger is true",
            "write use_internal_logger: false",
        )
    section.raw("output_paths")
    section.boolean("use_internal_logger", True)
    queue = section.section("sending_queue")
    if queue.boolean("enabled", False):
        section.fault("sending_queue", "the Embedded engine's debug exporter has no queue", "leave sending_queue out")
    config = Config(
        verbosity,
        section.integer("sampling_initial", 2, minimum=0),
        section.integer("sampling_thereafter", 1, minimum=0),
    )
    section.close()
    return config


def _attributes(field: Any) -> str:
    return ",".join(f"{pair.key}={text_of(from_any(pair.value))}" for pair in field)


def _value(point: Any) -> str:
    if hasattr(point, "as_int"):
        kind = point.WhichOneof("value")
        return str(getattr(point, kind)) if kind else "none"
    return f"count={point.count} sum={point.sum:g}"


def describe(metrics: Metrics, verbosity: str) -> Iterator[str]:
    """Lines about a request: one in all (basic), one a point as well (normal), resources and times too (detailed)."""
    message = metrics.message()
    count = sum(len(scope.metrics) for resource in message.resource_metrics for scope in resource.scope_metrics)
    yield f"Metrics resource_metrics={len(message.resource_metrics)} metrics={count} data_points={metrics.points}"
    if verbosity == "basic":
        return
    detailed = verbosity == "detailed"
    for resource in message.resource_metrics:
        if detailed:
            yield f"Resource attributes={{{_attributes(resource.resource.attributes)}}}"
        for scope in resource.scope_metrics:
            if detailed:
                yield f"Scope name={scope.scope.name} version={scope.scope.version}"
            for metric in scope.metrics:
                kind = metric.WhichOneof("data")
                if detailed:
                    yield f"Metric name={metric.name} unit={metric.unit} type={kind} description={metric.description!r}"
                for point in getattr(metric, kind).data_points if kind else ():
                    times = f" start={point.start_time_unix_nano} time={point.time_unix_nano}" if detailed else ""
                    yield f"{metric.name}{{{_attributes(point.attributes)}}} {_value(point)}{times}"


class DebugExporter:
    """Logs at level INFO."""

    mutates = False

    def __init__(self, settings: Settings, config: Config) -> None:
        self._config = config
        self._log = settings.log
        self._sent = settings.telemetry.counter("otelcol_exporter_sent_metric_points", exporter=str(settings.id))
        self._second = 0
        self._in_second = 0

    async def start(self) -> None:
        """Nothing to start."""

    async def shutdown(self) -> None:
        """Nothing is held."""

    async def consume(self, metrics: Metrics) -> None:
        """Log it, if its turn has come."""
        if self._tells():
            for line in describe(metrics, self._config.verbosity):
                self._log.info("%s", line)
        self._sent.add(metrics.points)

    def _tells(self) -> bool:
        second = int(time.monotonic())
        if second != self._second:
            self._second, self._in_second = second, 0
        self._in_second += 1
        over = self._in_second - self._config.initial
        return over <= 0 or (self._config.thereafter > 0 and over % self._config.thereafter == 0)


def create(settings: Settings, config: Config) -> Exporter:
    """Make the exporter."""
    return DebugExporter(settings, config)


FACTORY = ExporterFactory(("debug",), parse, create)
