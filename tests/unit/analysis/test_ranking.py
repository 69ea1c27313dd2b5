"""Several candidates: who passes comes first, then who is cheaper, then who saves more; ties are told."""

from __future__ import annotations

from phoenix.analysis.judge import analyze
from phoenix.analysis.ranking import rank
from phoenix.api.analysis import CostSpec
from phoenix.api.results import Comparison, CostResult, RankedCandidate, VariantResult, Verdict
from phoenix.samples.model import OutputSample
from tests.unit.analysis.runs import BOOK, COST, START, WINDOW, Run


def with_series(run: Run, **series: int) -> Run:
    for name, number in series.items():
        for sample in run.of(OutputSample, name):
            sample.active_series_by_last_window = [(START - WINDOW, 7), (sample.window_start, number)]
    return run


def shown(ranking: list[RankedCandidate]) -> list[tuple[int | None, str, float | None]]:
    return [(entry.rank, entry.name, entry.monthly_cost) for entry in ranking]


def test_the_cheapest_that_passes_is_promoted_and_the_reason_says_why() -> None:
    # 10 hosts: (10 · series − 100 included) · 5/100 a month; `bad` is the cheapest and made a duplicate.
    run = with_series(Run(candidates=("one", "two", "bad")), one=300, two=100, bad=10)
    run.change(lambda sample: setattr(sample, "duplicates", 1), OutputSample, "bad", 3)
    outcome = analyze(run.input(cost=COST, price_books={"book": BOOK}))
    assert shown(outcome.results.ranking) == [(1, "two", 45.0), (2, "one", 145.0), (None, "bad", -0.0)]
    assert outcome.promoted_candidate == "two"
    costs = ("45.00 USD a month, 0.9 of series saved", "145.00 USD a month, 0.7 of series saved of one")
    assert outcome.reason.endswith(f"; ranked first of 2: {costs[0]} against {costs[1]}")


def test_without_prices_the_series_saved_decide() -> None:
    outcome = analyze(with_series(Run(candidates=("one", "two")), one=300, two=100).input())
    assert shown(outcome.results.ranking) == [(1, "two", None), (2, "one", None)]
    assert "ranked first of 2: 0.9 of series saved against 0.7 of series saved of one" in outcome.reason


def test_the_same_bill_is_no_tie_where_one_saves_more_series() -> None:
    # Both within what is included: nothing to pay either way.
    outcome = analyze(
        with_series(Run(candidates=("one", "two")), one=9, two=8).input(
            cost=CostSpec(price_books=["book"]), price_books={"book": BOOK}
        )
    )
    assert shown(outcome.results.ranking) == [(1, "two", 0.0), (2, "one", 0.0)]


def test_ties_share_a_rank_and_the_first_by_name_is_promoted() -> None:
    outcome = analyze(with_series(Run(candidates=("c", "b", "a")), a=100, b=100, c=300).input())
    ranking = outcome.results.ranking
    assert shown(ranking) == [(1, "a", None), (1, "b", None), (3, "c", None)]
    assert (ranking[0].tied_with, ranking[1].tied_with, ranking[2].tied_with) == (["b"], ["a"], [])
    assert outcome.promoted_candidate == "a"
    assert "ranked first of 3 by its name, tied with b at 0.9 of series saved" in outcome.reason


def test_nobody_passes_nobody_has_a_rank() -> None:
    run = with_series(Run(candidates=("one", "two")), one=900, two=800)
    outcome = analyze(run.input())
    assert outcome.verdict is Verdict.REJECT
    assert shown(outcome.results.ranking) == [(None, "one", None), (None, "two", None)]


def test_there_is_no_ranking_of_one_nor_of_a_run_that_goes_on() -> None:
    assert analyze(Run().input()).results.ranking == []
    assert analyze(Run(candidates=("one", "two")).input(final=False)).results.ranking == []


def found(name: str, bill: float, collectors: float | None) -> VariantResult:
    cost = CostResult(price_book="b", baseline=9.0, candidate=bill, saving=9.0 - bill, collector_cost=collectors)
    return VariantResult(name=name, verdict=Verdict.PROMOTE, vs_baseline=Comparison(), cost=[cost])


def test_collectors_count_where_they_are_known_of_all() -> None:
    known = rank([found("thirsty", 1.0, 5.0), found("frugal", 2.0, 0.5)])
    assert shown(known) == [(1, "frugal", 2.5), (2, "thirsty", 6.0)]
    assert all(entry.with_collectors for entry in known)
    assert shown(rank([found("thirsty", 1.0, None), found("frugal", 2.0, 0.5)])) == [
        (1, "thirsty", 1.0),
        (2, "frugal", 2.0),
    ]
