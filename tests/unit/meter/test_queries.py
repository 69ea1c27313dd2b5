"""PromQL over what arrived: answers by hand, recorded series, and why there is none."""

from __future__ import annotations

import pytest

from phoenix.aio.program import ConfigError
from phoenix.meter.config import Address, Config, read_config
from phoenix.meter.queries import AskedQuery
from phoenix.meter.variant import Stamp, Variant
from phoenix.promql.syntax import parse
from phoenix.samples.model import OutputSample
from tests.unit.meter.test_signals import counters
from tests.unit.meter.test_variant import T0, WINDOW, S, gauges, histogram


def answered(*asked: AskedQuery, bodies: list[bytes], until: int = T0 + WINDOW) -> list[OutputSample]:
    config = Config(Address("", 0), Address("", 0), ("v",), WINDOW, S, (), (), None, asked)
    one = Variant("v", config, Stamp(1, "h", "i"))
    for body in bodies:
        one.accept(body, until)
    return one.close()


def ask(query: str, *bodies: bytes, until: int = T0 + WINDOW) -> tuple[dict[str, float], str]:
    last = answered(AskedQuery("q", parse(query)), bodies=list(bodies), until=until)[-1]
    return last.signals["q"], last.signal_problems.get("q", "")


def test_instant_values_and_operators() -> None:
    body = gauges({"a": "x"}, value=3.0) + gauges({"a": "y,z"}, value=5.0)
    assert ask("max(g)", body) == ({"": 5.0}, "")
    assert ask("g > 4", body) == ({"__name__=g,a=y\\,z": 5.0}, "")
    assert ask("g / ignoring (a) group_left () sum(g)", body)[0] == {"a=x": 3 / 8, "a=y\\,z": 5 / 8}
    assert ask('{a="x"}', body)[0] == {"__name__=g,a=x": 3.0}


def test_increase_and_quantiles() -> None:
    ticks = [counters([({"a": "x"}, 10.0 + 4 * tick)], time=T0 + tick * S) for tick in range(4)]
    found, _ = ask("increase(c_total[4s])", *ticks)
    assert found == {"a=x": pytest.approx(16.0, rel=1e-3)}
    found, _ = ask("histogram_quantile(0.5, sum by (le) (h_seconds_bucket))", histogram([1.0, 5.0]))
    assert found == {"": pytest.approx(5.0)}


def test_a_series_that_sent_nothing_in_the_window_has_no_value() -> None:
    bodies = [gauges({"a": "x"}), gauges({"a": "y"}, time=T0 + WINDOW)]
    assert ask("g", *bodies, until=T0 + WINDOW)[0] == {"__name__=g,a=y": 1.0}


def test_what_is_recorded_is_there_for_later_queries_and_their_ranges() -> None:
    record = AskedQuery("r", parse("sum(g)"), record="all:g", labels={"team": "t"})
    later = AskedQuery("l", parse("all:g * 2"))
    over = AskedQuery("o", parse("sum_over_time(all:g[4s])"))
    bodies = [gauges({"a": 1}, {"a": 2}), gauges({"a": 1}, time=T0 + WINDOW)]
    first, second = answered(record, later, over, bodies=bodies)
    assert first.signals == {"r": {"": 2.0}, "l": {"team=t": 4.0}, "o": {"team=t": 2.0}}
    assert second.signals["o"] == {"team=t": 3.0}


def test_what_is_missing_is_named() -> None:
    body = gauges({"a": "x"})
    assert ask("sum by (user_id) (g)", body)[1] == "no series of g has the label user_id"
    assert ask("sum(nothing)", body) == ({}, "metric nothing was not seen")
    assert "many-to-many" in ask("g / on (nosuch) g", gauges({"a": 1}, {"a": 2}))[1]


def test_a_bad_query_is_refused_with_its_place() -> None:
    wire = (
        b'{"otlpAddress":"127.0.0.1:0","healthAddress":"127.0.0.1:0","variants":["v"],'
        b'"queries":[{"name":"q","query":"x["}]}'
    )
    with pytest.raises(ConfigError, match=r"queries\[0\].query: not PromQL"):
        read_config(wire)
