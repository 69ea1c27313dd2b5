"""Windows, streams, series, duplicates and late points against sets of naive tuples, and against counts by hand."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest as Request

from phoenix.meter.config import Address, Config, CriticalMatch
from phoenix.meter.contributions import rank
from phoenix.meter.variant import Stamp, Variant
from phoenix.otlp.errors import MalformedPayload
from phoenix.otlp.signalquery import parse_signal
from phoenix.samples.model import ContributionRow, OutputSample
from tests.unit.otlp.payloads import START, key_values, requests
from tests.unit.otlp.truth import Seen, own_bytes, points

S = 1_000_000_000
WINDOW = 2 * S
T0 = 1_700_000_000 * S
assert T0 % WINDOW == 0
assert START == T0


def variant(*, signals: dict[str, str] | None = None, critical: dict[str, dict[str, str]] | None = None) -> Variant:
    config = Config(
        otlp=Address("", 0),
        health=Address("", 0),
        variants=("v",),
        window_ns=WINDOW,
        grace_ns=S,
        signals=tuple((name, parse_signal(query)) for name, query in (signals or {}).items()),
        critical=tuple(CriticalMatch(name, match) for name, match in (critical or {}).items()),
        report=None,
    )
    return Variant("v", config, Stamp(1, "host-a", "i"))


def gauges(*labels: dict[str, Any], time: int = T0, name: str = "g", unit: str = "", value: float = 1.0) -> bytes:
    """One gauge, one point for each set of labels; labels that begin with `res.` go to the resource (one a point)."""
    request = Request()
    for one in labels:
        resource = request.resource_metrics.add()
        metric = resource.scope_metrics.add().metrics.add(name=name, unit=unit)
        point = metric.gauge.data_points.add(time_unix_nano=time, as_double=value)
        resource.resource.attributes.extend(key_values((k[4:], v) for k, v in one.items() if k.startswith("res.")))
        point.attributes.extend(key_values((k, v) for k, v in one.items() if not k.startswith("res.")))
    return request.SerializeToString()


def histogram(bounds: list[float], *, time: int = T0, labels: dict[str, Any] | None = None, name: str = "h") -> bytes:
    request = Request()
    data = request.resource_metrics.add().scope_metrics.add().metrics.add(name=name, unit="s").histogram
    data.aggregation_temporality = 2
    counts = list(range(1, len(bounds) + 2))
    point = data.data_points.add(time_unix_nano=time, count=sum(counts), sum=3.0, explicit_bounds=bounds)
    point.bucket_counts.extend(counts)
    point.attributes.extend(key_values((labels or {}).items()))
    return request.SerializeToString()


def only(one: Variant, *bodies: bytes, arrived: int = T0) -> OutputSample:
    for body in bodies:
        one.accept(body, arrived)
    (sample,) = one.close()
    return sample


def series_of(seen: Seen) -> int:
    return {"histogram": len(seen.bounds) + 3, "summary": len(seen.bounds) + 2}.get(seen.type, 1)


@settings(max_examples=80, deadline=None)
@given(st.lists(requests(), min_size=1, max_size=3))
def test_counts_are_those_of_naive_sets(made: list[Request]) -> None:
    one = variant()
    bodies = [request.SerializeToString() for request in made]
    for body in bodies:
        one.accept(body, T0)
    true = [seen for body in bodies for seen in points(body)]
    timely = [seen for seen in true if seen.time >= T0]  # the others have time 0
    samples = one.close()
    assert sum(sample.points for sample in samples) == len(timely)
    if not timely:
        return
    (sample,) = samples
    assert (sample.window_start, sample.late_points) == (T0, len(true) - len(timely))
    assert sample.streams == len({seen.stream for seen in timely})
    assert sample.duplicates == len(timely) - len({(seen.stream, seen.time) for seen in timely})
    assert sample.samples == sum(series_of(seen) for seen in timely)
    assert sample.streams_by_last_window == [(T0, sample.streams)]
    assert sample.requests == sum(any(seen.time >= T0 for seen in points(body)) for body in bodies)
    if len(timely) == len(true):
        counted = [body for body in bodies if list(points(body))]
        assert sample.bytes == sum(len(body) - own_bytes(body) for body in counted)


def test_a_series_is_a_name_and_labels_by_hand() -> None:
    # Seven streams. Same labels, wherever they stand: a=1 on the point, a=1 on the resource, a="1" as text: 1 series.
    # http.route and http_route become one label: 1 series with "x;y". Unit 1 adds _ratio: another name: 1 series.
    # An empty label is no label: the same as none: 1 series. The resource wins over the point: a=1 again.
    one = variant()
    sample = only(
        one,
        gauges({"a": 1}, {"res.a": 1}, {"a": "1"}, {"http.route": "x", "http_route": "y"}, {"a": ""}),
        gauges({"res.a": 1, "a": 2}),
        gauges({"a": 1}, unit="1"),
    )
    assert (sample.points, sample.streams, sample.active_series, sample.duplicates) == (7, 7, 4, 0)


def test_series_of_each_type_by_hand() -> None:
    # Bounds 1, 5: le=1, le=5, le=+Inf, _sum, _count = 5. Quantiles .5, .9: 2 + 2 = 4. Exponential: 1. Together 10.
    request = Request()
    scope = request.resource_metrics.add().scope_metrics.add()
    scope.metrics.add(name="e").exponential_histogram.data_points.add(time_unix_nano=T0, count=3)
    summary = scope.metrics.add(name="s").summary.data_points.add(time_unix_nano=T0, count=3)
    for quantile in (0.5, 0.9):
        summary.quantile_values.add(quantile=quantile, value=1.0)
    sample = only(variant(), histogram([1.0, 5.0]), request.SerializeToString())
    assert (sample.streams, sample.active_series, sample.samples) == (3, 10, 10)


def test_one_histogram_with_other_bounds_counts_common_bounds_once() -> None:
    # Bounds 1,5 then 1,7: le=1, 5, 7, +Inf, _sum, _count = 6 series of one stream; two points of 5 samples each.
    one = variant(critical={"h": {"__name__": "h_seconds_bucket"}})
    sample = only(one, histogram([1.0, 5.0]), histogram([1.0, 7.0], time=T0 + 1))
    assert (sample.streams, sample.active_series, sample.samples) == (1, 6, 10)
    assert sample.critical == {"h": 6}
    # Next window only 1,7 comes: 5 are live, le=5 was last seen before.
    sample = only(one, histogram([1.0, 7.0], time=T0 + WINDOW), arrived=T0 + WINDOW)
    assert sample.active_series == 5
    assert sample.active_series_by_last_window == [(T0, 1), (T0 + WINDOW, 5)]


def test_bounds_that_change_in_a_later_window_keep_the_union_exact() -> None:
    one = variant()
    assert only(one, histogram([1.0, 5.0])).active_series == 5
    sample = only(one, histogram([5.0, 9.0], time=T0 + WINDOW), arrived=T0 + WINDOW)
    # Union: le=1, 5, 9, +Inf, _sum, _count = 6; of these only le=1 was last seen in the first window.
    assert sample.active_series_by_last_window == [(T0, 1), (T0 + WINDOW, 5)]
    assert sum(row.series for row in _rank(one) if not row.label) == 6


def test_bounds_named_twice_are_one_series_each_once_they_are_told_apart() -> None:
    one = variant()
    only(one, histogram([1.0, 1.0, 5.0]), histogram([1.0, 7.0, 7.0], time=T0 + 1))
    sample = only(one, gauges({"a": 1}, time=T0 + WINDOW), arrived=T0 + WINDOW)  # what comes after is counted right
    assert (sample.streams, sample.active_series) == (1, 1)
    assert sum(row.series for row in _rank(one) if row.metric == "g" and not row.label) == 1


def _rank(one: Variant) -> list[ContributionRow]:
    return rank(one.freeze_contributions())


def test_windows_go_by_point_time_and_gaps_are_zeros() -> None:
    one = variant()
    one.accept(gauges({"a": 1}, {"a": 2}, time=T0 + WINDOW - 1), T0)
    one.accept(gauges({"a": 2}, time=T0 + 3 * WINDOW), T0 + 3 * WINDOW)
    assert [sample.points for sample in one.close(T0 + WINDOW + S)] == [2]  # due at end + grace
    assert one.close(T0 + WINDOW + S) == []
    samples = one.close()
    assert [(sample.window_start - T0) // WINDOW for sample in samples] == [1, 2, 3]
    assert [(sample.points, sample.streams, sample.requests) for sample in samples] == [(0, 0, 0), (0, 0, 0), (1, 1, 1)]
    assert samples[-1].streams_by_last_window == [(T0, 1), (T0 + 3 * WINDOW, 1)]


def test_a_window_another_variant_has_is_reported_with_zeros() -> None:
    first = T0 // WINDOW
    silent = variant()
    assert [sample.points for sample in silent.close(span=(first, first + 2))] == [0, 0, 0]
    assert silent.close() == []
    one = variant()
    one.accept(gauges({"a": "b"}, time=T0 + WINDOW), T0 + WINDOW)
    samples = one.close(span=(first, first + 2))
    assert [(sample.window_start, sample.points) for sample in samples] == [
        (T0, 0),
        (T0 + WINDOW, 1),
        (T0 + 2 * WINDOW, 0),
    ]


def test_a_request_across_windows_is_split() -> None:
    one = variant()
    body = gauges({"a": 1}, time=T0) + gauges({"a": 1}, {"a": 2}, {"a": 3}, time=T0 + WINDOW)
    one.accept(body, T0)
    first, second = one.close()
    assert [(first.points, first.streams), (second.points, second.streams)] == [(1, 1), (3, 3)]
    assert first.bytes == len(body) // 4
    assert second.bytes == len(body) * 3 // 4


def test_late_points_are_counted_apart() -> None:
    one = variant()
    end = T0 + WINDOW
    one.accept(gauges({"a": 1}, time=T0), end + S)  # at the end of the grace: in time
    one.accept(gauges({"a": 1}, {"a": 2}, time=T0), end + S + 1)  # late, though the window is not closed yet
    one.accept(gauges({"a": 3}, time=end), end + S + 1)
    first, second = one.close()
    assert (first.points, first.streams, first.late_points) == (1, 1, 2)
    assert (second.points, second.late_points) == (1, 0)
    assert (first.newest_late, second.newest_late) == (T0, None)
    assert first.max_lag_s == pytest.approx((WINDOW + S + 1) / S)
    one.accept(gauges({"a": 9}, time=T0), T0)  # its window was reported
    sample = only(one, gauges({"a": 3}, time=end + WINDOW), arrived=end + WINDOW)
    assert (sample.points, sample.late_points, sample.streams) == (1, 1, 1)
    assert sum(number for _, number in sample.streams_by_last_window) == 2  # a=1 and a=3: late ones are in no union


def test_points_of_the_far_future_cannot_pile_up_windows() -> None:
    one = variant()
    for ahead in range(100):
        one.accept(gauges({"a": 1}, time=T0 + ahead * WINDOW), T0)
    samples = one.close()
    assert (sum(sample.points for sample in samples), samples[0].late_points) == (64, 36)


def test_own_labels_are_no_labels() -> None:
    body = gauges({"a": 1, "phoenix.variant": "v", "res.phoenix.experiment": "x"}, {"a": 1, "res.b": 2})
    bare = gauges({"a": 1}, {"a": 1, "res.b": 2})
    one = variant()
    sample = only(one, body, bare)
    assert (sample.streams, sample.active_series, sample.duplicates) == (2, 2, 2)
    assert sample.bytes == len(body) + len(bare) - own_bytes(body)
    assert own_bytes(body) > 40


def test_a_point_without_recorded_value_counts_but_is_not_live() -> None:
    request = Request.FromString(gauges({"a": 1}))
    request.resource_metrics[0].scope_metrics[0].metrics[0].gauge.data_points[0].flags = 1
    one = variant(critical={"c": {"a": "1"}}, signals={"s": "sum(g)"})
    sample = only(one, request.SerializeToString())
    assert (sample.points, sample.streams, sample.critical, sample.signals["s"]) == (1, 1, {"c": 0}, {})
    assert only(one, gauges({"a": 1}, time=T0 + WINDOW), arrived=T0 + WINDOW).critical == {"c": 1}


def test_a_broken_payload_counts_nothing() -> None:
    one = variant()
    with pytest.raises(MalformedPayload):
        one.accept(gauges({"a": 1})[:-1], T0)
    assert one.close() == []


def test_contributions_are_what_would_vanish() -> None:
    # user has 6 values on 2 routes: 6 series; without user 2 are left (4 vanish), without route 6 (0 vanish).
    # A second metric of one histogram, bounds 1: 4 series for each of 2 shards; without shard 4 are left.
    one = variant()
    users = [{"user": user, "route": user % 2} for user in range(6)]
    only(one, gauges(*users), histogram([1.0], labels={"shard": 1}), histogram([1.0], labels={"shard": 2}))
    rows = [(row.metric, row.label, row.series, row.values) for row in _rank(one)]
    assert rows == [
        ("h_seconds", "", 8, None),
        ("g", "", 6, None),
        ("g", "user", 4, 6),
        ("h_seconds", "shard", 4, 2),
    ]
