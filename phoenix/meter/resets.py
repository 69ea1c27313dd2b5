"""Counters that fell: resets as a Prometheus-type backend sees them, whatever the points' start times say.

Kept by unit, so that two streams that became one series count as the one that they are: where the last writer changes,
the series falls. Numbers, and counts of explicit histograms, of points in the common layouts; summaries, exponential
histograms and points with exemplars are not looked at. A fall between two points that came in one request, or a point
sent after a later one, is not told from a reset. 17 bytes a slot. Owned by one thread.
"""

from __future__ import annotations

from collections import Counter

import numpy as np

from phoenix.meter.columns import Column
from phoenix.meter.continuity import tally
from phoenix.meter.registry import NewSeries, Registry
from phoenix.otlp.model import MetricType, Temporality
from phoenix.otlp.scan import Scan


class Resets:
    """Falls by window and metric family."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._growing = Column(np.bool_)
        """by slot"""
        self._last = Column(np.float64)
        """by unit; -inf: none yet"""
        self._fell: dict[int, Counter[int]] = {}

    def enroll(self, series: NewSeries) -> None:
        """Note whether a new slot's value may only grow."""
        metric = series.metric
        grows = metric.monotonic or metric.type is MetricType.HISTOGRAM
        # A point without a recorded value has 0 for one.
        self._growing.append(grows and metric.temporality is Temporality.CUMULATIVE and series.recorded)

    def take(self, scan: Scan, window: int) -> None:
        """Compare a request's points with what was last; falls are the window's."""
        self._last.extend(self._registry.units, -np.inf)
        growing, last = self._growing.all, self._last.all
        for points in scan.points:
            layout, at, slots = points.layout, points.at, points.slots
            chosen = growing[slots]
            if not chosen.all():  # mostly a request has all its counters in one layout, and nothing else
                at, slots = at[chosen], slots[chosen]
            if not len(slots):
                continue
            values = layout.counts(scan.words, at) if layout.histogram else layout.values(scan.words, scan.octets, at)
            units = self._registry.slot_unit.all[slots]
            less = values < last[units]
            last[units] = values
            if less.any():
                fell = units[less]
                self._fell.setdefault(window, Counter()).update(tally(self._registry.unit_family.all[fell]))

    def of(self, window: int) -> Counter[int]:
        """Falls of a window that closes, by number of the family; with those of earlier ones that closed empty."""
        found: Counter[int] = Counter()
        for index in [index for index in self._fell if index <= window]:
            found.update(self._fell.pop(index))
        return found
