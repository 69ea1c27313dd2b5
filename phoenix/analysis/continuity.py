"""What a candidate broke that the baseline did not: counters that fall, series with gaps, points twice.

An identical input has the same real resets and pauses for every variant, so that what is beyond the baseline's, metric
by metric, is the candidate's own doing. A metric that the candidate renamed is one of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from phoenix.analysis.model import AnalysisInput
from phoenix.analysis.windows import Joined, listed

_PARTS = ("", "_count", "_sum", "_bucket")
"""What the series of a metric family are called, as queries name them."""


@dataclass(frozen=True, slots=True)
class Continuity:
    """Of one variant over the complete windows and all hosts; None: its meter did not tell.

    Gaps count from the second measured window on: what was late or lost in the warm-up makes none.
    """

    counter_resets: int | None
    gaps: int | None
    resets_by_metric: Counter[str]
    gaps_by_metric: Counter[str]
    duplicates_by_metric: Counter[str]


@dataclass(frozen=True, slots=True)
class Excess:
    """How much more a candidate broke than the baseline, by metric; totals are None where a meter did not tell."""

    false_resets: int | None
    gaps: int | None
    resets_by_metric: Counter[str]
    gaps_by_metric: Counter[str]
    duplicates_by_metric: Counter[str]

    def resets_of(self, names: Collection[str]) -> int | None:
        """False resets of the metrics that a query names."""
        return None if self.false_resets is None else _of(self.resets_by_metric, names)

    def gaps_of(self, names: Collection[str]) -> int | None:
        """Gaps of the metrics that a query names."""
        return None if self.gaps is None else _of(self.gaps_by_metric, names)

    def duplicates_of(self, names: Collection[str]) -> int:
        """Duplicates of the metrics that a query names."""
        return _of(self.duplicates_by_metric, names)


def continuity_of(inputs: AnalysisInput, joined: Joined, variant: str) -> Continuity:
    """Add up what the meters of all hosts told."""
    samples = [joined.output[place][start] for place in joined.of(variant) for start in joined.complete]
    after = [sample for sample in samples if sample.window_start >= inputs.measure_from + inputs.window_ns]
    resets: Counter[str] = Counter()
    gaps: Counter[str] = Counter()
    duplicates: Counter[str] = Counter()
    for sample in samples:
        for row in sample.continuity:
            resets[row.metric] += row.counter_resets
            duplicates[row.metric] += row.duplicates
    for sample in after:
        for row in sample.continuity:
            gaps[row.metric] += row.gaps
    return Continuity(
        _sum(sample.counter_resets for sample in samples),
        _sum(sample.gaps for sample in after),
        resets,
        gaps,
        duplicates,
    )


def excess_of(baseline: Continuity, candidate: Continuity) -> Excess:
    """The candidate beyond the baseline."""
    resets = candidate.resets_by_metric - baseline.resets_by_metric
    gaps = candidate.gaps_by_metric - baseline.gaps_by_metric
    return Excess(
        _beyond(baseline.counter_resets, candidate.counter_resets, resets),
        _beyond(baseline.gaps, candidate.gaps, gaps),
        resets,
        gaps,
        candidate.duplicates_by_metric - baseline.duplicates_by_metric,
    )


def told(by_metric: Counter[str]) -> str:
    """`requests_total 40, errors_total 3`: the worst first; empty where no metric is named."""
    ranked = sorted((metric for metric in by_metric if by_metric[metric]), key=lambda one: (-by_metric[one], one))
    return listed((f"{metric} {by_metric[metric]}" for metric in ranked), 3)


def _beyond(baseline: int | None, candidate: int | None, by_metric: Counter[str]) -> int | None:
    """NB: a meter names the worst metrics of a window, not all, so that the totals may tell of more."""
    if baseline is None or candidate is None:
        return None
    return max(0, candidate - baseline, by_metric.total())


def _sum(found: Iterable[int | None]) -> int | None:
    total = 0
    for value in found:
        if value is None:
            return None
        total += value
    return total


def _of(by_metric: Counter[str], names: Collection[str]) -> int:
    return sum(count for family, count in by_metric.items() if any(family + part in names for part in _PARTS))
