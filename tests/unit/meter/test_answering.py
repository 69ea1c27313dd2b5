"""Queries that somebody else answers: what is fed, in which order it is asked."""

from __future__ import annotations

from phoenix.meter.answering import stages
from phoenix.meter.config import Address, Config
from phoenix.meter.queries import AskedQuery
from phoenix.meter.variant import Stamp, Variant
from phoenix.prometheus.process import Place
from phoenix.promql.syntax import parse
from tests.unit.meter.test_variant import T0, WINDOW, S, gauges


def asked(name: str, query: str, record: str = "") -> AskedQuery:
    return AskedQuery(name, parse(query), record)


def test_stages_end_where_a_query_reads_what_one_of_them_records() -> None:
    queries = [asked("r", "sum(a)", "all:a"), asked("p", "b"), asked("l", "all:a * 2", "x:y"), asked("m", '{job="x"}')]
    assert [[query.name for query in stage] for stage in stages(queries)] == [["r", "p"], ["l"], ["m"]]
    assert list(stages([])) == []


def test_each_window_gives_its_points_once_and_no_answers() -> None:
    queries = (asked("q", "day_of_week(g)"), asked("n", "nothing"))
    place = Place("http://127.0.0.1:9090")
    config = Config(Address("", 0), Address("", 0), ("v",), WINDOW, S, (), (), None, queries, place)
    one = Variant("v", config, Stamp(1, "h", "i"))
    one.accept(gauges({"a": "x"}, {"a": "y"}, value=3.0), T0 + WINDOW)
    one.accept(gauges({"a": "x"}, time=T0 + WINDOW, value=4.0), T0 + WINDOW)
    first, second = one.close()
    assert first.signals == second.signals == {}
    assert first.signal_problems == {"n": "metric nothing was not seen"}
    points = one.take_points(first.window_start)
    assert points is not None
    assert [(labels.map["a"], labels.map["__name__"]) for labels in points.labels] == [("x", "g"), ("y", "g")]
    assert points.values.tolist() == [3.0, 3.0]
    later = one.take_points(second.window_start)
    assert later is not None
    assert (later.times.tolist(), later.values.tolist()) == ([(T0 + WINDOW) // 1_000_000], [4.0])
    assert one.take_points(first.window_start) is None
