"""Series that must stay live: how many of those that a matcher names were live in a window."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from phoenix.meter.columns import Column
from phoenix.meter.registry import Ids, NewSeries, Registry
from phoenix.otlp.model import MetricType

_SUFFIXES = ("_bucket", "_sum", "_count")
_SUFFIXED = (MetricType.HISTOGRAM, MetricType.SUMMARY, MetricType.EXPONENTIAL_HISTOGRAM)


class Critical:
    """One matcher: label → value, all must agree; `__name__` is a metric family or one of its series' names."""

    def __init__(self, name: str, match: Mapping[str, str], registry: Registry) -> None:
        self.name = name
        self._labels = {label: value for label, value in match.items() if label != "__name__"}
        self._family = match.get("__name__")
        self._registry = registry
        self._matched = Column(np.bool_)

    def enroll(self, series: NewSeries) -> None:
        """Note whether a new series is one of ours."""
        if series.fresh and self._matches(series):
            self._matched.extend(series.unit + 1, fill=False)
            self._matched[series.unit] = True

    def _matches(self, series: NewSeries) -> bool:
        if self._family is not None and self._family != series.family:
            suffixes = _SUFFIXES if series.metric.type in _SUFFIXED else ()
            if self._family not in [series.family + suffix for suffix in suffixes]:
                return False
        return all(series.labels.get(label, "") == value for label, value in self._labels.items())

    def live(self, units: Ids) -> int:
        """Number of our series among live units (distinct ids)."""
        self._matched.extend(self._registry.units, fill=False)
        parents = self._registry.unit_parent.all[units]
        ours = self._matched.all[np.where(parents >= 0, parents, units)]
        return int(self._registry.unit_weight.all[units[ours]].sum())
