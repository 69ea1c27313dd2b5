"""Counters that fall, series with gaps and points twice, where the baseline has none: the candidate's own harm."""

from __future__ import annotations

from typing import Any

import pytest

from phoenix.analysis.judge import analyze
from phoenix.analysis.model import AnalysisOutcome
from phoenix.api.analysis import Signal
from phoenix.api.results import VariantResult, Verdict
from phoenix.samples.model import ContinuityRow, OutputSample
from tests.unit.analysis.runs import Run


def broke(run: Run, variant: str, index: int, metric: str = "requests_total", **counts: int) -> Run:
    """Let a metric break in a window, as the meter tells it."""

    def change(sample: Any) -> None:
        for name, count in counts.items():
            setattr(sample, name, (getattr(sample, name) or 0) + count)
        sample.continuity = [*sample.continuity, ContinuityRow(metric=metric, **counts)]

    return run.change(change, OutputSample, variant, index)


def sound() -> Run:
    run = Run()
    for variant in run.names:
        run.change(lambda sample: setattr(sample, "counter_resets", 0), OutputSample, variant)
        run.change(lambda sample: setattr(sample, "gaps", 0), OutputSample, variant)
    return run


def judged(run: Run) -> tuple[AnalysisOutcome, VariantResult]:
    outcome = analyze(run.input())
    return outcome, outcome.results.variants[1]


def test_a_sound_run_has_none_and_says_nothing_of_it() -> None:
    outcome, found = judged(sound())
    assert outcome.reason == "cardinalityReduction 0.75 ≥ 0.5, signalLoss 0 ≤ 0.01"
    assert (found.counter_resets, found.gaps) == (0, 0)
    assert found.vs_baseline is not None
    assert (found.vs_baseline.false_resets, found.vs_baseline.staleness_gaps) == (0, 0)
    assert (found.signals[0].false_resets, found.signals[0].gaps, found.signals[0].duplicates) == (0, 0, 0)


def test_counters_that_fall_by_the_candidate_alone_are_rejected_by_their_names() -> None:
    run = broke(sound(), "cand", 4, counter_resets=3)
    broke(run, "cand", 5, "errors_total", counter_resets=1)
    outcome, found = judged(run)
    assert outcome.verdict is Verdict.REJECT
    assert outcome.reason == (
        "falseResets 4 is above 0: counters fell that did not in the baseline, every rate over them is wrong "
        "(requests_total 3, errors_total 1)"
    )
    assert found.counter_resets == 4
    assert found.signals[0].false_resets == 3


def test_resets_of_the_input_are_nobodys_fault_and_hide_none_of_another_metric() -> None:
    run = broke(broke(sound(), "base", 4, counter_resets=5), "cand", 4, counter_resets=5)
    assert judged(run)[0].verdict is Verdict.PROMOTE
    # The candidate dropped a metric with many real resets, and made one of its own in another.
    run = broke(broke(sound(), "base", 4, "gone_total", counter_resets=5), "cand", 4, counter_resets=1)
    outcome, _ = judged(run)
    assert outcome.verdict is Verdict.REJECT
    assert "falseResets 1 is above 0" in outcome.reason


def test_a_bound_of_ones_own_allows_some() -> None:
    run = broke(sound(), "cand", 4, counter_resets=3)
    run.analysis["criteria"].append({"metric": "falseResets", "max": 3})
    outcome, _ = judged(run)
    assert outcome.verdict is Verdict.PROMOTE
    assert "falseResets 3 ≤ 3" in outcome.reason


def test_what_a_meter_did_not_tell_is_not_known() -> None:
    run = Run()
    run.analysis["criteria"].append({"metric": "falseResets", "max": 0})
    outcome, found = judged(run)
    assert outcome.verdict is Verdict.INCONCLUSIVE
    assert "falseResets: NoData: the meter did not tell" in outcome.reason
    assert found.counter_resets is None
    assert found.signals[0].false_resets is None
    assert judged(Run())[0].verdict is Verdict.PROMOTE


@pytest.mark.parametrize(("index", "gaps"), [(0, 0), (1, 2)])
def test_gaps_decide_where_they_are_asked_for(index: int, gaps: int) -> None:
    # The first window's would be of what was sent in the warm-up.
    run = broke(sound(), "cand", index, gaps=2)
    outcome, found = judged(run)
    assert outcome.verdict is Verdict.PROMOTE
    assert found.gaps == found.signals[0].gaps == gaps
    run.analysis["criteria"].append({"metric": "stalenessGaps", "max": 0})
    outcome, _ = judged(run)
    assert outcome.verdict is (Verdict.REJECT if gaps else Verdict.PROMOTE)
    assert ("stalenessGaps 2 is above 0" in outcome.reason) == bool(gaps)


def test_duplicates_are_named_by_metric_and_signal() -> None:
    run = sound()
    run.signals = [Signal(name="p50", query="histogram_quantile(0.5, sum by (le) (rate(latency_seconds_bucket[4s])))")]
    for variant in run.names:
        run.change(lambda sample: sample.signals.update(p50={"": 1.0}), OutputSample, variant)
    outcome, found = judged(broke(run, "cand", 3, "latency_seconds", duplicates=40))
    assert outcome.verdict is Verdict.REJECT
    assert (
        "40 duplicates against 0 of the baseline (latency_seconds 40): points of one series and time" in outcome.reason
    )
    assert found.signals[0].duplicates == 40


def test_the_reason_of_a_loss_names_what_broke() -> None:
    run = broke(sound(), "cand", 3, counter_resets=7)
    run.change(lambda sample: sample.signals["requests"].update({"route=/3": 99.0}), OutputSample, "cand")
    _, found = judged(run)
    assert found.signals[0].reason.endswith("; its counters fell 7 times that the baseline's did not")
