"""The judge on near pairs: what must pass passes, the same a little worse does not."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phoenix.analysis.judge import analyze
from phoenix.analysis.model import AnalysisOutcome
from phoenix.api.collector import Engine
from phoenix.api.results import VariantResult, Verdict
from phoenix.samples.model import InputSample, OutputSample, ProcessSample
from tests.unit.analysis.runs import BOOK, COST, GROUPS, START, WINDOW, Run


def candidate(outcome: AnalysisOutcome, name: str = "cand") -> VariantResult:
    return next(result for result in outcome.results.variants if result.name == name)


def lose(run: Run, values: int) -> Run:
    """Take that many of the candidate's signal values away, over its windows."""
    for number in range(values):
        sample = run.of(OutputSample, "cand", number % run.windows)[0]
        del sample.signals["requests"][f"route=/{number // run.windows}"]
    return run


def test_a_sound_run_promotes_with_its_figures() -> None:
    outcome = analyze(Run().input(cost=COST, price_books={"book": BOOK}))
    assert outcome.verdict is Verdict.PROMOTE
    assert outcome.promoted_candidate == "cand"
    assert outcome.reason == "cardinalityReduction 0.75 ≥ 0.5, signalLoss 0 ≤ 0.01"
    results = outcome.results
    assert results.final
    assert results.problems == []
    assert results.input.parity is True
    assert results.input.points == {"base": 20_000, "cand": 20_000}
    assert (results.input.windows, results.input.expected_windows) == (10, 10)
    base, cand = results.variants
    assert (base.name, base.streams, base.active_series, base.points) == ("base", 100, 1000, 20_000)
    assert (cand.streams, cand.active_series, cand.samples, cand.bytes) == (25, 250, 5000, 250_000)
    assert base.cpu_seconds == pytest.approx(4.0, abs=0.01)
    assert cand.cpu_seconds == pytest.approx(3.0, abs=0.01)
    assert cand.vs_baseline is not None
    assert cand.vs_baseline.cardinality_reduction == 0.75
    assert cand.vs_baseline.sample_reduction == 0.75
    assert cand.vs_baseline.critical_coverage == 1.0
    assert cand.vs_baseline.cpu_increase is not None
    assert cand.vs_baseline.cpu_increase.value == pytest.approx(-0.25, abs=0.005)
    assert cand.signals[0].values == 10 * GROUPS
    # (10 · 1000 − 100 included) · 5/100 and (10 · 250 − 100) · 5/100
    bill = cand.cost[0]
    assert (bill.price_book, bill.baseline, bill.candidate, bill.saving) == ("book@1", 495.0, 120.0, 375.0)


@pytest.mark.parametrize(("lost", "verdict"), [(5, Verdict.PROMOTE), (10, Verdict.PROMOTE), (20, Verdict.REJECT)])
def test_half_a_percent_lost_promotes_and_two_percent_rejects(lost: int, verdict: Verdict) -> None:
    outcome = analyze(lose(Run(), lost).input())
    assert outcome.verdict is verdict
    assert candidate(outcome).signals[0].lost == lost
    if verdict is Verdict.REJECT:
        assert "signalLoss 0.02 is above 0.01: requests: 20 of 1000 values are missing (route=/0" in outcome.reason


@pytest.mark.parametrize(("factor", "lost"), [(1.009, 0), (1.011, 10), (0.989, 10)])
def test_a_value_is_lost_outside_its_tolerance(factor: float, lost: int) -> None:
    def bend(sample: OutputSample) -> None:
        sample.signals["requests"]["route=/3"] *= factor

    result = candidate(analyze(Run().change(bend, OutputSample, "cand").input())).signals[0]
    assert result.lost == lost
    assert result.max_relative_error == pytest.approx(abs(factor - 1))


@pytest.mark.parametrize(
    ("baseline", "found", "lost"),
    [
        (math.nan, math.nan, 0), (math.nan, 1.0, 10), (1.0, math.nan, 10), (0.0, 0.0, 0), (0.0, 1e-6, 10),
        (math.inf, math.inf, 0), (1.0, math.inf, 10), (-2.0, 2.0, 10), (0.1 + 0.2, 0.3, 0),
    ],
)  # fmt: skip
def test_odd_values(baseline: float, found: float, lost: int) -> None:
    run = Run()
    run.change(lambda sample: sample.signals["requests"].__setitem__("route=/3", baseline), OutputSample, "base")
    run.change(lambda sample: sample.signals["requests"].__setitem__("route=/3", found), OutputSample, "cand")
    run.signals[0].tolerance = 0.0
    assert candidate(analyze(run.input())).signals[0].lost == lost


def test_the_reason_names_the_label_that_is_gone() -> None:
    gone = "label user_id no longer exists on app_user_requests_total"

    def lose_all(sample: OutputSample) -> None:
        sample.signals, sample.signal_problems = {}, {"requests": gone}

    run = Run().change(lose_all, OutputSample, "cand")
    for name in ("base", "cand"):  # both wait for a second point: no fault of the candidate's
        run.change(lambda sample: sample.signal_problems.update(requests="no two points yet"), OutputSample, name, 0)
    outcome = analyze(run.input())
    assert outcome.verdict is Verdict.REJECT
    assert gone in outcome.reason
    assert "no two points" not in outcome.reason
    assert candidate(outcome).signals[0].reason.startswith(gone)
    assert candidate(outcome).signals[0].missing[-1] == "… and 80 more"
    assert candidate(outcome).signals[0].max_relative_error is None


def test_extra_groups_are_listed_and_not_lost() -> None:
    run = Run().change(lambda sample: sample.signals["requests"].update({"route=/new": 1.0}), OutputSample, "cand")
    outcome = analyze(run.input())
    assert candidate(outcome).signals[0].extra == ["route=/new"]
    assert outcome.verdict is Verdict.PROMOTE


@pytest.mark.parametrize(("base", "cand", "verdict"), [(0, 1, Verdict.REJECT), (1, 1, Verdict.PROMOTE)])
def test_one_duplicate_more_rejects(base: int, cand: int, verdict: Verdict) -> None:
    run = Run()
    run.change(lambda sample: setattr(sample, "duplicates", base), OutputSample, "base", 4)
    run.change(lambda sample: setattr(sample, "duplicates", cand), OutputSample, "cand", 4)
    outcome = analyze(run.input())
    assert outcome.verdict is verdict
    assert ("1 duplicates against 0 of the baseline" in outcome.reason) == (verdict is Verdict.REJECT)


def test_coverage_counts_pairs_live_in_the_baseline() -> None:
    run = Run()
    run.analysis = {"criteria": [{"metric": "criticalCoverage", "min": 1.0}]}
    run.change(lambda sample: sample.critical.clear(), OutputSample, "base", 2)
    run.change(lambda sample: sample.critical.clear(), OutputSample, "cand", 2)
    assert analyze(run.input()).verdict is Verdict.PROMOTE
    run.change(lambda sample: sample.critical.clear(), OutputSample, "cand", 3)
    outcome = analyze(run.input())
    assert outcome.verdict is Verdict.REJECT
    assert outcome.reason == "criticalCoverage 0.8889 is below 1: checkout is live in 8 of 9 windows"


def set_fields(**values: Any) -> Any:
    def change(sample: Any) -> None:
        for name, value in values.items():
            setattr(sample, name, value)

    return change


@pytest.mark.parametrize(
    ("kind", "values", "reason"),
    [
        (OutputSample, {"late_points": 1}, "1 points came to the meter too late"),
        (OutputSample, {"max_lag_s": 2.01}, "the meter lagged by 2.01 s, more than 2 s"),
        (OutputSample, {"instance": "meter-2"}, "the meter was restarted"),
        (InputSample, {"instance": "source-2"}, "the source was restarted"),
        (ProcessSample, {"instance": "process-2"}, "the collector was restarted"),
        (InputSample, {"sent_points": 1999, "acked_points": 1999}, "sent 19999 of 20000 planned points"),
        (InputSample, {"acked_points": 1999}, "19999 of 20000 points sent were acknowledged"),
        (InputSample, {"failed_requests": 1}, "1 of 40 requests failed"),
        (InputSample, {"ticks": 1}, "19 of 20 ticks came"),
        (InputSample, {"digest": "f00"}, "input differs from the baseline's in 1 of 10 windows"),
    ],
)
@pytest.mark.parametrize("variant", ["base", "cand"])
def test_a_flaw_of_the_measuring_path_makes_the_run_invalid(
    kind: type, values: dict[str, Any], reason: str, variant: str
) -> None:
    assert analyze(Run().input()).verdict is Verdict.PROMOTE
    outcome = analyze(Run().change(set_fields(**values), kind, variant, 4).input())
    assert outcome.verdict is Verdict.INVALID
    assert reason in outcome.reason
    assert outcome.promoted_candidate == ""
    assert outcome.results.input.parity is not (kind is InputSample and "instance" not in values)


@pytest.mark.parametrize("field", ["send_failed_points", "refused_points"])
def test_losses_of_the_collector_count_from_before_the_first_window(field: str) -> None:
    run = Run(warmup=2)
    for index in (-2, -1):
        run.change(set_fields(**{field: 3}), ProcessSample, "cand", index)
    run.change(set_fields(**{field: 3}), ProcessSample, "cand")
    assert analyze(run.input()).verdict is Verdict.PROMOTE
    run.change(set_fields(**{field: 4}), ProcessSample, "cand", 9)
    outcome = analyze(run.input())
    assert outcome.verdict is Verdict.INVALID
    assert "1 points" in outcome.reason


@pytest.mark.parametrize("kind", [InputSample, OutputSample])
def test_a_missing_window_is_invalid(kind: type) -> None:
    outcome = analyze(Run().drop(kind, "cand", 9).input())
    assert outcome.verdict is Verdict.INVALID
    assert "reported no data for 1 of 10 windows (10)" in outcome.reason
    assert outcome.results.input.windows == 9


def test_no_data_is_a_state_and_no_zero() -> None:
    run = Run()
    run.samples = []
    outcome = analyze(run.input())
    assert outcome.verdict is Verdict.INVALID
    assert "no data: nothing of it was sent in 10 windows" in outcome.reason
    for result in outcome.results.variants:
        assert result.streams is result.active_series is result.points is result.cpu_seconds is result.uss_bytes is None
    assert candidate(outcome).criteria[0].value is None
    assert candidate(outcome).vs_baseline is not None
    assert outcome.results.input.parity is False
    live = analyze(run.input(final=False))
    assert live.verdict is None
    assert live.results.input.parity is None


def test_a_candidate_that_lets_nothing_through_is_no_saving() -> None:
    outcome = analyze(Run().drop(OutputSample, "cand").input())
    assert outcome.verdict is Verdict.INVALID
    assert "cand on a: no data: nothing that left it came to the meter in 10 windows" in outcome.reason


def test_a_signal_without_baseline_values_is_inconclusive() -> None:
    def clear(sample: OutputSample) -> None:
        sample.signals, sample.signal_problems = {}, {"requests": "metric requests_total does not exist"}

    run = Run().change(clear, OutputSample, "base").change(clear, OutputSample, "cand")
    outcome = analyze(run.input())
    assert outcome.verdict is Verdict.INCONCLUSIVE
    assert "signalLoss: NoData: signal requests: metric requests_total does not exist" in outcome.reason


def test_no_signals_asked_for_is_inconclusive() -> None:
    run = Run()
    run.signals = []
    assert "spec.analysis.signals is empty" in analyze(run.input()).reason


def cpu_run(maximum: float) -> Run:
    run = Run(windows=30)
    run.analysis = {"criteria": [{"metric": "cpuIncrease", "max": maximum}]}
    return run


@pytest.mark.parametrize(
    ("maximum", "verdict"), [(-0.2, Verdict.PROMOTE), (-0.25, Verdict.INCONCLUSIVE), (-0.3, Verdict.REJECT)]
)
def test_a_bound_inside_the_interval_is_inconclusive(maximum: float, verdict: Verdict) -> None:
    outcome = analyze(cpu_run(maximum).input())
    assert outcome.verdict is verdict
    if verdict is Verdict.INCONCLUSIVE:
        assert "measure for longer" in outcome.reason


def test_cpu_counts_only_on_the_engine_of_the_deployment() -> None:
    run = cpu_run(-0.3)
    assert analyze(run.input(deployment_engine=Engine.EMBEDDED)).verdict is Verdict.REJECT
    outcome = analyze(run.input(deployment_engine=Engine.OTELCOL))
    assert outcome.verdict is Verdict.INCONCLUSIVE
    assert "NotComparable: measured on Embedded, but the deployment runs on Otelcol" in outcome.reason
    run.analysis["criteria"].append({"metric": "cardinalityReduction", "min": 0.5})
    outcome = analyze(run.input(deployment_engine=Engine.OTELCOL))
    assert outcome.verdict is Verdict.PROMOTE
    assert "not counted (NotComparable): cpuIncrease" in outcome.reason
    assert candidate(outcome).criteria[0].passed is None


def test_without_process_samples_cpu_is_unknown() -> None:
    run = cpu_run(0.1).drop(ProcessSample, "cand").drop(ProcessSample, "cand", -1)
    outcome = analyze(run.input())
    assert outcome.verdict is Verdict.INCONCLUSIVE
    assert "cpuIncrease: NoData" in outcome.reason
    assert candidate(outcome).cpu_seconds is None


def test_a_pipeline_against_itself_shows_no_difference() -> None:
    run = Run()
    for sample in run.samples:
        if isinstance(sample, OutputSample) and sample.variant == "cand":
            twin = next(
                other
                for other in run.samples
                if isinstance(other, OutputSample)
                and (other.variant, other.window_start) == ("base", sample.window_start)
            )
            set_fields(**{name: getattr(twin, name) for name in OutputSample.model_fields if name != "variant"})(sample)
    run.analysis = {"criteria": [{"metric": "cardinalityReduction", "min": 0, "max": 0}]}
    outcome = analyze(run.input())
    compared = candidate(outcome).vs_baseline
    assert compared is not None
    assert (compared.cardinality_reduction, compared.sample_reduction, compared.byte_reduction) == (0.0, 0.0, 0.0)
    assert compared.signal_loss == 0.0
    assert outcome.verdict is Verdict.PROMOTE


@pytest.mark.parametrize(("series", "verdict"), [(900, Verdict.PROMOTE), (901, Verdict.REJECT)])
def test_a_reduction_on_its_bound_keeps_it(series: int, verdict: Verdict) -> None:
    run = Run()
    for sample in run.of(OutputSample, "cand"):
        sample.active_series_by_last_window = [(sample.window_start, series)]
    run.analysis = {"criteria": [{"metric": "cardinalityReduction", "min": 0.1}]}
    outcome = analyze(run.input())
    assert outcome.verdict is verdict, outcome.reason


def test_the_best_of_several_candidates_is_promoted() -> None:
    run = Run(candidates=("one", "two", "bad"))
    for sample in run.of(OutputSample, "two"):
        sample.active_series_by_last_window = [(START - WINDOW, 7), (sample.window_start, 100)]
    for sample in run.of(OutputSample, "bad"):
        sample.active_series_by_last_window, sample.duplicates = [(sample.window_start, 10)], 1
    outcome = analyze(run.input())
    assert [result.verdict for result in outcome.results.variants] == [
        None, Verdict.PROMOTE, Verdict.PROMOTE, Verdict.REJECT,
    ]  # fmt: skip
    assert outcome.promoted_candidate == "two"
    assert outcome.reason.startswith("two: cardinalityReduction 0.9")


def test_one_candidates_flaw_is_not_anothers() -> None:
    run = Run(candidates=("one", "two")).change(set_fields(late_points=1), OutputSample, "one", 3)
    outcome = analyze(run.input())
    assert [result.verdict for result in outcome.results.variants] == [None, Verdict.INVALID, Verdict.PROMOTE]
    assert outcome.promoted_candidate == "two"
    run.change(set_fields(late_points=1), OutputSample, "base", 3)
    assert analyze(run.input()).verdict is Verdict.INVALID


def test_live_results_use_complete_windows_only() -> None:
    run = Run().drop(OutputSample, "cand", 9).drop(InputSample, "base", 8)
    outcome = analyze(run.input(final=False, now=START + 10 * WINDOW))
    assert outcome.verdict is None
    assert outcome.results.problems == []
    assert (outcome.results.input.windows, outcome.results.input.expected_windows) == (8, 10)
    assert candidate(outcome).points == 8 * 500
    assert candidate(outcome).verdict is None
    assert candidate(outcome).criteria[0].passed is True


def test_a_second_host_doubles_every_sum() -> None:
    one, two = (analyze(Run(hosts=hosts).input()) for hosts in (("a",), ("a", "b")))
    for name in ("streams", "active_series", "points", "samples", "bytes", "uss_bytes"):
        assert getattr(candidate(two), name) == 2 * getattr(candidate(one), name)
    assert candidate(two).cpu_seconds == pytest.approx(2 * (candidate(one).cpu_seconds or 0))
    assert candidate(two).signals[0].values == 2 * candidate(one).signals[0].values
    assert two.results.input.points["base"] == 2 * one.results.input.points["base"]
    assert two.reason == one.reason


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), lost=st.integers(0, 30))
def test_order_and_repetition_change_nothing(seed: int, lost: int) -> None:
    run = Run(windows=4, candidates=("cand", "other"), hosts=("a", "b"))
    for number in range(lost):
        run.of(OutputSample, "cand", number % 4)[0].signals["requests"].pop(f"route=/{number}")
    before = analyze(run.input())
    random.Random(seed).shuffle(run.samples)
    run.samples += run.samples[: seed % 7]
    shuffled = run.input(hosts=["b", "a"])
    shuffled.variants = [shuffled.variants[2], shuffled.variants[0], shuffled.variants[1]]
    after = analyze(shuffled)
    assert (after.verdict, after.reason) == (before.verdict, before.reason)
    for name in ("base", "cand", "other"):
        assert candidate(after, name) == candidate(before, name)
