"""Counters that fall, streams that come again after a gap, names, and what gzip would make of it."""

from __future__ import annotations

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest as Request

from phoenix.loadmodel.load import Load
from phoenix.loadmodel.profile import read_model
from phoenix.samples.model import OutputSample
from tests.unit.meter.test_variant import T0, WINDOW, S, gauges, variant


def counter(values: dict[str, int], time: int, *, temporality: int = 2, start: int = 1, resource: str = "") -> bytes:
    request = Request()
    data = request.resource_metrics.add()
    if resource:
        data.resource.attributes.add(key="pod").value.string_value = resource
    metric = data.scope_metrics.add().metrics.add(name="c")
    metric.sum.aggregation_temporality, metric.sum.is_monotonic = temporality, True
    for user, value in values.items():
        point = metric.sum.data_points.add(time_unix_nano=time, start_time_unix_nano=start, as_int=value)
        point.attributes.add(key="user").value.string_value = user
    payload: bytes = request.SerializeToString()
    return payload


def metered(*payloads: tuple[int, bytes]) -> list[OutputSample]:
    one = variant()
    for time, payload in payloads:
        one.accept(payload, time)
    return one.close(None)


def test_counters_that_fall_are_counted_in_their_window() -> None:
    ticks = [{"a": 5, "b": 5}, {"a": 6, "b": 6}, {"a": 1, "b": 7}, {"a": 2, "b": 7}, {"a": 0, "b": 0}]
    samples = metered(*((T0 + at * S, counter(values, T0 + at * S)) for at, values in enumerate(ticks)))
    assert [sample.counter_resets for sample in samples] == [0, 1, 2]


def test_increments_and_gauges_may_fall() -> None:
    delta = metered(*((T0 + at * S, counter({"a": 9 - at}, T0 + at * S, temporality=1)) for at in range(3)))
    assert sum(sample.counter_resets or 0 for sample in delta) == 0
    level = metered(*((T0 + at * S, gauges({"a": 1}, time=T0 + at * S, value=9.0 - at)) for at in range(3)))
    assert sum(sample.counter_resets or 0 for sample in level) == 0


def test_two_streams_that_became_one_series_fall_where_the_writer_changes() -> None:
    ticks = [("x", 100), ("y", 5), ("x", 101), ("y", 6)]
    payloads = []
    for at, (scope, value) in enumerate(ticks):
        request = Request.FromString(counter({"a": value}, T0 + at * S))
        request.resource_metrics[0].scope_metrics[0].scope.name = scope  # no label of a series
        payloads.append((T0 + at * S, request.SerializeToString()))
    samples = metered(*payloads)
    assert [(sample.streams, sample.active_series, sample.counter_resets) for sample in samples] == [
        (2, 1, 1),
        (2, 1, 1),
    ]
    assert [(row.metric, row.counter_resets) for row in samples[0].continuity] == [("c_total", 1)]


def test_resets_of_a_load_are_those_it_was_asked_for() -> None:
    otlp = {"model": "M1", "users": 30, "rawPaths": 4}
    for resets, expected in ((None, 0), ({"every": "2s", "fraction": 1.0}, 1)):
        load = Load(read_model(otlp | {"resets": resets}), seed=1, interval_s=1.0)
        load.start(T0 - S)
        one = variant()
        for at in range(4):
            for payload in load.tick(T0 + at * S):
                one.accept(payload.data, T0 + at * S)
        first, second = one.close(None)
        assert first.counter_resets == 0
        assert (second.counter_resets or 0) >= expected
        assert bool(second.counter_resets) == bool(expected)


def test_what_broke_is_told_by_metric() -> None:
    # Two users whose label was taken away: one stream with two points of one time, and a counter that falls each time.
    def collapsed(at: int) -> tuple[int, bytes]:
        time = T0 + at * S
        request = Request.FromString(counter({"": 100 + at}, time))
        points = request.resource_metrics[0].scope_metrics[0].metrics[0].sum.data_points
        points.add(time_unix_nano=time, start_time_unix_nano=1, as_int=5 + at).attributes.extend(points[0].attributes)
        request.MergeFrom(Request.FromString(gauges({"u": "x"}, time=time, name="sound")))
        return time, request.SerializeToString()

    first, second, third = metered(*(collapsed(at) for at in (0, 1, 4)))
    assert (first.duplicates, first.gaps) == (2, 0)
    assert [(row.metric, row.duplicates, row.gaps) for row in first.continuity] == [("c_total", 2, 0)]
    assert second.continuity == []
    assert sorted((row.metric, row.gaps) for row in third.continuity) == [("c_total", 1), ("sound", 1)]


def test_points_of_several_times_in_one_request_are_found_twice_too() -> None:
    request = Request()
    for at in (0, 1, 0):
        request.MergeFrom(Request.FromString(counter({"a": 7}, T0 + at * S)))
    (sample,) = metered((T0, request.SerializeToString()))
    assert sample.duplicates == 1
    assert [(row.metric, row.duplicates) for row in sample.continuity] == [("c_total", 1)]


def test_a_stream_that_comes_again_had_a_gap() -> None:
    def tick(at: int, *users: str) -> tuple[int, bytes]:
        time = T0 + at * WINDOW
        return time, gauges(*({"u": user} for user in users), time=time)

    samples = metered(tick(0, "a", "b", "c"), tick(1, "a"), tick(2, "a", "b"), tick(3, "a", "b", "c", "d"))
    assert [sample.gaps for sample in samples] == [0, 0, 1, 1]


def test_names_and_gzip_are_of_the_window() -> None:
    load = Load(read_model({"model": "M1"}), seed=1, interval_s=1.0)
    load.start(T0 - S)
    (payload,) = load.tick(T0)
    (sample,) = metered((T0, payload.data))
    assert sample.metric_names == 4
    assert sample.gzip_ratio is not None
    assert 0.01 < sample.gzip_ratio < 0.5
