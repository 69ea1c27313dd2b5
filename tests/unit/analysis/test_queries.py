"""Rules and dashboards: what must answer alike, alert timelines, and what cannot be told."""

from __future__ import annotations

from typing import Any

from phoenix.analysis.judge import analyze
from phoenix.analysis.model import AnalysisOutcome
from phoenix.api.results import QueryResult, Verdict
from phoenix.samples.model import OutputSample
from tests.unit.analysis.runs import START, WINDOW, Run

RULES = """
groups:
  - name: g
    rules:
      - {record: "r:sum", expr: "sum by (route) (requests_total)"}
      - {alert: High, expr: "sum by (route) (requests_total) > 5", for: 4s}
"""
RECORD, ALERT = "f/g/r:sum", "f/g/High"


def made(rules: str = RULES, *, windows: int = 10) -> Run:
    run = Run(windows=windows)
    run.analysis = {
        "criteria": [{"metric": "cardinalityReduction", "min": 0.5}],
        "rules": [{"name": "f", "content": rules}],
    }
    for variant in ("base", "cand"):
        run.change(lambda sample: answer(sample, RECORD, {"route=/a": 7.0, "route=/b": 3.0}), OutputSample, variant)
        run.change(lambda sample: answer(sample, ALERT, {"route=/a": 7.0}), OutputSample, variant)
    return run


def answer(sample: Any, query: str, values: dict[str, float], problem: str = "") -> None:
    sample.signals[query] = values
    if problem:
        sample.signal_problems[query] = problem


def judged(run: Run) -> tuple[AnalysisOutcome, dict[str, QueryResult]]:
    outcome = analyze(run.input())
    return outcome, {query.name: query for query in outcome.results.variants[1].queries}


def test_all_alike_is_promoted_without_being_asked_for() -> None:
    outcome, queries = judged(made())
    assert outcome.verdict is Verdict.PROMOTE
    assert "queryLoss 0 ≤ 0" in outcome.reason
    assert all(query.alike for query in queries.values())
    assert (queries[RECORD].values, queries[ALERT].values) == (20, 10)


def test_a_removed_label_is_named() -> None:
    run = made().change(lambda sample: answer(sample, RECORD, {"": 10.0}), OutputSample, "cand")
    outcome, queries = judged(run)
    assert outcome.verdict is Verdict.REJECT
    assert "f/g/r:sum: it depends on the label route, which the candidate removed" in outcome.reason
    assert queries[RECORD].removed_labels == ["route"]
    assert queries[RECORD].missing == ["route=/a", "route=/b"]


def test_what_looks_like_a_label_inside_a_value_is_none() -> None:
    run = made()
    run.change(lambda sample: answer(sample, RECORD, {"route=/a\\,b=1": 7.0}), OutputSample, "base")
    run.change(lambda sample: answer(sample, RECORD, {"route=/a": 7.0}), OutputSample, "cand")
    _, queries = judged(run)
    assert queries[RECORD].missing == ["route=/a\\,b=1"]
    assert queries[RECORD].removed_labels == []


def test_one_series_too_many_is_not_alike() -> None:
    more = {"route=/a": 7.0, "route=/b": 3.0, "route=/c": 1.0}
    outcome, queries = judged(made().change(lambda sample: answer(sample, RECORD, more), OutputSample, "cand", 4))
    assert outcome.verdict is Verdict.REJECT
    assert queries[RECORD].extra == ["route=/c"]
    assert "1 series are new (route=/c)" in outcome.reason


def test_an_alert_is_judged_by_its_timeline_not_by_its_value() -> None:
    louder = made().change(lambda sample: answer(sample, ALERT, {"route=/a": 700.0}), OutputSample, "cand")
    assert judged(louder)[0].verdict is Verdict.PROMOTE
    # The candidate's alert is quiet in one window: it has to wait for two windows more before it fires again.
    gap = made().change(lambda sample: answer(sample, ALERT, {}), OutputSample, "cand", 5)
    outcome, queries = judged(gap)
    assert outcome.verdict is Verdict.REJECT
    assert "told differently in 3 of 10 windows" in outcome.reason
    spans = [
        (span.variant, span.active_from[-3:], span.firing_from[-3:], span.to[-3:]) for span in queries[ALERT].firing
    ]
    assert START % (60 * 10**9) == 20 * 10**9
    assert WINDOW == 2 * 10**9
    assert spans == [("base", "20Z", "24Z", "40Z"), ("cand", "20Z", "24Z", "30Z"), ("cand", "32Z", "36Z", "40Z")]


def test_a_quiet_alert_is_an_answer() -> None:
    run = made()
    for variant in ("base", "cand"):
        run.change(lambda sample: answer(sample, ALERT, {}), OutputSample, variant)
    outcome, queries = judged(run)
    assert outcome.verdict is Verdict.PROMOTE
    assert queries[ALERT].alike is True


def test_what_nobody_can_read_makes_a_run_inconclusive() -> None:
    unreadable = RULES.replace("sum by (route) (requests_total) > 5", "sum by (route (requests_total)")
    outcome, queries = judged(made(unreadable))
    assert outcome.verdict is Verdict.INCONCLUSIVE
    assert queries[ALERT].alike is None
    assert "counts as used" in queries[ALERT].reason


def test_no_answer_in_the_baseline_is_no_agreement() -> None:
    run = made("groups: [{name: g, rules: [{record: 'r:sum', expr: sum(gone)}]}]")
    for variant in ("base", "cand"):
        run.change(lambda sample: answer(sample, RECORD, {}, "metric gone was not seen"), OutputSample, variant)
    outcome, _ = judged(run)
    assert outcome.verdict is Verdict.INCONCLUSIVE
    assert "the baseline answers none of the queries" in outcome.reason
