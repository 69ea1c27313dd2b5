"""One candidate against the baseline: the figures, and each bound held against its figure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from phoenix.analysis.continuity import Continuity, Excess, continuity_of, excess_of, told
from phoenix.analysis.intervals import MIN_PAIRS, increase, increase_whenever
from phoenix.analysis.model import AnalysisInput, JudgedVariant
from phoenix.analysis.queries import QueryComparison, compare_queries, query_loss
from phoenix.analysis.signals import (
    Coverage,
    SignalComparison,
    compare_signals,
    critical_coverage,
    signal_loss,
    total_coverage,
)
from phoenix.analysis.totals import Totals, cpu_pairs, memory_pairs, totals_of
from phoenix.analysis.windows import Joined, listed
from phoenix.api.analysis import Criterion, CriterionMetric
from phoenix.api.collector import Engine
from phoenix.api.results import Comparison, CriterionResult, Interval

NOT_COMPARABLE = "NotComparable"
ESTIMATED = (CriterionMetric.CPU_INCREASE, CriterionMetric.MEMORY_INCREASE)
"""What is estimated; everything else is counted."""


@dataclass(frozen=True, slots=True)
class Compared:
    """Everything found about one candidate; `figures.reasons` say why a figure is absent, by criterion."""

    totals: Totals | None
    baseline: Totals | None
    signals: list[SignalComparison]
    coverage: dict[str, Coverage]
    queries: list[QueryComparison]
    continuity: Continuity
    excess: Excess
    comparison: Comparison
    reasons: dict[CriterionMetric, str]

    @property
    def more_duplicates(self) -> int:
        """Duplicates beyond the baseline's; a sound pipeline makes none."""
        if self.totals is None or self.baseline is None:
            return 0
        return max(0, self.totals.duplicates - self.baseline.duplicates)


def compare(inputs: AnalysisInput, joined: Joined, candidate: JudgedVariant) -> Compared:
    """All figures of one candidate over the complete windows."""
    baseline = totals_of(inputs, joined, inputs.baseline.name)
    totals = totals_of(inputs, joined, candidate.name)
    continuity = continuity_of(inputs, joined, candidate.name)
    excess = excess_of(continuity_of(inputs, joined, inputs.baseline.name), continuity)
    signals = compare_signals(inputs, joined, candidate.name, excess)
    coverage = critical_coverage(inputs, joined, candidate.name)
    queries = compare_queries(inputs, joined, candidate.name)
    reasons: dict[CriterionMetric, str] = {}
    comparison = Comparison()
    if totals is not None and baseline is not None:
        comparison.cardinality_reduction = _reduction(baseline.active_series, totals.active_series)
        comparison.sample_reduction = _reduction(baseline.samples, totals.samples)
        comparison.byte_reduction = _reduction(baseline.bytes, totals.bytes)
        comparison.signal_loss, reasons[CriterionMetric.SIGNAL_LOSS] = signal_loss(signals)
        comparison.critical_coverage, reasons[CriterionMetric.CRITICAL_COVERAGE] = total_coverage(coverage)
        comparison.query_loss, reasons[CriterionMetric.QUERY_LOSS] = query_loss(queries)
        comparison.false_resets, comparison.staleness_gaps = excess.false_resets, excess.gaps
        estimate, confidence = increase_whenever if inputs.stopped else increase, confidence_of_each(inputs)
        comparison.cpu_increase, comparison.memory_increase = (
            estimate(pairs_of(metric, inputs, joined, candidate.name), confidence) for metric in ESTIMATED
        )
    comparison.not_comparable = _not_comparable(inputs, candidate)
    few = f"NoData: fewer than {MIN_PAIRS} windows in which both collectors were read"
    for metric in ESTIMATED:
        reasons[metric] = f"{NOT_COMPARABLE}: {comparison.not_comparable}" if comparison.not_comparable else few
    for metric in (CriterionMetric.FALSE_RESETS, CriterionMetric.STALENESS_GAPS):
        reasons[metric] = "NoData: the meter did not tell"
    return Compared(totals, baseline, signals, coverage, queries, continuity, excess, comparison, reasons)


def confidence_of_each(inputs: AnalysisInput) -> float:
    """Of each interval, so that all of a run are right together with `analysis.confidence` (Bonferroni).

    One of several candidates may look better by chance, one of several estimates worse: each has its share of the
    error. Where a run may end early, half of it is for the looks on the way and half for the one at the end.
    """
    judged = {criterion.metric for criterion in inputs.analysis.criteria if criterion.critical}
    shares = len(inputs.candidates) * max(1, len(judged.intersection(ESTIMATED)))
    return 1 - (1 - inputs.analysis.confidence) / (shares * (2 if inputs.analysis.early_stop else 1))


def pairs_of(
    metric: CriterionMetric, inputs: AnalysisInput, joined: Joined, candidate: str
) -> list[tuple[float, float]]:
    """(baseline, candidate) per host and window of what is `ESTIMATED`, in the order of time, host by host."""
    return (cpu_pairs if metric is CriterionMetric.CPU_INCREASE else memory_pairs)(inputs, joined, candidate)


def _reduction(baseline: int, candidate: int) -> float | None:
    """1 − candidate / baseline, exact 0 for equals; None where the baseline has none."""
    # NB: one division of whole numbers, so that 9 of 10 is the very 0.1 a bound says; 1 - 9 / 10 is less.
    return (baseline - candidate) / baseline if baseline else None


def _not_comparable(inputs: AnalysisInput, candidate: JudgedVariant) -> str:
    if candidate.engine is not inputs.baseline.engine:
        return f"the baseline ran on {inputs.baseline.engine}, {candidate.name} on {candidate.engine}"
    wanted = inputs.deployment_engine
    if wanted not in (None, Engine.AUTO, candidate.engine):
        return f"measured on {candidate.engine}, but the deployment runs on {wanted}"
    return ""


def judge_criterion(criterion: Criterion, compared: Compared) -> CriterionResult:
    """Hold one bound against its figure; `passed` is absent where it cannot be told."""
    figure = _figure(criterion.metric, compared.comparison)
    result = CriterionResult(
        metric=criterion.metric.value, min=criterion.min, max=criterion.max, critical=criterion.critical
    )
    interval = figure if isinstance(figure, Interval) else None
    result.value = interval.value if interval is not None else figure if not isinstance(figure, Interval) else None
    absent = compared.reasons.get(criterion.metric, "")
    if figure is None or absent.startswith(NOT_COMPARABLE):
        result.reason = absent or "NoData: nothing was measured yet"
        return result
    low, high = (interval.low, interval.high) if interval is not None else (result.value, result.value)
    assert low is not None
    assert high is not None
    result.passed, result.reason = within(criterion, low, high)
    if result.passed is False and (why := _explain(criterion.metric, compared)):
        result.reason += f": {why}"
    return result


def _figure(metric: CriterionMetric, comparison: Comparison) -> float | Interval | None:
    figures: dict[CriterionMetric, float | Interval | None] = {
        CriterionMetric.CARDINALITY_REDUCTION: comparison.cardinality_reduction,
        CriterionMetric.SAMPLE_REDUCTION: comparison.sample_reduction,
        CriterionMetric.BYTE_REDUCTION: comparison.byte_reduction,
        CriterionMetric.SIGNAL_LOSS: comparison.signal_loss,
        CriterionMetric.CRITICAL_COVERAGE: comparison.critical_coverage,
        CriterionMetric.CPU_INCREASE: comparison.cpu_increase,
        CriterionMetric.MEMORY_INCREASE: comparison.memory_increase,
        CriterionMetric.QUERY_LOSS: comparison.query_loss,
        CriterionMetric.FALSE_RESETS: comparison.false_resets,
        CriterionMetric.STALENESS_GAPS: comparison.staleness_gaps,
    }
    return figures[metric]


def within(criterion: Criterion, low: float, high: float) -> tuple[bool | None, str]:
    """Whether all of [low, high] keeps the bounds; None where only part of it does."""
    text = f"{low:.4g}" if low == high else f"between {low:.4g} and {high:.4g}"
    if criterion.min is not None and high < criterion.min - criterion.tolerance:
        return False, f"{text} is below {criterion.min:g}"
    if criterion.max is not None and low > criterion.max + criterion.tolerance:
        return False, f"{text} is above {criterion.max:g}"
    if (criterion.min is not None and high < criterion.min) or (criterion.max is not None and low > criterion.max):
        return None, f"Marginal: {text} is beyond the bound, but within the tolerance of {criterion.tolerance:g}"
    if (criterion.min is not None and low < criterion.min) or (criterion.max is not None and high > criterion.max):
        return None, f"TooFewWindows: it lies {text}, on both sides of the bound; measure for longer"
    return True, ""


def _explain(metric: CriterionMetric, compared: Compared) -> str:
    """What was lost, for the criteria about loss."""
    if metric is CriterionMetric.SIGNAL_LOSS:
        parts = [f"{part.signal.name}: {part.reason()}" for part in compared.signals if part.lost]
        return listed(parts, 3)
    if metric is CriterionMetric.QUERY_LOSS:
        return listed([f"{part.query.name}: {part.reason()}" for part in compared.queries if part.alike is False], 3)
    if metric is CriterionMetric.FALSE_RESETS:
        counters = told(compared.excess.resets_by_metric)
        return f"counters fell that did not in the baseline, every rate over them is wrong ({counters or 'not named'})"
    if metric is CriterionMetric.STALENESS_GAPS:
        return f"series paused that did not in the baseline ({told(compared.excess.gaps_by_metric) or 'not named'})"
    if metric is CriterionMetric.CRITICAL_COVERAGE:
        parts = [
            f"{name} is live in {part.kept} of {part.live} windows"
            for name, part in compared.coverage.items()
            if part.kept < part.live
        ]
        return listed(parts, 3)
    return ""


def judge_criteria(criteria: Sequence[Criterion], compared: Compared) -> list[CriterionResult]:
    """Every bound, in order."""
    return [judge_criterion(criterion, compared) for criterion in all_criteria(criteria, compared)]


def all_criteria(criteria: Sequence[Criterion], compared: Compared) -> Sequence[Criterion]:
    """Those asked for, and those that go without saying.

    Without a bound of their own, files of queries must answer alike throughout, and no counter may fall that does not
    in the baseline; this one is listed only where it is broken.
    """
    bound = {criterion.metric for criterion in criteria}
    if compared.excess.false_resets and CriterionMetric.FALSE_RESETS not in bound:
        criteria = [*criteria, Criterion(metric=CriterionMetric.FALSE_RESETS, max=0.0)]
    if compared.queries and CriterionMetric.QUERY_LOSS not in bound:
        criteria = [*criteria, Criterion(metric=CriterionMetric.QUERY_LOSS, max=0.0)]
    return criteria
