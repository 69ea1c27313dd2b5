"""Queries answered by a real Prometheus beside the meter: the built-in evaluator's figures, and all of PromQL."""

from __future__ import annotations

import math
import os
import signal
from pathlib import Path

import pytest

from phoenix.meter.answering import RUN, Answering, answering
from phoenix.meter.config import Address, Config
from phoenix.meter.queries import AskedQuery
from phoenix.meter.variant import Stamp, Variant
from phoenix.prometheus.client import Access, PrometheusClient
from phoenix.prometheus.errors import QueryRefused, Unreachable
from phoenix.prometheus.process import Place, running
from phoenix.promql.syntax import parse
from phoenix.samples.model import OutputSample
from tests.harness.leftovers import groups_of
from tests.unit.meter.test_signals import counters
from tests.unit.meter.test_variant import T0, WINDOW, S, gauges, histogram

TICKS = 12
BOTH = (
    AskedQuery("instant", parse("g")),
    AskedQuery("matched", parse('g{a=~"x|y"} > 2')),
    AskedQuery("rate", parse("sum by (a) (rate(c_total[5s]))")),
    AskedQuery("without", parse("sum without (a) (increase(c_total[4s]))")),
    AskedQuery("record", parse("sum by (a) (rate(c_total[3s]))"), "a:c:rate3s", {"team": "t"}),
    AskedQuery("recorded", parse("a:c:rate3s * 2")),
    AskedQuery("over-recorded", parse("max_over_time(a:c:rate3s[6s])")),
    AskedQuery("quantile", parse("histogram_quantile(0.9, sum by (le) (rate(h_seconds_bucket[4s])))")),
    AskedQuery("offset", parse("g offset 4s")),
    AskedQuery("subquery", parse("max_over_time(sum(g)[6s:2s])")),
    AskedQuery("absent", parse('absent(g{a="gone"})')),
    AskedQuery("joined", parse("g / on (a) group_left () sum by (a) (c_total)")),
    AskedQuery("topk", parse("topk(1, g)")),
    AskedQuery("name", parse('{__name__=~"g|c_total"}')),
    AskedQuery("many", parse("g + on () g")),
)
ONLY_REAL = (
    AskedQuery("day", parse("day_of_week(g) * 0 + 1")),
    AskedQuery("sine", parse('sin(g{a="x"} * 0)')),
    AskedQuery("smoothed", parse('holt_winters(g{a="x"}[8s], 0.5, 0.5) * 0 + 1')),
    AskedQuery("mad", parse("count(present_over_time(c_total[4s]))")),
)


def load() -> list[bytes]:
    """Counters, a histogram, and gauges of which one falls silent for some windows."""
    bodies = []
    for tick in range(TICKS):
        at = T0 + tick * S
        bodies.append(counters([({"a": "x"}, 10.0 + 4 * tick), ({"a": "y"}, 3.0 * tick % 20)], time=at))
        bodies.append(gauges({"a": "x"}, time=at, value=1.5 + tick) + histogram([0.1, 1.0, 5.0], time=at))
        if not 4 <= tick < 8:
            bodies.append(gauges({"a": "y"}, time=at, value=7.0))
    return bodies


def metered(asked: tuple[AskedQuery, ...], place: Place | None) -> tuple[Variant, list[OutputSample]]:
    config = Config(Address("", 0), Address("", 0), ("v",), WINDOW, S, (), (), None, asked, place)
    one = Variant("v", config, Stamp(1, "h", "i"))
    for body in load():
        one.accept(body, T0)
    return one, one.close()


async def completed(asked: tuple[AskedQuery, ...], place: Place, by: Answering) -> list[OutputSample]:
    one, samples = metered(asked, place)
    found = []
    for sample in samples:
        points = one.take_points(sample.window_start)
        assert points is not None
        found.append(await by.complete(sample, points))
    return found


async def test_both_evaluators_answer_alike(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    _, ours = metered(BOTH, None)
    async with answering(place, BOTH, run="r", window_ns=WINDOW) as by:
        theirs = await completed(BOTH, place, by)
    assert len(ours) == len(theirs) == TICKS // 2
    for mine, other in zip(ours, theirs, strict=True):
        assert other.problem == ""
        for query in BOTH:
            expected, found = mine.signals[query.name], other.signals[query.name]
            assert expected.keys() == found.keys(), query.name
            for group, value in expected.items():
                same = math.isclose(found[group], value, rel_tol=1e-9) or (
                    math.isnan(value) and math.isnan(found[group])
                )
                assert same, (query.name, group, value, found[group])
    assert [len(sample.signals["instant"]) for sample in theirs] == [2, 2, 1, 1, 2, 2], "silence is seen at once"
    assert "many" in theirs[0].signal_problems
    assert not Path("prometheus").exists(), "its data is gone with it"


async def test_what_only_a_real_one_answers(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    async with answering(place, ONLY_REAL, run="r", window_ns=WINDOW) as by:
        last = (await completed(ONLY_REAL, place, by))[-1]
    assert last.problem == ""
    assert last.signals == {
        "day": {"a=x": 1.0, "a=y": 1.0},
        "sine": {"a=x": 0.0},
        "smoothed": {"a=x": 1.0},
        "mad": {"": 2.0},
    }


async def test_one_that_is_killed_makes_a_problem_and_no_loss(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with answering(place, BOTH, run="r", window_ns=WINDOW) as by:
        for pid in groups_of(tmp_path):
            os.kill(pid, signal.SIGKILL)
        first = (await completed(BOTH, place, by))[0]
    assert first.problem.startswith("queries cannot be answered: http://127.0.0.1:")
    assert "is it running" in first.problem


async def test_a_prometheus_elsewhere_is_written_to_and_keeps_runs_apart(place: Place, tmp_path: Path) -> None:
    async with running(place.binary, tmp_path / "own", place.port) as url:
        own = Place(url=url)
        for run in ("first", "second"):
            async with answering(own, BOTH, run=run, window_ns=WINDOW) as by:
                last = (await completed(BOTH, own, by))[-1]
            assert last.signals["instant"] == {"__name__=g,a=x": 12.5, "__name__=g,a=y": 7.0}
        async with PrometheusClient(Access(url)) as client:
            found = await client.query(f"count by ({RUN}) (g offset 1s)", T0 // 1_000_000 + TICKS * 1000)
            assert {labels.map[RUN]: value for labels, value in found.items()} == {"first": 2.0, "second": 2.0}
            with pytest.raises(QueryRefused, match="parse error"):
                await client.query("sum(", 0)
    async with PrometheusClient(Access(url)) as client:
        with pytest.raises(Unreachable, match="cannot be reached"):
            await client.version()


async def test_a_binary_that_is_none_is_said_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match="--prometheus"):
        async with running("/nonexistent/prometheus", tmp_path / "x", 1):
            pass
    with pytest.raises(Unreachable, match="of this run ended with 1"):
        async with running("/bin/false", tmp_path / "y", 1):
            pass
