"""What goes wrong in the warm-up counts as far back as the queries read, and no further."""

from __future__ import annotations

from typing import Any

import pytest

from phoenix.analysis.judge import analyze
from phoenix.analysis.reach import reach_ns
from phoenix.api.analysis import Analysis, Signal
from phoenix.api.results import Verdict
from phoenix.samples.model import InputSample, OutputSample, ProcessSample
from tests.unit.analysis.runs import START, WINDOW, Run

S = 10**9


def of(rate: str, **fields: Any) -> Run:
    """A sound run with four windows of warm-up (8 s), whose one signal is a rate over that time."""
    run = Run(warmup=4)
    run.signals = [Signal(name="requests", query=f"sum by (route) (rate(requests_total[{rate}]))")]
    run.analysis |= fields
    return run


def changed(run: Run, kind: type[Any], index: int, **values: Any) -> Run:
    def change(sample: Any) -> None:
        for name, value in values.items():
            setattr(sample, name, value)

    return run.change(change, kind, "cand", index)


@pytest.mark.parametrize(("late_at", "verdict"), [(-2.0, Verdict.INVALID), (-2.1, Verdict.PROMOTE)])
@pytest.mark.parametrize("told_in", [-1, 0])
def test_late_points_of_the_warm_up(late_at: float, verdict: Verdict, told_in: int) -> None:
    # Measuring begins at 0; the first answer is of 2 s and reads 4 s back: to -2 s. Who told of it does not matter.
    late = {"late_points": 7, "newest_late": START + round(late_at * S), "max_lag_s": 9.0}
    outcome = analyze(changed(of("4s"), OutputSample, told_in, **late).input())
    assert outcome.verdict is verdict
    if verdict is Verdict.INVALID:
        assert outcome.reason.startswith(
            "cand on a: 7 points came to the meter too late for their window in the warm-up, where the queries still "
            "read: up to 2 s before the measured time; warm up for longer"
        )


def test_a_loss_that_late_points_made_is_no_reject() -> None:
    run = changed(of("4s"), OutputSample, -1, late_points=7, newest_late=START - S)
    run.change(lambda sample: sample.signals["requests"].clear(), OutputSample, "cand", 0)
    assert analyze(run.input()).verdict is Verdict.INVALID
    run = of("4s").change(lambda sample: sample.signals["requests"].clear(), OutputSample, "cand", 0)
    assert analyze(run.input()).verdict is Verdict.REJECT


@pytest.mark.parametrize(("rate", "verdict"), [("8s", Verdict.INVALID), ("4s", Verdict.PROMOTE)])
@pytest.mark.parametrize(
    ("kind", "values", "words"),
    [
        (InputSample, {"acked_points": 1990, "failed_requests": 1}, "10 points sent were not acknowledged, 1 requests"),
        (InputSample, {"digest": "other"}, "input differs from the baseline's in 1 of 3 windows"),
        (ProcessSample, {"instance": "process-0"}, "the collector was restarted as measuring began"),
    ],
)
def test_the_source_and_the_collector_too(
    rate: str, verdict: Verdict, kind: type[Any], values: dict[str, Any], words: str
) -> None:
    # 8 s read back to -6 s: the windows -3, -2, -1; 4 s to -2 s: the window -1, and the reading before it.
    outcome = analyze(changed(of(rate), kind, -3, **values).input())
    assert outcome.verdict is verdict, outcome.reason
    if verdict is Verdict.INVALID:
        assert words in outcome.reason
        assert "in the warm-up, where the queries still read: up to 6 s" in outcome.reason


def test_points_that_a_collector_could_not_send_in_the_warm_up() -> None:
    run = of("8s")
    for index in range(-3, run.windows):
        changed(run, ProcessSample, index, send_failed_points=5)
    outcome = analyze(run.input())
    assert outcome.verdict is Verdict.INVALID
    assert "5 points could not be sent to the meter in the warm-up" in outcome.reason
    changed(run, ProcessSample, -4, send_failed_points=5)
    assert analyze(run.input()).verdict is Verdict.PROMOTE


def test_a_tick_that_nobody_got_in_the_warm_up_is_the_same_input() -> None:
    run = of("8s")
    for name in run.names:
        run.change(lambda sample: setattr(sample, "sent_points", 1000), InputSample, name, -2)
        run.change(lambda sample: setattr(sample, "acked_points", 1000), InputSample, name, -2)
    assert analyze(run.input()).verdict is Verdict.PROMOTE


RULES = """
groups:
  - name: g
    rules:
      - {record: "r:rate", expr: "sum by (route) (rate(requests_total[10s]))"}
      - {alert: High, expr: "max_over_time(r:rate[20s]) > 5"}
"""


@pytest.mark.parametrize(
    ("fields", "seconds"),
    [
        ({}, 2.0),
        ({"signals": [{"name": "a", "query": "sum(up)"}]}, 2.0),
        ({"signals": [{"name": "a", "query": "sum(rate(x[5s]))"}]}, 5.0),
        ({"signals": [{"name": "a", "query": "max(increase(x[5s] offset 3s))"}]}, 8.001),
        ({"rules": [{"name": "f", "content": RULES}]}, 30.002),
    ],
)
def test_how_far_queries_read(fields: dict[str, Any], seconds: float) -> None:
    assert reach_ns(Analysis.from_wire(fields), WINDOW) == round(seconds * S)


def test_a_query_that_reads_back_for_a_century_takes_no_longer_to_judge() -> None:
    # 1.6 thousand million windows: nobody may go through them. The samples of the warm-up are four.
    assert analyze(of("100y").input()).verdict is Verdict.PROMOTE
    lost = changed(of("100y"), InputSample, -4, acked_points=1999, failed_requests=1)
    assert analyze(lost.input()).verdict is Verdict.INVALID
