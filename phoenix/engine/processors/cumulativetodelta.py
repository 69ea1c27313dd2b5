"""The `cumulative_to_delta` processor: of monotonic sums and histograms, what came since the last point of the stream.

The first point of a stream is kept or dropped by `initial_value`; one that is less than the last (a reset nobody
announced) is dropped and the next counts from it. A point with another start time is another stream, as in the
collector. Exponential histograms are refused by configuration only where they are named: they pass as they are.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality

from phoenix.engine.component import Settings, Work
from phoenix.engine.config.section import OTELCOL, Section
from phoenix.engine.data import Metrics
from phoenix.engine.processors.match import parse_names
from phoenix.engine.processors.streams import NO_RECORDED_VALUE, MetricOf, drop_metrics, keep_points
from phoenix.engine.processors.sync import computing

_CUMULATIVE = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
_DELTA = AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA
_TYPES = ("sum", "histogram")
_SWEEP_S = 60.0


@dataclass(frozen=True, slots=True)
class Chosen:
    """Metrics of an `include` or `exclude`; what is None or empty is left open."""

    names: Callable[[str], bool] | None
    types: frozenset[str]


@dataclass(frozen=True, slots=True)
class Config:
    """Which metrics to convert, what to do with first points, and when to forget a stream (0: never)."""

    include: Chosen
    exclude: Chosen
    initial_value: str
    max_staleness_s: float

    def converts(self, name: str, kind: str) -> bool:
        """Whether a metric is meant."""
        include, exclude = self.include, self.exclude
        return (
            (include.names is None or include.names(name))
            and (not include.types or kind in include.types)
            and not (exclude.names is not None and exclude.names(name))
            and kind not in exclude.types
        )


def parse(section: Section) -> Config:
    """Read the processor's keys."""
    config = Config(
        _chosen(section.section("include")),
        _chosen(section.section("exclude")),
        section.choice("initial_value", ("auto", "keep", "drop"), "auto"),
        section.duration_s("max_staleness", 0.0),
    )
    section.close()
    return config


def _chosen(section: Section) -> Chosen:
    types = [text.lower() for text in section.strings("metric_types")]
    for index, text in enumerate(types):
        if text == "exponentialhistogram":
            section.fault(
                f"metric_types[{index}]",
                "the Embedded engine does not convert exponential histograms",
                f"use {OTELCOL}",
            )
        elif text not in _TYPES:
            section.fault(
                f"metric_types[{index}]",
                f"found invalid metric type in metric_types: {text}. Valid values are [exponentialhistogram histogram "
                "sum]",
            )
    names = parse_names(section)
    section.close()
    return Chosen(names, frozenset(types))


@dataclass(slots=True)
class _Last:
    """The last point of a stream."""

    time: int
    value: float
    sum: float = 0.0
    buckets: list[int] = field(default_factory=list)
    bounds: list[float] = field(default_factory=list)


class Converter:
    """The state of one processor. Not thread-safe: one request at a time."""

    def __init__(self, config: Config, now_s: Callable[[], float] = time.time) -> None:
        self._config = config
        self._now_s = now_s
        self._started_ns = int(now_s() * 1e9)
        self._last: dict[Hashable, _Last] = {}
        self._swept_s = now_s()

    def run(self, metrics: Metrics) -> Metrics | None:
        """Convert a request in place; None: nothing is left of it."""
        self._sweep()
        return metrics if drop_metrics(metrics.mutable(), self._metric) else None

    def _metric(self, of: MetricOf) -> bool:
        """Convert one metric; whether all of it is gone."""
        metric, kind = of.metric, of.kind
        if kind not in _TYPES or not self._config.converts(metric.name, kind):
            return False
        data = of.data
        if data.aggregation_temporality != _CUMULATIVE or (kind == "sum" and not data.is_monotonic):
            return False
        if kind == "histogram" and not data.data_points:
            return False
        convert = self._number if kind == "sum" else self._histogram
        keep_points(data.data_points, lambda point: convert(of, point))
        data.aggregation_temporality = _DELTA
        return not data.data_points

    def _number(self, of: MetricOf, point: Any) -> bool:
        if point.flags & NO_RECORDED_VALUE:
            return False
        name = point.WhichOneof("value") or "as_int"
        value = getattr(point, name)
        if math.isnan(value):
            return True
        key = of.stream(point, name, point.start_time_unix_nano)
        last = self._last.get(key)
        self._last[key] = _Last(point.time_unix_nano, value)
        if last is None:
            return self._first(point)
        point.start_time_unix_nano = last.time
        if value < last.value:
            return False
        setattr(point, name, value - last.value)
        return True

    def _histogram(self, of: MetricOf, point: Any) -> bool:
        if point.flags & NO_RECORDED_VALUE:
            return False
        key = of.stream(point, point.start_time_unix_nano)
        last = self._last.get(key)
        total = point.sum
        if math.isnan(total) and last is not None:
            total = last.sum
        now = _Last(point.time_unix_nano, point.count, total, list(point.bucket_counts), list(point.explicit_bounds))
        if last is None:
            self._last[key] = now
            kept = self._first(point)
            point.ClearField("min")
            point.ClearField("max")
            return kept
        alike = len(now.buckets) == len(last.buckets) and now.bounds == last.bounds
        if alike and (now.value < last.value or any(a < b for a, b in zip(now.buckets, last.buckets, strict=True))):
            return False  # NB: the collector counts on from the point before the reset, too
        self._last[key] = now
        if not alike:
            return False
        point.start_time_unix_nano = last.time
        point.count -= int(last.value)
        if point.HasField("sum") and not math.isnan(point.sum):
            point.sum = total - last.sum
        point.bucket_counts[:] = [a - b for a, b in zip(now.buckets, last.buckets, strict=True)]
        point.ClearField("min")
        point.ClearField("max")
        return True

    def _first(self, point: Any) -> bool:
        """Whether the first point of a stream is kept: `auto`, if its stream began after this processor did."""
        start = point.start_time_unix_nano
        if self._config.initial_value == "keep":
            point.start_time_unix_nano = 0
            return True
        return self._config.initial_value == "auto" and start >= self._started_ns and point.time_unix_nano != start

    def _sweep(self) -> None:
        stale_s, now_s = self._config.max_staleness_s, self._now_s()
        if stale_s and now_s - self._swept_s >= min(stale_s, _SWEEP_S):
            self._swept_s = now_s
            before = int((now_s - stale_s) * 1e9)
            for key in [key for key, last in self._last.items() if last.time < before]:
                del self._last[key]


def work(_settings: Settings, config: Config) -> Work:
    """What the processor does."""
    return Work(Converter(config).run)


FACTORY = computing(("cumulative_to_delta", "cumulativetodelta"), parse, work)
