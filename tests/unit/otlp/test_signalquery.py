"""Signal queries: what parses, what it means, and that faults are pointed at."""

import pytest

from phoenix.otlp.errors import QueryError
from phoenix.otlp.signalquery import Aggregation, Matcher, Signal, parse_signal


@pytest.mark.parametrize(
    ("query", "signal"),
    [
        ("sum(up)", Signal(Aggregation.SUM, "up")),
        ("count by (b, a) (up)", Signal(Aggregation.COUNT, "up", by=("a", "b"))),
        ("avg(up) by (a)", Signal(Aggregation.AVG, "up", by=("a",))),
        ("sum by () (rate)", Signal(Aggregation.SUM, "rate")),
        (
            ' sum by(job)( rate( x_total{a="1", b!~"y.*" , } [1m30s] ) ) ',
            Signal(
                Aggregation.SUM, "x_total", ("job",), (Matcher("a", "=", "1"), Matcher("b", "!~", "y.*")), rate_s=90.0
            ),
        ),
    ],
)
def test_queries(query: str, signal: Signal) -> None:
    assert parse_signal(query) == signal
    assert parse_signal(str(signal)) == signal


@pytest.mark.parametrize(
    ("query", "problem", "place"),
    [
        ("max(x)", "want sum, count or avg first, have 'max'", 0),
        ("", "have 'nothing'", 0),
        ("sum(http.requests)", "write Prometheus names, with _ for .", 4),
        ("sum(increase(x[5m]))", "function 'increase' is not known", 4),
        ("sum(x[5m])", "a range stands only inside rate", 5),
        ("sum(rate(x))", "want '[' and a duration", 10),
        ("sum(rate(x[5]))", "want a duration such as 10s", 11),
        ("sum(rate(x[0s]))", "must be above 0", 11),
        ("sum without (a) (x)", "'without' is not known", 4),
        ("sum(x) + 1", "nothing may follow", 7),
        ("sum(x{a=b})", "want a quoted value", 8),
        ('sum(x{a=~"("})', "not an RE2 pattern: missing )", 9),
        ('sum(x{a>"1"})', "want =, !=, =~ or !~ after a", 7),
        ("sum(x", "want ')' after the metric, have 'the end'", 5),
    ],
)
def test_faults_are_named_and_pointed_at(query: str, problem: str, place: int) -> None:
    with pytest.raises(QueryError) as caught:
        parse_signal(query)
    first, shown, mark, shape = str(caught.value).splitlines()
    assert problem in first
    assert (shown[2:], mark.index("^") - 2) == (query, place)
    assert shape.startswith("Signals are: sum|count|avg")


@pytest.mark.parametrize(
    ("operator", "value", "on_a", "on_absent"),
    [
        ("=", "a", True, False),
        ("=", "", False, True),
        ("!=", "b", True, True),
        ("=~", "a|b", True, False),
        ("=~", ".*", True, True),
        ("=~", "", False, True),
        ("!~", "a.", True, True),
        ("!~", "a", False, True),
    ],
)
def test_matchers_match_whole_values_and_absent_is_empty(
    operator: str, value: str, on_a: bool, on_absent: bool
) -> None:
    matcher = Matcher("x", operator, value)
    assert (matcher.matches({"x": "a"}), matcher.matches({"y": "a"})) == (on_a, on_absent)
