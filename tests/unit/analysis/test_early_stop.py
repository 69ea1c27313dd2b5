"""A run ends early only where nothing that may still come could change its verdict."""

from __future__ import annotations

import math
from typing import Any

import pytest

from phoenix.analysis.intervals import increase, student_t
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
