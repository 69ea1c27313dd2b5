"""Signals against rates worked out by hand, and against a naive PromQL over lists."""

from __future__ import annotations

import random
from collections import defaultdict
from itertools import pairwise
from typing import Any

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest as Request

from phoenix.samples.model import OutputSample
from tests.unit.meter.test_variant import T0, WINDOW, S, gauges, histogram, variant
from tests.unit.otlp.payloads import key_values


def counters(rows: list[tuple[dict[str, Any], float]], *, time: int, temporality: int = 2) -> bytes:
    request = Request()
    data = request.resource_metrics.add().scope_metrics.add().metrics.add(name="c").sum
    data.aggregation_temporality, data.is_monotonic = temporality, True
    for labels, value in rows:
        point = data.data_points.add(start_time_unix_nano=1, time_unix_nano=time, as_double=value)
        point.attributes.extend(key_values(labels.items()))
    return request.SerializeToString()


def run(query: str, *bodies: bytes, until: int = T0 + WINDOW) -> OutputSample:
    """The sample of the last window before `until`, for payloads that all arrived in time."""
    one = variant(signals={"q": query})
    for body in bodies:
        one.accept(body, T0)
    samples = [sample for sample in one.close() if sample.window_end <= until]
    return samples[-1]


def values(query: str, *bodies: bytes, until: int = T0 + WINDOW) -> dict[str, float]:
    sample = run(query, *bodies, until=until)
    assert sample.signal_problems == {}
    return sample.signals["q"]


def test_instant_aggregations_by_hand() -> None:
    body = gauges({"a": "x", "b": 1}, value=2.0) + gauges({"a": "x", "b": 2}, value=4.0) + gauges({"a": "y"}, value=7.0)
    assert values("sum by (a) (g)", body) == {"a=x": 6.0, "a=y": 7.0}
    assert values("avg by (a) (g)", body) == {"a=x": 3.0, "a=y": 7.0}
    assert values("count(g)", body) == {"": 3.0}
    assert values("sum by (a, b) (g)", body) == {"a=x,b=1": 2.0, "a=x,b=2": 4.0, "a=y": 7.0}
    assert values('sum(g{b=~"1|2"})', body) == {"": 6.0}
    assert values('sum(g{b=""})', body) == {"": 7.0}
    # Two points of one series: the later time counts; of the same time the one that arrived last.
    later = gauges({"a": "y"}, time=T0 + 1, value=9.0)
    assert values('sum(g{a="y"})', later, body) == {"": 9.0}
    assert values('sum(g{a="y"})', body, gauges({"a": "y"}, value=1.0)) == {"": 1.0}


def test_a_series_that_sent_nothing_in_the_window_has_no_value() -> None:
    first, second = gauges({"a": "x"}, {"a": "y"}), gauges({"a": "y"}, time=T0 + WINDOW)
    assert values("count by (a) (g)", first, second, until=T0 + 2 * WINDOW) == {"a=y": 1.0}


def test_rate_by_hand() -> None:
    # c goes 10, 14, 18, 22 at 0, 1, 2, 3 s: 12 in 3 s. Over [0, 4): the gap of 1 s at the end is not above 1.1 times
    # the interval of 1 s, so it is extrapolated to the end: 12 * 4/3 / 4 = 4 a second.
    ticks = [counters([({"a": "x"}, 10.0 + 4 * tick)], time=T0 + tick * S) for tick in range(4)]
    assert values("sum by (a) (rate(c_total[4s]))", *ticks, until=T0 + 2 * WINDOW) == {"a=x": pytest.approx(4.0)}
    # Of the last 2 s only: 18, 22: 4 in 1 s, extrapolated to 2 s.
    assert values("sum(rate(c_total[2s]))", *ticks, until=T0 + 2 * WINDOW) == {"": pytest.approx(4.0)}
    # A reset: 10, 14, 3, 5: 4 + 3 + 2 = 9 in 3 s: 9 * 4/3 / 4 = 3.
    reset = [counters([({}, value)], time=T0 + tick * S) for tick, value in enumerate([10.0, 14.0, 3.0, 5.0])]
    assert values("sum(rate(c_total[4s]))", *reset, until=T0 + 2 * WINDOW) == {"": pytest.approx(3.0)}
    # Delta temporality: 10 + 14 + 3 + 5 = 32 in 4 s.
    delta = [counters([({}, v)], time=T0 + t * S, temporality=1) for t, v in enumerate([10.0, 14.0, 3.0, 5.0])]
    assert values("sum(rate(c_total[4s]))", *delta, until=T0 + 2 * WINDOW) == {"": pytest.approx(8.0)}


def test_extrapolation_does_not_go_below_zero_or_over_gaps() -> None:
    # 1, 3 at 2, 3 s over [0, 8): increase 2 in 1 s. To the start 2 s is above 1.1 s: half an interval, 0.5 s; zero
    # would be reached 1 * 1/2 = 0.5 s before. To the end 5 s: 0.5 s. 2 * (1 + 0.5 + 0.5) / 1 / 8 = 0.5.
    ticks = [counters([({}, 1.0)], time=T0 + 2 * S), counters([({}, 3.0)], time=T0 + 3 * S)]
    ticks.append(gauges({"a": 1}, time=T0 + 7 * S))
    assert values("sum(rate(c_total[8s]))", *ticks, until=T0 + 8 * S) == {"": pytest.approx(0.5)}
    # 0, 2: a counter that begins at zero is not extrapolated to before: 2 * (1 + 0 + 0.5) / 8.
    ticks[:2] = [counters([({}, 0.0)], time=T0 + 2 * S), counters([({}, 2.0)], time=T0 + 3 * S)]
    assert values("sum(rate(c_total[8s]))", *ticks, until=T0 + 8 * S) == {"": pytest.approx(0.375)}
    # A counter that stands still has rate 0, not none.
    ticks[:2] = [counters([({}, 5.0)], time=T0 + 2 * S), counters([({}, 5.0)], time=T0 + 3 * S)]
    assert values("sum(rate(c_total[8s]))", *ticks, until=T0 + 8 * S) == {"": 0.0}


def test_histograms_and_summaries_have_their_series() -> None:
    # Bounds 1, 5 with counts 1, 2, 3: le=1: 1, le=5: 3, le=+Inf: 6; sum 3.
    body = histogram([1.0, 5.0], labels={"a": "x"})
    assert values("sum by (le) (h_seconds_bucket)", body) == {"le=+Inf": 6.0, "le=1": 1.0, "le=5": 3.0}
    assert values("sum(h_seconds_count)", body) == {"": 6.0}
    assert values("sum by (a) (h_seconds_sum)", body) == {"a=x": 3.0}
    request = Request()
    scope = request.resource_metrics.add().scope_metrics.add()
    summary = scope.metrics.add(name="s").summary.data_points.add(time_unix_nano=T0, count=3, sum=9.0)
    summary.quantile_values.add(quantile=0.5, value=2.5)
    scope.metrics.add(name="e").exponential_histogram.data_points.add(time_unix_nano=T0, count=4, sum=1.0)
    body = request.SerializeToString()
    assert values("sum by (quantile) (s)", body) == {"quantile=0.5": 2.5}
    assert values("sum(s_count)", body) == {"": 3.0}
    assert values("sum(e_count)", body) == {"": 4.0}
    # Exemplars make the scanner take the slow way: the same answer.
    slow = Request.FromString(histogram([1.0, 5.0]))
    slow.resource_metrics[0].scope_metrics[0].metrics[0].histogram.data_points[0].exemplars.add(as_double=1.0)
    expected = {"le=+Inf": 6.0, "le=1": 1.0, "le=5": 3.0}
    assert values("sum by (le) (h_seconds_bucket)", slow.SerializeToString()) == expected


def test_late_points_and_nan_take_no_part() -> None:
    one = variant(signals={"q": "sum by (a) (g)"})
    one.accept(gauges({"a": 1}), T0)
    one.accept(gauges({"a": 1}, value=99.0) + gauges({"a": 2}, time=T0 + WINDOW), T0 + WINDOW + S + 1)
    one.accept(gauges({"a": 3}, value=float("nan")) + gauges({"a": 4}, value=float("inf")), T0)
    first, second = one.close()
    assert (first.signals["q"], second.signals["q"]) == ({"a=1": 1.0}, {"a=2": 1.0})


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("sum(gg)", "metric gg was not seen; there is g"),
        ("sum(h_seconds)", "h_seconds is a histogram: ask for h_seconds_count, h_seconds_sum or h_seconds_bucket"),
        ("sum by (user) (g)", "no series of g has the label user; its labels are a"),
        ('sum(g{a="7"})', 'no series of g matches {a="7"}; its labels are a'),
        ("sum(rate(g[10s]))", "no series of g has two points within 10s"),
    ],
)
def test_problems_say_what_is_missing(query: str, problem: str) -> None:
    sample = run(query, gauges({"a": 1}), histogram([1.0]))
    assert problem in sample.signal_problems["q"]
    assert sample.signals["q"] in ({}, {"": 1.0})  # grouping by a label nobody has is one group, as in PromQL


def test_a_metric_that_ceased_is_a_problem_not_a_zero() -> None:
    one = variant(signals={"q": "sum(g)"})
    one.accept(gauges({"a": 1}) + gauges({"a": 1}, name="other", time=T0 + WINDOW), T0)
    first, second = one.close()
    assert (first.signals, first.signal_problems) == ({"q": {"": 1.0}}, {})
    assert second.signals == {"q": {}}
    assert second.signal_problems == {"q": "no series of g had a value in this window"}


def test_group_keys_escape_what_separates() -> None:
    assert values("sum by (a) (g)", gauges({"a": "x,y=\\z"})) == {"a=x\\,y=\\\\z": 1.0}


def naive_rate(points: list[tuple[int, float]], start: int, end: int) -> float | None:
    """Prometheus's extrapolatedRate for a counter, over [start, end), one step at a time."""
    inside = sorted((t, v) for t, v in points if start <= t < end)
    if len(inside) < 2:
        return None
    increase = 0.0
    for (_, before), (_, after) in pairwise(inside):
        increase += after if after < before else after - before
    sampled = (inside[-1][0] - inside[0][0]) / S
    interval = sampled / (len(inside) - 1)
    to_start, to_end = (inside[0][0] - start) / S, (end - inside[-1][0]) / S
    if to_start >= interval * 1.1:
        to_start = interval / 2
    if increase > 0 and inside[0][1] >= 0:
        to_start = min(to_start, sampled * inside[0][1] / increase)
    if to_end >= interval * 1.1:
        to_end = interval / 2
    return increase * (sampled + to_start + to_end) / sampled / ((end - start) / S)


@pytest.mark.parametrize("seed", range(5))
def test_rates_over_many_windows_are_the_naive_ones(seed: int) -> None:
    rnd = random.Random(seed)
    one = variant(signals={"q": "sum by (a) (rate(c_total[5s]))", "n": "count(c_total)"})
    series = [{"a": i % 3, "b": i} for i in range(12)]
    kept: dict[int, list[tuple[int, float]]] = defaultdict(list)
    level = [rnd.uniform(0, 50) for _ in series]
    for window in range(6):
        for tick in range(2):
            time = T0 + window * WINDOW + tick * S + rnd.choice([0, 0, 1000])
            chosen = [i for i in range(len(series)) if rnd.random() < 0.7]
            rnd.shuffle(chosen)
            for i in chosen:
                level[i] = rnd.uniform(0, 5) if rnd.random() < 0.1 else level[i] + rnd.uniform(0, 9)
                kept[i].append((time, level[i]))
            one.accept(counters([(series[i], level[i]) for i in chosen], time=time), time)
        end = T0 + (window + 1) * WINDOW
        (sample,) = one.close()
        expected: dict[str, float] = defaultdict(float)
        for i, labels in enumerate(series):
            if (rate := naive_rate(kept[i], end - 5 * S, end)) is not None:
                expected[f"a={labels['a']}"] += rate
        assert sample.signals["q"] == pytest.approx(dict(expected), rel=1e-9)
        live = [i for i in kept if any(end - WINDOW <= time < end for time, _ in kept[i])]
        assert sample.signals["n"] == ({"": float(len(live))} if live else {})
