"""Is the judge itself right? A/A runs show no difference, and every way of losing data is rejected by its name."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest

from phoenix.analysis.judge import analyze
from phoenix.analysis.model import AnalysisOutcome
from phoenix.api.results import Verdict
from phoenix.samples.model import OutputSample, ProcessSample
from tests.unit.analysis.runs import START, WINDOW, Run

RUNS = 200


def same_twice(seed: int, candidates: tuple[str, ...], *, windows: int = 20, alike: float = 0.0) -> Run:
    """Variants that differ by noise alone, at the very bound of the criterion: the hardest case.

    `alike`: how much a window's noise is like the one's before it, as where a machine drifts.
    """
    source = random.Random(seed)
    run = Run(windows=windows, candidates=candidates)
    run.signals, run.critical = [], []
    run.analysis = {"criteria": [{"metric": "cpuIncrease", "max": 0}]}
    totals: dict[str, float] = {}
    noise: dict[str, float] = {}
    for sample in sorted((s for s in run.samples if isinstance(s, ProcessSample)), key=lambda s: s.window_start):
        fresh = source.gauss(0, 1)
        noise[sample.variant] = alike * noise.get(sample.variant, fresh) + math.sqrt(1 - alike**2) * fresh
        totals[sample.variant] = totals.get(sample.variant, 0.0) + max(0.0, 0.4 + 0.05 * noise[sample.variant])
        sample.cpu_seconds = totals[sample.variant]
    return run


@pytest.mark.parametrize("candidates", [("cand",), ("one", "two", "three")])
def test_of_200_runs_that_differ_by_chance_at_most_one_in_twenty_is_judged_wrongly(candidates: tuple[str, ...]) -> None:
    """The truth is 0: under `max: 0` a Reject is wrong, and under a bound just below a Promote is. Both together."""
    wrong = {Verdict.REJECT: 0, Verdict.PROMOTE: 0}
    for seed in range(RUNS):
        results = analyze(same_twice(seed, candidates).input()).results.variants[1:]
        for verdict in wrong:
            wrong[verdict] += any(result.verdict is verdict for result in results)
    assert 0 < sum(wrong.values()) <= RUNS * 0.05, wrong


def test_neighbouring_windows_that_are_alike_make_few_more_wrong_verdicts() -> None:
    """By a third: 16 % of such runs, taken for independent windows, would be judged wrongly."""
    wrong = 0
    for seed in range(RUNS // 2):
        outcome = analyze(same_twice(seed, ("cand",), alike=0.3).input())
        wrong += outcome.verdict in (Verdict.REJECT, Verdict.PROMOTE)
    assert wrong <= RUNS // 2 * 0.10


def stopped(run: Run) -> tuple[int, AnalysisOutcome]:
    """Look after every window, stop when the judge would, judge; and after how many windows that was."""
    run.analysis["earlyStop"] = True
    whole = run.input(final=False)
    by_window = sorted(whole.samples, key=lambda sample: sample.window_start)
    for windows in range(1, run.windows + 1):
        end = START + windows * WINDOW
        so_far = [sample for sample in by_window if sample.window_start < end]
        live = analyze(whole.model_copy(update={"samples": so_far, "now": end}))
        if live.early_stop is not None:
            update = {"samples": so_far, "now": end, "measure_to": live.early_stop.measure_to}
            final = analyze(whole.model_copy(update={**update, "final": True, "stopped": True}))
            assert final.verdict is live.early_stop.verdict
            return windows, final
    return run.windows, analyze(whole.model_copy(update={"final": True}))


def test_of_200_runs_looked_at_after_every_window_at_most_one_in_twenty_is_judged_wrongly() -> None:
    wrong = early = 0
    for seed in range(RUNS):
        windows, outcome = stopped(same_twice(seed, ("cand",)))
        wrong += outcome.verdict in (Verdict.REJECT, Verdict.PROMOTE)
        early += windows < 20
    assert 0 < wrong <= RUNS * 0.05
    assert early < wrong


@pytest.mark.parametrize(("bound", "verdict"), [(0.3, Verdict.PROMOTE), (-0.3, Verdict.REJECT)])
def test_what_is_plain_is_settled_early(bound: float, verdict: Verdict) -> None:
    run = same_twice(1, ("cand",))
    run.analysis["criteria"] = [{"metric": "cpuIncrease", "max": bound}]
    windows, outcome = stopped(run)
    assert outcome.verdict is verdict
    assert windows <= 15


def _collapse(sample: Any) -> None:
    sample.signals["requests"] = {"": sum(sample.signals["requests"].values())}


def _drop(sample: Any) -> None:
    sample.signals["requests"] = {key: value * 0.9 for key, value in sample.signals["requests"].items()}


def _duplicates(sample: Any) -> None:
    sample.duplicates = 40


def _no_buckets(sample: Any) -> None:
    sample.signals["requests"] = {}
    sample.signal_problems["requests"] = "metric latency_seconds_bucket was not seen"


def _frozen(sample: Any) -> None:
    sample.signals["requests"] = dict.fromkeys(sample.signals["requests"], 0.0)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_duplicates, "duplicates against 0 of the baseline"),  # naive-delete
        (_collapse, "values are missing (route=/0"),
        (_drop, "off by more than 0.01 (up to 0.1"),
        (_no_buckets, "metric latency_seconds_bucket was not seen"),
        (_frozen, "off by more than 0.01 (up to 1"),
    ],
)
def test_every_way_of_losing_data_is_rejected_by_its_name(change: Any, words: str) -> None:
    outcome = analyze(Run().change(change, OutputSample, "cand").input())
    assert outcome.verdict is Verdict.REJECT
    assert words in outcome.reason


def test_tolerance_makes_a_near_miss_inconclusive_and_what_is_not_critical_decides_nothing() -> None:
    run = Run()
    run.analysis = {"criteria": [{"metric": "cardinalityReduction", "min": 0.76, "tolerance": 0.02}]}
    outcome = analyze(run.input())
    assert outcome.verdict is Verdict.INCONCLUSIVE
    assert "Marginal: 0.75 is beyond the bound" in outcome.reason
    run.analysis["criteria"] += [{"metric": "signalLoss", "max": 0.01}]
    run.analysis["criteria"][0] |= {"critical": False, "tolerance": 0}
    assert analyze(run.input()).verdict is Verdict.PROMOTE


def test_too_few_windows_tell_nothing() -> None:
    run = Run()
    run.analysis["minWindows"] = 11
    outcome = analyze(run.input())
    assert outcome.verdict is Verdict.INCONCLUSIVE
    assert "10 windows, 11 needed" in outcome.reason
