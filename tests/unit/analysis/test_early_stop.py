"""A run ends early only where nothing that may still come could change its verdict."""

from __future__ import annotations

import math
from typing import Any

import pytest

from phoenix.analysis.criteria import confidence_of_each
from phoenix.analysis.intervals import MIXTURE, increase, increase_whenever, sequential_t, student_t
from phoenix.analysis.judge import analyze
from phoenix.analysis.model import AnalysisInput, EarlyStop
from phoenix.api.results import Verdict
from phoenix.samples.model import OutputSample
from tests.unit.analysis.runs import START, WINDOW, Run


def can_stop_early(inputs: AnalysisInput) -> EarlyStop | None:
    return analyze(inputs).early_stop


def half_way(run: Run, **fields: Any) -> AnalysisInput:
    """The run after 5 of its 10 windows."""
    run.analysis["earlyStop"] = True
    run.samples = [sample for sample in run.samples if sample.window_start < START + 5 * WINDOW]
    return run.input(final=False, now=START + 5 * WINDOW, **fields)


def lossy(values: int, *, candidates: tuple[str, ...] = ("cand",)) -> Run:
    run = Run(candidates=candidates)
    for number in range(values):
        del run.of(OutputSample, "cand", number % 5)[0].signals["requests"][f"route=/{number // 5}"]
    return run


def test_a_sound_run_goes_on() -> None:
    assert can_stop_early(half_way(Run())) is None


@pytest.mark.parametrize(("lost", "stops"), [(10, False), (11, True)])
def test_loss_beyond_what_a_perfect_rest_could_mend(lost: int, stops: bool) -> None:
    # 500 values so far and 500 to come: 10 of 1000 may be lost.
    found = can_stop_early(half_way(lossy(lost)))
    assert (found is not None) == stops
    if found is not None:
        assert found == EarlyStop(
            verdict=Verdict.REJECT,
            reason="cand: signalLoss cannot come below 0.011 any more, above 0.01",
            measure_to=START + 5 * WINDOW,
        )


def test_what_stopped_early_is_judged_so_on_the_windows_there_are() -> None:
    inputs = half_way(lossy(11))
    found = analyze(inputs).early_stop
    assert found is not None
    final = analyze(inputs.model_copy(update={"final": True, "measure_to": found.measure_to}))
    assert final.verdict is found.verdict
    assert final.results.input.windows == final.results.input.expected_windows == 5


def test_coverage_beyond_repair() -> None:
    run = Run()
    run.analysis = {"criteria": [{"metric": "criticalCoverage", "min": 0.95}]}
    run.change(lambda sample: sample.critical.clear(), OutputSample, "cand", 1)
    found = can_stop_early(half_way(run))
    assert found is not None
    assert "criticalCoverage cannot come above 0.9 any more" in found.reason


def test_duplicates_and_flaws_are_certain() -> None:
    run = Run().change(lambda sample: setattr(sample, "duplicates", 1), OutputSample, "cand", 2)
    found = can_stop_early(half_way(run))
    assert found is not None
    assert found.verdict is Verdict.REJECT
    run = Run().change(lambda sample: setattr(sample, "late_points", 1), OutputSample, "base", 2)
    found = can_stop_early(half_way(run))
    assert found is not None
    assert found.verdict is Verdict.INVALID


def test_one_candidate_that_may_still_pass_keeps_the_run_going() -> None:
    assert can_stop_early(half_way(lossy(100, candidates=("cand", "other")))) is None


def test_never_unless_wanted_nor_in_a_final_analysis() -> None:
    inputs = half_way(lossy(100))
    inputs.analysis.early_stop = False
    assert can_stop_early(inputs) is None
    inputs.analysis.early_stop = True
    assert analyze(inputs.model_copy(update={"final": True})).early_stop is None


def test_what_decides_nothing_ends_nothing() -> None:
    run = lossy(100)
    run.analysis["criteria"][1]["critical"] = False
    assert can_stop_early(half_way(run)) is None


def test_too_few_windows_end_nothing_but_what_is_invalid() -> None:
    run = lossy(100)
    run.analysis["minWindows"] = 6
    assert can_stop_early(half_way(run)) is None
    run.change(lambda sample: setattr(sample, "late_points", 1), OutputSample, "base", 2)
    found = can_stop_early(half_way(run))
    assert found is not None
    assert found.verdict is Verdict.INVALID


def test_a_window_that_may_still_come_is_waited_for() -> None:
    run = lossy(100).drop(OutputSample, "base", 2)
    assert can_stop_early(half_way(run)) is None


def test_queries_that_can_no_longer_answer_alike() -> None:
    run = Run()
    rules = "groups: [{name: g, rules: [{record: 'r:sum', expr: sum by (route) (requests_total)}]}]"
    run.analysis["rules"] = [{"name": "f", "content": rules}]
    for variant in run.names:
        run.change(lambda sample: sample.signals.update({"f/g/r:sum": {"route=/a": 1.0}}), OutputSample, variant)
    assert can_stop_early(half_way(run)) is None
    run = Run()
    run.analysis["rules"] = [{"name": "f", "content": rules}]
    run.change(lambda sample: sample.signals.update({"f/g/r:sum": {"route=/a": 1.0}}), OutputSample, "base")
    run.change(lambda sample: sample.signals.update({"f/g/r:sum": {"route=/a": 1.0}}), OutputSample, "cand")
    run.change(lambda sample: sample.signals.update({"f/g/r:sum": {}}), OutputSample, "cand", 1)
    found = can_stop_early(half_way(run))
    assert found is not None
    # One of five answers so far, and of ten at best.
    assert "queryLoss cannot come below 0.1 any more, above 0: f/g/r:sum: 1 of 5 values are missing" in found.reason


def test_coverage_that_can_no_longer_be_lost_promotes() -> None:
    run = Run()
    run.analysis = {"criteria": [{"metric": "criticalCoverage", "min": 0.5}]}
    found = can_stop_early(half_way(run))
    assert found is not None
    assert found == EarlyStop(
        verdict=Verdict.PROMOTE,
        reason="cand: criticalCoverage cannot come below 0.5 any more",
        measure_to=START + 5 * WINDOW,
    )
    run.analysis["criteria"].append({"metric": "cardinalityReduction", "min": 0.1})  # series may come until the end
    assert can_stop_early(half_way(run)) is None


def test_several_candidates_are_each_settled_before_a_run_ends() -> None:
    run = lossy(100, candidates=("cand", "other"))
    run.change(lambda sample: setattr(sample, "duplicates", 1), OutputSample, "other", 1)
    found = can_stop_early(half_way(run))
    assert found is not None
    assert found.verdict is Verdict.REJECT
    assert "cand: signalLoss" in found.reason
    assert "other: 1 duplicates more" in found.reason


def test_where_a_run_may_end_early_half_of_the_error_is_for_the_looks_on_the_way() -> None:
    run = Run(candidates=("one", "two"))
    run.analysis = {"criteria": [{"metric": "cpuIncrease", "max": 0.1}, {"metric": "memoryIncrease", "max": 0.1}]}
    assert confidence_of_each(run.input()) == pytest.approx(1 - 0.05 / 4)
    run.analysis["earlyStop"] = True
    assert confidence_of_each(run.input()) == pytest.approx(1 - 0.05 / 8)


def test_intervals_for_any_time_are_wider_and_come_later() -> None:
    pairs = [(1.0, 1.0 + 0.01 * (-1) ** at) for at in range(40)]
    once, always = increase(pairs, 0.95), increase_whenever(pairs, 0.95)
    assert once is not None
    assert always is not None
    assert always.low < once.low < once.high < always.high
    assert increase_whenever(pairs[:4], 0.95) is None


@pytest.mark.parametrize(("number", "expected"), [(10, 4.08), (20, 3.39), (60, 3.23), (200, 3.31)])
def test_the_bound_for_any_time_by_another_way(number: int, expected: float) -> None:
    """Where the mixture's likelihood ratio, written as in Gönen and others (2005), reaches 1 / 0.05."""
    found = sequential_t(0.95, number)
    assert found is not None
    assert found == pytest.approx(expected, abs=5e-3)
    rest, freedom = 1 + number * MIXTURE, number - 1
    ratio = rest**-0.5 * ((1 + found**2 / freedom) / (1 + found**2 / (freedom * rest))) ** (number / 2)
    assert ratio == pytest.approx(20)


def test_neighbours_that_are_alike_make_intervals_wider() -> None:
    blocks = [(1.0, 1.02 if at // 5 % 2 else 0.98) for at in range(40)]
    mixed = [(1.0, 1.02 if at % 2 else 0.98) for at in range(40)]
    drifting, steady = increase(blocks, 0.95), increase(mixed, 0.95)
    assert drifting is not None
    assert steady is not None
    assert drifting.high - drifting.low > 1.5 * (steady.high - steady.low)


@pytest.mark.parametrize(
    ("freedom", "expected"), [(1, 12.706), (2, 4.303), (3, 3.182), (4, 2.776), (9, 2.262), (29, 2.045), (200, 1.972)]
)
def test_student_t_agrees_with_the_tables(freedom: int, expected: float) -> None:
    assert student_t(0.95, freedom) == pytest.approx(expected, abs=5e-4)


def test_the_interval_by_hand() -> None:
    # R = 6/4 = 1.5; d = −0.5, 0, 0.5 → sd 0.5; half = 4.3027 · 0.5 / (√3 · 4/3)
    found = increase([(1.0, 1.0), (1.0, 1.5), (2.0, 3.5)], 0.95)
    assert found is not None
    half = 4.302653 * 0.5 / (math.sqrt(3) * 4 / 3)
    assert (found.value, found.low, found.high) == pytest.approx((0.5, 0.5 - half, 0.5 + half), abs=1e-5)


def test_no_interval_without_three_pairs_or_a_baseline() -> None:
    assert increase([(1.0, 1.0), (1.0, 1.0)], 0.95) is None
    assert increase([(0.0, 1.0)] * 5, 0.95) is None
    same = increase([(1.0, 1.0)] * 5, 0.95)
    assert same is not None
    assert (same.low, same.value, same.high) == (0.0, 0.0, 0.0)
