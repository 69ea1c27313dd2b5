"""The `delta_to_cumulative` processor: each point of a delta stream becomes the sum of all so far.

A point that is not newer than the last, or that belongs to an older start, is dropped. A stream of which nothing came
for `max_stale` is forgotten; beyond `max_streams` new ones are dropped.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from opentelemetry.proto.metrics.v1.metrics_pb2 import NumberDataPoint

from phoenix.engine import exponential
from phoenix.engine.component import Settings, Work
from phoenix.engine.config.section import Section
from phoenix.engine.data import Metrics
from phoenix.engine.plan.shape import Shape
from phoenix.engine.plan.table import Table
from phoenix.engine.processors.inplace import CUMULATIVE, DELTA, Bound, Words, bind, rewritten
from phoenix.engine.processors.streams import MetricOf, drop_metrics, keep_points
from phoenix.engine.processors.sync import computing
from phoenix.otlp.layout import Offsets

_SWEEP_S = 60.0


@dataclass(frozen=True, slots=True)
class Config:
    """When to forget a stream, and how many to know."""

    max_stale_s: float
    max_streams: int


def parse(section: Section) -> Config:
    """Read the processor's keys."""
    config = Config(
        section.duration_s("max_stale", 300.0),
        section.integer("max_streams", (1 << 63) - 1, minimum=0),
    )
    if config.max_stale_s <= 0:
        section.fault("max_stale", "max_stale must be a positive duration", "write max_stale: 5m")
    section.close()
    return config


@dataclass(slots=True)
class _Sum:
    """A stream of histograms: its sum so far as a point, and when it was last heard of."""

    point: Any
    heard_s: float


class Accumulator:
    """The state of one processor. Not thread-safe: one request at a time."""

    def __init__(self, config: Config, now_s: Callable[[], float] = time.monotonic) -> None:
        self._config = config
        self._now_s = now_s
        self._numbers = Table(start="u8", time="u8", typed="i1", integer="i8", double="f8", key="O", heard_s="f8")
        """by stream; `typed` tells which column has the sum, `key` is the first point but for times and value"""
        self._histograms: dict[bytes, _Sum] = {}
        self._swept_s = now_s()

    def run(self, metrics: Metrics) -> Metrics | None:
        """Convert a request in place; None: nothing is left of it."""
        self._sweep()
        return metrics if drop_metrics(metrics.mutable(), self._metric) else None

    @staticmethod
    def _converts(of: MetricOf) -> bool:
        return (of.kind == "sum" or of.kind in _ADDERS) and of.data.aggregation_temporality == DELTA

    def _metric(self, of: MetricOf) -> bool:
        """Convert one metric; whether all of it is gone."""
        if not self._converts(of):
            return False
        data = of.data
        if of.kind == "sum":
            keep_points(data.data_points, lambda point: self._number(of.stream(point), point))
        else:
            adder = _ADDERS[of.kind]
            keep_points(data.data_points, lambda point: self._histogram(of.stream(point), point, adder))
        data.aggregation_temporality = CUMULATIVE
        return not data.data_points

    def _room(self) -> int:
        """How many more streams there may be."""
        return max(0, self._config.max_streams - len(self._numbers) - len(self._histograms))

    def _number(self, stream: bytes, point: NumberDataPoint) -> bool:
        known = self._numbers
        row = known.find(stream)
        if row < 0:
            if not self._room():
                return False
            row = known.add(stream)
            known["start"][row], known["heard_s"][row] = point.start_time_unix_nano, self._now_s()
            known["time"][row], known["key"][row] = point.time_unix_nano, _key(point)
            _set_value(known, row, point)
            return True
        known["heard_s"][row] = self._now_s()
        start = int(known["start"][row])
        if point.start_time_unix_nano < start or point.time_unix_nano <= int(known["time"][row]):
            return False
        name = point.WhichOneof("value")
        if name is not None:
            # NB: a stream that changes its type of number starts from 0 in the new one, as in the collector.
            before = known[_COLUMNS[name]][row].item() if known["typed"][row] == _TYPES[name] else 0
            setattr(point, name, before + getattr(point, name))
            _set_value(known, row, point)
        known["time"][row] = when = point.time_unix_nano
        point.ParseFromString(known["key"][row])
        point.start_time_unix_nano, point.time_unix_nano = start, when
        if typed := _NAMES[known["typed"][row]]:
            setattr(point, typed, known[_COLUMNS[typed]][row].item())
        return True

    def bind(self, metrics: Metrics, shape: Shape) -> Bound | None:
        """What to convert of payloads of the shape; None: they are converted point by point."""
        return bind(metrics, shape, self._converts, DELTA)

    def apply(self, data: bytes, bound: Bound) -> tuple[bool, Metrics | None]:
        """(whether it could, what is left) for a payload of a bound shape; nothing has changed where it could not."""
        self._sweep()
        known = self._numbers
        rows = self._rows(bound)
        if rows is None:
            return False, None
        old = rows >= 0
        if not old.all() and self._room() < int((~old).sum()):
            return False, None  # which of them still have room, their order tells
        starts, times, raw = bound.columns(data)
        kept = ~old | ((starts >= known["start"][rows]) & (times > known["time"][rows]))
        integers, doubles = raw.view(np.int64), raw.view(np.float64)
        typed = np.where(bound.integer, _TYPES["as_int"], _TYPES["as_double"])
        goes_on = old & (known["typed"][rows] == typed)
        before = np.where(goes_on, known["integer"][rows], 0)
        with np.errstate(all="ignore"):
            total = integers + before
            if (bound.integer & kept & (((before ^ total) & (integers ^ total)) < 0)).any():
                return False, None  # more than an integer holds
            added = doubles + np.where(goes_on, known["double"][rows], 0.0)
        sums = np.where(bound.integer, total.view(np.uint64), added.view(np.uint64))
        sums = np.where(old, sums, raw)
        self._remember(bound, starts, times)
        rows = bound.rows
        made, now = known["start"][rows], rows[kept]
        known["time"][now], known["typed"][now] = times[kept], typed[kept]
        for column, chosen in (("integer", kept & bound.integer), ("double", kept & ~bound.integer)):
            values = known[column]
            values[rows[chosen]] = sums[chosen].view(values.dtype)
        known["heard_s"][rows] = self._now_s()
        return True, rewritten(data, bound, (made, None, sums), kept, CUMULATIVE)

    def _rows(self, bound: Bound) -> Offsets | None:
        """Row of each point's stream, -1 where there is none; None: one is no longer written as its first point was."""
        known = self._numbers
        if bound.version != known.version:
            bound.version = known.version
            bound.rows[:] = -1
        for index in np.flatnonzero(bound.rows < 0).tolist():
            row = known.find(bound.streams[index])
            if row >= 0 and known["key"][row] != bound.keys[index]:
                return None
            bound.rows[index] = row
        return bound.rows.copy()

    def _remember(self, bound: Bound, starts: Words, times: Words) -> None:
        """Give new streams their rows."""
        known = self._numbers
        for index in np.flatnonzero(bound.rows < 0).tolist():
            bound.rows[index] = row = known.add(bound.streams[index])
            known["start"][row], known["time"][row], known["key"][row] = starts[index], times[index], bound.keys[index]

    def _sweep(self) -> None:
        now_s = self._now_s()
        if now_s - self._swept_s >= _SWEEP_S:
            self._swept_s = now_s
            before = now_s - self._config.max_stale_s
            self._numbers.drop("heard_s", before)
            for stream in [stream for stream, known in self._histograms.items() if known.heard_s < before]:
                del self._histograms[stream]

    def _histogram(self, stream: bytes, point: Any, add: Adder) -> bool:
        known = self._histograms.get(stream)
        if known is None:
            if not self._room():
                return False
            made = type(point)()
            made.CopyFrom(point)
            self._histograms[stream] = _Sum(made, self._now_s())
            return True
        known.heard_s = self._now_s()
        so_far = known.point
        if point.start_time_unix_nano < so_far.start_time_unix_nano or point.time_unix_nano <= so_far.time_unix_nano:
            return False
        add(so_far, point)
        so_far.time_unix_nano = point.time_unix_nano
        point.CopyFrom(so_far)
        return True


_TYPES = {None: 0, "as_int": 1, "as_double": 2}
_NAMES = ("", "as_int", "as_double")
_COLUMNS = {"as_int": "integer", "as_double": "double"}


def _key(point: NumberDataPoint) -> bytes:
    """Everything in the point but times and value."""
    rest = NumberDataPoint()
    rest.CopyFrom(point)
    for name in ("start_time_unix_nano", "time_unix_nano", "as_int", "as_double"):
        rest.ClearField(name)
    encoded: bytes = rest.SerializeToString()
    return encoded


def _set_value(known: Table, row: int, point: NumberDataPoint) -> None:
    name = point.WhichOneof("value")
    known["typed"][row] = _TYPES[name]
    if name is not None:
        known[_COLUMNS[name]][row] = getattr(point, name)


def _add_histogram(so_far: Any, point: Any) -> None:
    if list(so_far.explicit_bounds) != list(point.explicit_bounds):
        so_far.CopyFrom(point)
        return
    for index in range(min(len(so_far.bucket_counts), len(point.bucket_counts))):
        so_far.bucket_counts[index] += point.bucket_counts[index]
    so_far.count += point.count
    for name, how in (("sum", _plus), ("min", min), ("max", max)):
        if so_far.HasField(name) and point.HasField(name):
            setattr(so_far, name, how(getattr(so_far, name), getattr(point, name)))
        else:
            so_far.ClearField(name)


def _plus(one: float, other: float) -> float:
    return one + other


Adder: TypeAlias = "Callable[[Any, Any], None]"
"""Adds a point of a histogram to the sum so far."""
_ADDERS: dict[str, Adder] = {"histogram": _add_histogram, "exponential_histogram": exponential.add}


def work(_settings: Settings, config: Config) -> Work:
    """What the processor does."""
    accumulator = Accumulator(config)
    return Work(accumulator.run, in_place=accumulator)


FACTORY = computing(("delta_to_cumulative", "deltatocumulative"), parse, work)
