"""The built-in evaluator gives Prometheus's recorded answers, and refuses what is outside its subset in words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from phoenix.promql.errors import PromqlError, Unsupported
from phoenix.promql.evaluate import check, reach_ms
from phoenix.promql.printing import show
from phoenix.promql.syntax import Matcher, parse
from phoenix.promql.vectors import MemoryStore
from tests.harness.promqueries import AT_MS, START_MS, queries, series
from tests.unit.promql.answers import built_in, difference

GOLDEN = json.loads((Path(__file__).parent / "golden.json").read_text())["answers"]


def test_recorded_answers_are_of_the_queries_made_today() -> None:
    assert list(GOLDEN) == queries()


def test_two_hundred_queries_are_answered_as_prometheus_did() -> None:
    store = MemoryStore(series())
    different = {
        query: text for query, answer in GOLDEN.items() if (text := difference(built_in(query, store), answer))
    }
    assert different == {}


@pytest.mark.parametrize("query", queries())
def test_what_is_printed_means_the_same(query: str) -> None:
    assert parse(show(parse(query))) == parse(query)


def test_printing_puts_matchers_into_every_selector() -> None:
    query = 'sum by (a) (rate(x_total[5m])) / on (a) group_left (b) {__name__="y", z="1"} offset 1m'
    text = show(parse(query), (Matcher("variant", "=", "base"),))
    assert text.count('variant="base"') == 2
    assert "offset 60000ms" in text


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("day_of_week(x)", "day_of_week() is not in the built-in subset"),
        ("sum(holiday(x))", "unknown function"),
        ("x[5m]", "a range is no answer"),
        ("sum(x", "unclosed left parenthesis"),
        ("rate(x)", "expected type matrix"),
        ("", "not PromQL"),
    ],
)
def test_what_cannot_be_answered_is_said_in_words(query: str, words: str) -> None:
    with pytest.raises(PromqlError, match=words.replace("(", r"\(").replace(")", r"\)")):
        check(parse(query))


def test_unsupported_is_told_from_wrong() -> None:
    with pytest.raises(Unsupported):
        check(parse("day_of_week(x)"))
    with pytest.raises(PromqlError) as caught:
        check(parse("x[5m]"))
    assert not isinstance(caught.value, Unsupported)


def test_vectors_that_do_not_match_one_to_one_have_no_answer() -> None:
    assert built_in("requests_total / on (service) requests_total") is None


def test_reach_counts_ranges_offsets_and_lookback() -> None:
    assert reach_ms(parse("rate(x[5m] offset 1m)"), 1_000) == 360_000
    assert reach_ms(parse("x offset 1m"), 1_000) == 61_000
    assert reach_ms(parse("max_over_time(rate(x[1m])[4m:30s])"), 1_000) == 300_000
    assert reach_ms(parse("vector(1)"), 1_000) == 0


def test_nan_is_no_point_of_a_range() -> None:
    times = [START_MS + index * 1000 for index in range(4)]
    store = MemoryStore([({"__name__": "x"}, times, [1.0, float("nan"), 3.0, 5.0])])
    assert built_in("count_over_time(x[10s])", store, times[-1]) == [({}, 3.0)]
    assert built_in("sum(nothing)", store, AT_MS) == []
