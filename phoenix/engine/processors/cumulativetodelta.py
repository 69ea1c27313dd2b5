"""The `cumulative_to_delta` processor: of monotonic sums and histograms, what came since the last point of the stream.

The first point of a stream is kept or dropped by `initial_value`; one that is less than the last (a reset nobody
announced) is dropped and the next counts from it. A point with another start time is another stream, as in the
collector.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from phoenix.engine.component import Settings, Work
from phoenix.engine.config.section import Section
from phoenix.engine.data import Metrics
from phoenix.engine.exponential import Exponential, difference
from phoenix.engine.plan.shape import Shape
from phoenix.engine.plan.table import Table
from phoenix.engine.processors.inplace import CUMULATIVE, DELTA, Bound, Flags, Words, bind, rewritten
from phoenix.engine.processors.match import parse_names
from phoenix.engine.processors.streams import NO_RECORDED_VALUE, MetricOf, drop_metrics, keep_points
from phoenix.engine.processors.sync import computing

_TYPES = {"sum": "sum", "histogram": "histogram", "exponentialhistogram": "exponential_histogram"}
"""As configurations name them, and as OTLP does."""
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
        section.duration_s("max_staleness", 3600.0),
    )
    section.close()
    return config


def _chosen(section: Section) -> Chosen:
    types = [text.lower() for text in section.strings("metric_types")]
    for index, text in enumerate(types):
        if text not in _TYPES:
            section.fault(
                f"metric_types[{index}]",
                f"found invalid metric type in metric_types: {text}. Valid values are [exponentialhistogram histogram "
                "sum]",
                "write sum, histogram or exponentialhistogram",
            )
    names = parse_names(section)
    section.close()
    return Chosen(names, frozenset(_TYPES.get(text, text) for text in types))


@dataclass(slots=True)
class _Last:
    """The last point of a stream of histograms."""

    time: int
    count: int
    sum: float = 0.0
    buckets: list[int] = field(default_factory=list)
    bounds: list[float] = field(default_factory=list)


class Converter:
    """The state of one processor. Not thread-safe: one request at a time."""

    def __init__(self, config: Config, now_s: Callable[[], float] = time.time) -> None:
        self._config = config
        self._now_s = now_s
        self._started_ns = int(now_s() * 1e9)
        self._numbers = Table(start="u8", time="u8", integer="i8", double="f8")
        """by stream, type of number and start; its last value is in the column of its type"""
        self._histograms: dict[tuple[bytes, int], _Last] = {}
        self._exponential: dict[tuple[bytes, int], tuple[int, Exponential]] = {}
        """by stream and start: the last time, and what was counted by then"""
        self._swept_s = now_s()

    def run(self, metrics: Metrics) -> Metrics | None:
        """Convert a request in place; None: nothing is left of it."""
        self._sweep()
        return metrics if drop_metrics(metrics.mutable(), self._metric) else None

    def _converts(self, of: MetricOf) -> bool:
        if of.kind not in _TYPES.values() or not self._config.converts(of.metric.name, of.kind):
            return False
        data = of.data
        if data.aggregation_temporality != CUMULATIVE or (of.kind == "sum" and not data.is_monotonic):
            return False
        return of.kind == "sum" or bool(data.data_points)

    def _metric(self, of: MetricOf) -> bool:
        """Convert one metric; whether all of it is gone."""
        if not self._converts(of):
            return False
        data = of.data
        ways = {"sum": self._number, "histogram": self._histogram}
        convert = ways.get(of.kind, self._exponential_histogram)
        keep_points(data.data_points, lambda point: convert(of, point))
        data.aggregation_temporality = DELTA
        return not data.data_points

    def _number(self, of: MetricOf, point: Any) -> bool:
        if point.flags & NO_RECORDED_VALUE:
            return False
        name = point.WhichOneof("value") or "as_int"
        value = getattr(point, name)
        if math.isnan(value):
            return True
        known, column = self._numbers, name.removeprefix("as_").replace("int", "integer")
        start = point.start_time_unix_nano
        key = (of.stream(point), column, start)
        row = known.find(key)
        if first := row < 0:
            row = known.add(key)
        last_time, last_value = int(known["time"][row]), known[column][row].item()
        known["start"][row], known["time"][row], known[column][row] = start, point.time_unix_nano, value
        if first:
            return self._first(point)
        point.start_time_unix_nano = last_time
        if value < last_value:
            return False
        setattr(point, name, value - last_value)
        return True

    def bind(self, metrics: Metrics, shape: Shape) -> Bound | None:
        """What to convert of payloads of the shape; None: they are converted point by point."""
        return bind(metrics, shape, self._converts, CUMULATIVE)

    def apply(self, data: bytes, bound: Bound) -> tuple[bool, Metrics | None]:
        """(whether it could, what is left) for a payload of a bound shape; nothing has changed where it could not."""
        self._sweep()
        known = self._numbers
        starts, times, raw = bound.columns(data)
        integers, doubles = raw.view(np.int64), raw.view(np.float64)
        counts = bound.recorded & (bound.integer | ~np.isnan(doubles))
        rows = self._rows(bound, starts)
        old = rows >= 0
        with np.errstate(all="ignore"):
            less = np.where(bound.integer, integers < known["integer"][rows], doubles < known["double"][rows])
            grown = integers - known["integer"][rows]
            delta = np.where(bound.integer, grown.view(np.uint64), (doubles - known["double"][rows]).view(np.uint64))
        if (bound.integer & old & ~less & (grown < 0)).any():
            return False, None  # more than an integer holds
        kept, made = old & ~less, starts
        if old.all():
            made = known["time"][rows]
        else:
            made = np.where(old, known["time"][rows], 0 if self._config.initial_value == "keep" else starts)
            kept |= ~old & self._firsts(starts, times)
            delta = np.where(old, delta, raw)
        # NB: a point that is no number stays as it is, and is not remembered.
        not_a_number = bound.recorded & ~counts
        made, delta = np.where(not_a_number, starts, made), np.where(not_a_number, raw, delta)
        self._remember(bound, counts, starts, times, raw)
        result = rewritten(data, bound, (made, None, delta), bound.recorded & kept | not_a_number, DELTA)
        return True, result

    def _rows(self, bound: Bound, starts: Words) -> Any:
        """Row of each point's stream, -1 where there is none; those of the last payload, where starts are the same."""
        known = self._numbers
        stale = bound.rows < 0
        if bound.version != known.version:
            bound.version = known.version
            stale[:] = True
        else:
            stale |= known["start"][bound.rows] != starts
        for index in np.flatnonzero(stale).tolist():
            column = "integer" if bound.integer[index] else "double"
            bound.rows[index] = known.find((bound.streams[index], column, int(starts[index])))
        return bound.rows

    def _remember(self, bound: Bound, counts: Flags, starts: Words, times: Words, raw: Words) -> None:
        known = self._numbers
        for index in np.flatnonzero(counts & (bound.rows < 0)).tolist():
            column = "integer" if bound.integer[index] else "double"
            bound.rows[index] = known.add((bound.streams[index], column, int(starts[index])))
        rows = bound.rows[counts]
        known["start"][rows], known["time"][rows] = starts[counts], times[counts]
        for column, chosen in (("integer", counts & bound.integer), ("double", counts & ~bound.integer)):
            values = known[column]
            values[bound.rows[chosen]] = raw[chosen].view(values.dtype)

    def _firsts(self, starts: Words, times: Words) -> Flags:
        """Which points would be kept if each were the first of its stream."""
        if self._config.initial_value == "auto":
            first: Flags = (starts >= self._started_ns) & (times != starts)
            return first
        return np.full(len(starts), self._config.initial_value == "keep")

    def _histogram(self, of: MetricOf, point: Any) -> bool:
        if point.flags & NO_RECORDED_VALUE:
            return False
        key = of.stream(point), point.start_time_unix_nano
        last = self._histograms.get(key)
        total = point.sum
        if math.isnan(total) and last is not None:
            total = last.sum
        now = _Last(point.time_unix_nano, point.count, total, list(point.bucket_counts), list(point.explicit_bounds))
        if last is None:
            self._histograms[key] = now
            kept = self._first(point)
            point.ClearField("min")
            point.ClearField("max")
            return kept
        alike = len(now.buckets) == len(last.buckets) and now.bounds == last.bounds
        if alike and (now.count < last.count or any(a < b for a, b in zip(now.buckets, last.buckets, strict=True))):
            return False  # NB: the collector counts on from the point before the reset, too
        self._histograms[key] = now
        if not alike:
            return False
        point.start_time_unix_nano = last.time
        point.count -= last.count
        if point.HasField("sum") and not math.isnan(point.sum):
            point.sum = total - last.sum
        point.bucket_counts[:] = [a - b for a, b in zip(now.buckets, last.buckets, strict=True)]
        point.ClearField("min")
        point.ClearField("max")
        return True

    def _exponential_histogram(self, of: MetricOf, point: Any) -> bool:
        if point.flags & NO_RECORDED_VALUE:
            return False
        key, now = (of.stream(point), point.start_time_unix_nano), Exponential.of(point)
        last = self._exponential.get(key)
        made = now
        if last is not None:
            since = difference(now, last[1])
            if since is None:
                return False  # NB: the collector counts on from the point before the reset, here too
            made = since
        self._exponential[key] = point.time_unix_nano, now
        if last is None and not self._first(point):
            return False
        if last is not None:
            point.start_time_unix_nano = last[0]
        point.count, point.zero_count = made.count, made.zero_count
        if point.HasField("sum") and not math.isnan(point.sum):
            point.sum = made.sum
        made.positive.write(point.positive)
        made.negative.write(point.negative)
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
            self._numbers.drop("time", before)
            for key in [key for key, last in self._histograms.items() if last.time < before]:
                del self._histograms[key]
            for key in [key for key, (last_time, _) in self._exponential.items() if last_time < before]:
                del self._exponential[key]


def work(_settings: Settings, config: Config) -> Work:
    """What the processor does."""
    converter = Converter(config)
    return Work(converter.run, in_place=converter)


FACTORY = computing(("cumulative_to_delta", "cumulativetodelta"), parse, work)
