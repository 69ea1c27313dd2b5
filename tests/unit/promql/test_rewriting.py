"""What a real Prometheus is asked: matchers in every selector, values no older than a window, recordings in place."""

from __future__ import annotations

import pytest

from phoenix.promql.errors import PromqlError
from phoenix.promql.rewriting import Recording, inlined, put
from phoenix.promql.syntax import Matcher, parse

OURS = (Matcher("v", "=", "b"),)


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("x", 'last_over_time(x{v="b"}[1999ms])'),
        ("x offset 5s", 'last_over_time(x{v="b"}[1999ms] offset 5000ms)'),
        ("rate(x[5s])", 'rate(x{v="b"}[5000ms])'),
        ('absent(x{a="1"})', 'absent_over_time(x{a="1",v="b"}[1999ms])'),
        ("timestamp(x)", 'timestamp(x{v="b"})'),
        ("day_of_week(x)", 'day_of_week(last_over_time(x{v="b"}[1999ms]))'),
        ("x / on (a) y", '(last_over_time(x{v="b"}[1999ms])) / on (a) (last_over_time(y{v="b"}[1999ms]))'),
        ("max_over_time(x[4s:1s])", 'max_over_time((last_over_time(x{v="b"}[1999ms]))[4000ms:1000ms])'),
        ("topk(2, -x)", 'topk(2.0, -(last_over_time(x{v="b"}[1999ms])))'),
    ],
)
def test_every_selector_is_of_the_variant_and_recent(query: str, text: str) -> None:
    assert put(parse(query), OURS, 1999) == text
    assert parse(text) is not None, "and what is put can be read again"


def test_recorded_series_are_replaced_by_what_they_record() -> None:
    rules = {
        "a:b": Recording(parse("sum(rate(y[5s]))"), (("team", "$x"),)),
        "c:d": Recording(parse("a:b * 2")),
    }
    assert (
        put(inlined(parse("a:b"), rules, 1000), (), 1999)
        == 'label_replace(sum(rate(y[5000ms])), "team", "$$x", "", "")'
    )
    assert "sum(rate(y[5000ms]))" in put(inlined(parse("max(c:d) > 1"), rules, 1000), (), 1999)
    over = put(inlined(parse("max_over_time(c:d[4s])"), rules, 1000), (), 1999)
    assert over.endswith(")[4000ms:1000ms])")


def test_what_cannot_be_put_in_place_is_refused() -> None:
    rules = {"a:b": Recording(parse("a:b"))}
    with pytest.raises(PromqlError, match="in a circle"):
        inlined(parse("a:b"), rules, 1000)
    with pytest.raises(PromqlError, match="write out what a:b records"):
        inlined(parse('a:b{x="1"}'), {"a:b": Recording(parse("sum by (x) (y)"))}, 1000)
