"""The `delta_to_cumulative` processor: each point of a delta stream becomes the sum of all so far.

A point that is not newer than the last, or that belongs to an older start, is dropped. A stream of which nothing came
for `max_stale` is forgotten; beyond `max_streams` new ones are dropped.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality

from phoenix.engine.component import Settings, Work
from phoenix.engine.config.section import Section
from phoenix.engine.data import Metrics
from phoenix.engine.processors.streams import MetricOf, drop_metrics, keep_points
from phoenix.engine.processors.sync import computing

_CUMULATIVE = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
_DELTA = AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA
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
        section.integer("max_streams", 1 << 62, minimum=0),
    )
    if config.max_stale_s <= 0:
        section.fault("max_stale", "max_stale must be a positive duration (got 0s)")
    section.close()
    return config


@dataclass(slots=True)
class _Sum:
    """A stream: its sum so far as a point, and when it was last heard of."""

    point: Any
    heard_s: float


class Accumulator:
    """The state of one processor. Not thread-safe: one request at a time."""

    def __init__(self, config: Config, now_s: Callable[[], float] = time.monotonic) -> None:
        self._config = config
        self._now_s = now_s
        self._sums: dict[Hashable, _Sum] = {}
        self._swept_s = now_s()

    def run(self, metrics: Metrics) -> Metrics | None:
        """Convert a request in place; None: nothing is left of it."""
        self._sweep()
        return metrics if drop_metrics(metrics.mutable(), self._metric) else None

    def _metric(self, of: MetricOf) -> bool:
        """Convert one metric; whether all of it is gone."""
        data = of.data
        if of.kind not in ("sum", "histogram") or data.aggregation_temporality != _DELTA:
            return False
        add = _add_number if of.kind == "sum" else _add_histogram
        keep_points(data.data_points, lambda point: self._point(of.stream(point), point, add))
        data.aggregation_temporality = _CUMULATIVE
        return not data.data_points

    def _point(self, key: Hashable, point: Any, add: Callable[[Any, Any], None]) -> bool:
        known = self._sums.get(key)
        if known is None:
            if len(self._sums) >= self._config.max_streams:
                return False
            made = type(point)()
            made.CopyFrom(point)
            self._sums[key] = _Sum(made, self._now_s())
            return True
        known.heard_s = self._now_s()
        so_far = known.point
        if point.start_time_unix_nano < so_far.start_time_unix_nano or point.time_unix_nano <= so_far.time_unix_nano:
            return False
        add(so_far, point)
        so_far.time_unix_nano = point.time_unix_nano
        point.CopyFrom(so_far)
        return True

    def _sweep(self) -> None:
        now_s = self._now_s()
        if now_s - self._swept_s >= _SWEEP_S:
            self._swept_s = now_s
            before = now_s - self._config.max_stale_s
            for key in [key for key, known in self._sums.items() if known.heard_s < before]:
                del self._sums[key]


def _add_number(so_far: Any, point: Any) -> None:
    name = point.WhichOneof("value")
    if name:
        # NB: a stream that changes its type of number starts from 0 in the new one, as in the collector.
        before = getattr(so_far, name) if so_far.WhichOneof("value") == name else 0
        setattr(so_far, name, before + getattr(point, name))


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


def work(_settings: Settings, config: Config) -> Work:
    """What the processor does."""
    return Work(Accumulator(config).run)


FACTORY = computing(("delta_to_cumulative", "deltatocumulative"), parse, work)
