"""What a fleet would use in a month, from what a run measured: the units that price books bill.

Series are counted exactly over billing windows of any length (`SeriesCounts`): a meter reports identities by the window
they were last seen in, so that the union from any window to any later one is a sum. A run that is shorter than the
billing window has one: itself; what would be added in the rest is told apart, by the pace at which series came new.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from phoenix.analysis.model import AnalysisInput
from phoenix.analysis.totals import Totals, union_since
from phoenix.analysis.windows import Joined
from phoenix.api.pricebook import WindowStatistic
from phoenix.samples.model import OutputSample

MONTH_S = 30 * 24 * 3600
"""Seconds of a month, as price lists extrapolate: 30 days."""


@dataclass(frozen=True, slots=True)
class SeriesCounts:
    """Distinct series of one run over billing windows, all hosts of the run.

    `by_host`: the last samples of each host's windows in order; windows are `window_s` long, from `start` (Unix ns) on.
    """

    by_host: tuple[tuple[OutputSample, ...], ...]
    start: int
    window_s: float

    @property
    def measured_s(self) -> float:
        """Length of what was measured, seconds."""
        return len(self.by_host[0]) * self.window_s if self.by_host else 0.0

    def over(self, billing_s: float, statistic: WindowStatistic) -> float:
        """The statistic of the counts of whole billing windows; the count of the run where it is shorter than one."""
        per = max(1, round(billing_s / self.window_s))
        number = len(self.by_host[0]) // per if self.by_host else 0
        if number < 1:
            return float(sum(self._between(host, 0, len(host)) for host in self.by_host))
        counts = [
            sum(self._between(host, index * per, (index + 1) * per) for host in self.by_host) for index in range(number)
        ]
        return _statistic(counts, statistic)

    def still_to_come(self, billing_s: float) -> float:
        """Series that would be added in the rest of a billing window longer than the run, if they go on coming new."""
        rest_s = billing_s - self.measured_s
        if rest_s <= 0 or not self.by_host or len(self.by_host[0]) < 2:
            return 0.0
        half = len(self.by_host[0]) // 2
        seen = sum(self._between(host, 0, half) for host in self.by_host)
        whole = sum(self._between(host, 0, len(host)) for host in self.by_host)
        return max(0.0, whole - seen) / (self.measured_s - half * self.window_s) * rest_s

    def _between(self, host: Sequence[OutputSample], first: int, stop: int) -> int:
        since = self.start + round(first * self.window_s * 1e9)
        return union_since(host[stop - 1].active_series_by_last_window, since) if stop > first else 0


@dataclass(frozen=True, slots=True)
class Usage:
    """What a fleet uses in a month. `metric_names` None: the meter did not tell. `counts`: of the run, no fleet's."""

    active_series: float
    samples_per_month: float
    bytes_per_month: float
    metric_names: float | None = None
    counts: SeriesCounts | None = None
    hosts: int = 1

    def series_over(self, billing_s: float, statistic: WindowStatistic) -> float:
        """Series billed by a statistic over windows; all of the run where its windows are not known."""
        if self.counts is None:
            return self.active_series
        return self.counts.over(billing_s, statistic) * self.hosts

    def series_to_come(self, billing_s: float) -> float:
        """See `SeriesCounts.still_to_come`."""
        return self.counts.still_to_come(billing_s) * self.hosts if self.counts is not None else 0.0


def usage_of(*, active_series: int, samples: int, size_bytes: int, measured_s: float, hosts: int) -> Usage:
    """Extrapolate what was measured in `measured_s` seconds (above 0) to a month and a fleet of `hosts` times it."""
    months = MONTH_S / measured_s
    return Usage(active_series * hosts, samples * months * hosts, size_bytes * months * hosts)


def usage_of_run(inputs: AnalysisInput, joined: Joined, variant: str, totals: Totals) -> Usage:
    """The usage of one variant, from a run with complete windows."""
    months, hosts = MONTH_S * 1e9 / (len(joined.complete) * inputs.window_ns), inputs.cost.hosts
    by_host = tuple(tuple(joined.output[place][start] for start in joined.complete) for place in joined.of(variant))
    names = [sample.metric_names for host in by_host for sample in host]
    return Usage(
        totals.active_series * hosts,
        totals.samples * months * hosts,
        totals.bytes * months * hosts,
        # Of every host the same names, so that neither hosts nor the fleet add any.
        None if None in names else float(max(name or 0 for name in names)),
        SeriesCounts(by_host, inputs.measure_from, inputs.window_ns / 1e9),
        hosts,
    )


def _statistic(counts: Sequence[int], statistic: WindowStatistic) -> float:
    """Percentiles by nearest rank, as vendors drop the highest hours."""
    if statistic is WindowStatistic.MEAN:
        return fmean(counts)
    share = {WindowStatistic.P95: 0.95, WindowStatistic.P99: 0.99, WindowStatistic.MAX: 1.0}[statistic]
    return float(sorted(counts)[max(0, math.ceil(share * len(counts)) - 1)])
