"""cumulative_to_delta and delta_to_cumulative, one after the other requests, by hand."""

import pytest

from phoenix.engine.data import Metrics
from phoenix.engine.errors import ConsumeError
from phoenix.engine.processors.cumulativetodelta import Converter
from phoenix.engine.processors.deltatocumulative import Accumulator
from phoenix.engine.registry import PROCESSORS
from tests.unit.engine.harness import Sink, faults, parse, processor
from tests.unit.engine.otlp import CUMULATIVE, DELTA, T0, histogram, number_metric, request

NOW_S = T0 / 1e9


class Clock:
    def __init__(self, now_s=NOW_S):
        self.now_s = now_s

    def __call__(self):
        return self.now_s


def to_delta(yaml="initial_value: keep", clock=None):
    config, findings = parse(PROCESSORS["cumulative_to_delta"], yaml)
    assert not findings
    return Converter(config, clock or Clock())


def to_cumulative(yaml="", clock=None):
    config, findings = parse(PROCESSORS["delta_to_cumulative"], yaml)
    assert not findings
    return Accumulator(config, clock or Clock())


def run(processor, *metrics):
    """Points that left, as (metric, start - T0, time - T0, value or (count, sum, buckets)); None: nothing."""
    left = processor.run(Metrics.of(request(*metrics)))
    if left is None:
        return None
    rows = []
    for metric in left.message().resource_metrics[0].scope_metrics[0].metrics:
        kind = metric.WhichOneof("data")
        for point in getattr(metric, kind).data_points:
            if kind == "histogram":
                value = (point.count, point.sum, list(point.bucket_counts), point.HasField("min"))
            else:
                value = getattr(point, point.WhichOneof("value"))
            start = point.start_time_unix_nano - T0 if point.start_time_unix_nano else None
            rows.append((metric.name, start, point.time_unix_nano - T0, value))
    return rows


def total(value, at, *, start=-1000, attributes=None, temporality=CUMULATIVE, **options):
    points = [(attributes or {}, value, at, T0 + start)]
    return number_metric("sum", "s", points, temporality=temporality, **options)


def test_differences_of_a_monotonic_sum_and_a_reset_nobody_announced():
    converter = to_delta()
    assert run(converter, total(10, 1)) == [("s", None, 1, 10)]
    assert run(converter, total(13, 2)) == [("s", 1, 2, 3)]
    assert run(converter, total(2, 3)) is None
    assert run(converter, total(6, 4)) == [("s", 3, 4, 4)]


def test_another_start_is_another_stream():
    converter = to_delta()
    run(converter, total(10, 1))
    assert run(converter, total(4, 5, start=3)) == [("s", None, 5, 4)]


@pytest.mark.parametrize(
    ("initial", "start", "left"),
    [
        ("auto", -1000, None), ("auto", 2, [("s", 2, 5, 7)]), ("auto", 5, None), ("drop", 2, None),
        ("keep", 2, [("s", None, 5, 7)]),
    ],
)  # fmt: skip
def test_the_first_point_of_a_stream(initial, start, left):
    assert run(to_delta(f"initial_value: {initial}"), total(7, 5, start=start)) == left


def test_what_is_no_counter_is_left_alone():
    converter = to_delta()
    others = [
        number_metric("gauge", "g", [({}, 1)]),
        total(5, 1, monotonic=False),
        total(5, 1, temporality=DELTA),
    ]
    before = request(*others).SerializeToString()
    for _ in range(2):
        assert converter.run(Metrics.of(request(*others))).encoded() == before


def test_chosen_by_name_and_type():
    converter = to_delta("initial_value: keep\nexclude: {metrics: ['^s$'], match_type: regexp}")
    run(converter, total(5, 1))
    assert run(converter, total(9, 2)) == [("s", -1000, 2, 9)]
    converter = to_delta("initial_value: keep\ninclude: {metric_types: [histogram]}")
    run(converter, total(5, 1))
    assert run(converter, total(9, 2)) == [("s", -1000, 2, 9)]


def test_differences_of_a_histogram():
    converter = to_delta()
    first = histogram("h", [({}, [1, 2, 3], 10.0)])
    first.histogram.data_points[0].min = 0.5
    assert run(converter, first) == [("h", None, 0, (6, 10.0, [1, 2, 3], False))]
    assert run(converter, histogram("h", [({}, [2, 2, 5], 14.5)])) == [("h", 0, 0, (3, 4.5, [1, 0, 2], False))]
    assert run(converter, histogram("h", [({}, [2, 1, 9], 15.0)])) is None
    assert run(converter, histogram("h", [({}, [3, 3, 3], 15.0)], bounds=(1.0, 6.0))) is None


def test_stale_streams_are_forgotten():
    clock = Clock()
    converter = to_delta("initial_value: drop\nmax_staleness: 10s", clock)
    run(converter, total(1, 1))
    clock.now_s += 11
    assert run(converter, total(5, 2)) is None


def test_sums_of_deltas():
    sums = to_cumulative()
    assert run(sums, total(3, 1, temporality=DELTA)) == [("s", -1000, 1, 3)]
    assert run(sums, total(4, 2, start=1, temporality=DELTA)) == [("s", -1000, 2, 7)]
    assert run(sums, total(9, 2, start=1, temporality=DELTA)) is None
    assert run(sums, total(9, 3, start=-2000, temporality=DELTA)) is None
    assert run(sums, total(1.5, 4, attributes={"a": 1}, temporality=DELTA)) == [("s", -1000, 4, 1.5)]


def test_sums_of_histograms_and_new_bounds():
    sums = to_cumulative()

    def delta(counts, at, **options):
        metric = histogram("h", [({}, counts, 1.5)], temporality=DELTA, **options)
        metric.histogram.data_points[0].time_unix_nano = T0 + at
        return metric

    run(sums, delta([1, 0, 0], 1))
    assert run(sums, delta([1, 2, 0], 2)) == [("h", -1000, 2, (4, 3.0, [2, 2, 0], False))]
    assert run(sums, delta([1, 2, 0], 3, bounds=(2.0, 3.0)))[0][3] == (3, 1.5, [1, 2, 0], False)


def test_no_more_streams_than_allowed_and_stale_ones_make_room():
    clock = Clock()
    sums = to_cumulative("max_streams: 1\nmax_stale: 2m", clock)
    run(sums, total(1, 1, temporality=DELTA))
    other = total(1, 1, attributes={"a": 1}, temporality=DELTA)
    assert run(sums, other) is None
    clock.now_s += 121
    assert run(sums, other) == [("s", -1000, 1, 1)]


def test_there_and_back_is_the_same_but_for_the_start():
    there, back = to_delta(), to_cumulative()
    for at, value in enumerate((5, 9, 9, 30), 1):
        left = there.run(Metrics.of(request(total(value, at))))
        assert run_message(back, left) == value


def run_message(processor, metrics):
    message = processor.run(metrics).message()
    (point,) = message.resource_metrics[0].scope_metrics[0].metrics[0].sum.data_points
    return point.as_int


@pytest.mark.parametrize(
    ("kind", "yaml", "sentence"),
    [
        ("cumulative_to_delta", "include: {metrics: [a]}", "match_type must be set if metrics are supplied"),
        ("cumulative_to_delta", "include: {match_type: strict}", "metrics must be supplied if match_type is set"),
        ("cumulative_to_delta", "include: {metric_types: [gauge]}", "found invalid metric type in metric_types: gauge"),
        ("cumulative_to_delta", "initial_value: none", "is not one of 'auto', 'keep', 'drop'"),
        ("delta_to_cumulative", "max_stale: 0s", "max_stale must be a positive duration"),
        ("delta_to_cumulative", "max_streams: -1", "must be 0 or more"),
        ("delta_to_cumulative", "max_stail: 1m", "max_stail"),
    ],
)
def test_bad_configuration(kind, yaml, sentence):
    assert any(sentence in fault for fault in faults(kind, yaml)), faults(kind, yaml)


async def test_a_sum_beyond_what_an_integer_holds_refuses_its_request_and_nothing_else():
    sink = Sink()
    made = processor("delta_to_cumulative", "", sink)
    await made.consume(Metrics.of(request(total(2**62, 1, temporality=DELTA))))
    with pytest.raises(ConsumeError, match="a value cannot be worked on"):
        await made.consume(Metrics.of(request(total(2**62, 2, start=1, temporality=DELTA))))
    await made.consume(Metrics.of(request(total(1, 3, attributes={"a": 1}, temporality=DELTA))))
    assert len(sink.taken) == 2
