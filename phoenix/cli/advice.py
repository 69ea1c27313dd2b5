"""Why candidates were rejected, a cause at a time, and what to change about each. Pure.

The verdict's reason has all of it in one sentence, which is right for a condition and too much for a person.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from phoenix.api.analysis import CriterionMetric
from phoenix.api.experiment import Experiment, VariantRole
from phoenix.api.results import CriterionResult, VariantResult, Verdict
from phoenix.cli.figures import count

_SHOWN = 3
_KEEP = "keep the labels that {0} read, or take out what nobody needs any more"
_CUT = "cut more: `phoenixctl metrics {ref}` shows what costs most in {name}; or ask for less"
_CHEAPER = "take away steps that save little; where the interval is wide, a longer timing.duration"
ADD_UP = "labels were taken away, and the series that became one were not added up: do it as template http-lean does"
_DO: dict[str, str] = {
    CriterionMetric.CARDINALITY_REDUCTION: _CUT,
    CriterionMetric.SAMPLE_REDUCTION: _CUT,
    CriterionMetric.BYTE_REDUCTION: _CUT,
    CriterionMetric.SIGNAL_LOSS: _KEEP.format("the signals"),
    CriterionMetric.QUERY_LOSS: _KEEP.format("the rules and dashboards"),
    CriterionMetric.CRITICAL_COVERAGE: "let pass what spec.analysis.critical matches",
    CriterionMetric.CPU_INCREASE: _CHEAPER,
    CriterionMetric.MEMORY_INCREASE: _CHEAPER,
    CriterionMetric.FALSE_RESETS: "add counters up as increments, as template http-instance-rollup does",
    CriterionMetric.STALENESS_GAPS: "send every series at every interval",
}


def rejected(experiment: Experiment) -> list[str]:
    """Lines on every rejected candidate; empty where nothing is known beyond the verdict's reason."""
    results = experiment.status.results
    roles = {variant.name: variant.role for variant in experiment.spec.variants}
    variants = results.variants if results else []
    base = next((item for item in variants if roles.get(item.name) == VariantRole.BASELINE), None)
    candidates = [item for item in variants if item is not base]
    lines = []
    for candidate in candidates:
        if candidate.verdict is Verdict.REJECT:
            of = f"{candidate.name}: " if len(candidates) > 1 else ""
            for what, details, change in _causes(base, candidate):
                lines += [f"  {of}{what}", *(f"    {detail}" for detail in details)]
                lines += [f"    -> {change.format(ref=experiment.ref, name=candidate.name)}"] if change else []
    return lines


def _causes(base: VariantResult | None, candidate: VariantResult) -> Iterator[tuple[str, Sequence[str], str]]:
    """What is wrong, where, and what to change."""
    before = (base.duplicates if base else None) or 0
    if (candidate.duplicates or 0) > before:
        yield f"{count(candidate.duplicates)} duplicates, {count(before)} in the baseline", (), ADD_UP
    for item in candidate.criteria:
        if item.critical and item.passed is False:
            what, details = _told(candidate, item)
            above = item.max is not None and item.value is not None and item.value > item.max
            do = _DO.get(item.metric, "")
            yield f"{item.metric} {what}", details, "" if above and do is _CUT else do


def _told(candidate: VariantResult, item: CriterionResult) -> tuple[str, Sequence[str]]:
    """The bound that is broken, and the signals or queries that break it."""
    if item.metric == CriterionMetric.SIGNAL_LOSS:
        lost = [f"{one.name}: {_first(one.reason)}" for one in candidate.signals if one.lost]
    elif item.metric == CriterionMetric.QUERY_LOSS:
        lost = [f"{one.name}: {_first(one.reason)}" for one in candidate.queries if one.alike is False]
    else:
        return item.reason, ()
    more = [f"and {len(lost) - _SHOWN} more"] if len(lost) > _SHOWN else []
    return (item.reason.partition(": ")[0] if lost else item.reason), [*lost[:_SHOWN], *more]


def _first(reason: str) -> str:
    return reason.partition("; ")[0]
