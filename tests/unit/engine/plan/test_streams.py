"""Processors that remember, and times set by rule: with plans, byte for byte what they give point by point."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from phoenix.loadmodel.load import Load
from phoenix.loadmodel.profile import read_model
from tests.unit.engine.otlp import CUMULATIVE, DELTA, T0, add_resource, histogram, number_metric, request
from tests.unit.engine.plan.harness import Both
from tests.unit.engine.plan.test_plan import ADD_UP, DROP_USER, points

SECOND = 10**9
TO_DELTA = ("cumulativetodelta", "initial_value: keep")
TO_CUMULATIVE = ("deltatocumulative", "")
TRUNCATE = 'set(datapoint.{0}, TruncateTime(datapoint.{0}, Duration("{1}")))'
BOOKED = (
    "set(datapoint.start_time, datapoint.time) where metric.aggregation_temporality == AGGREGATION_TEMPORALITY_DELTA"
)
TRUNCATED = ("transform", f"metric_statements: ['{TRUNCATE.format('time', '1s')}', '{BOOKED}']")
ROLLUP = [
    ("cumulativetodelta", ""),
    ("resource", "attributes: [{key: pod, action: delete}]"),
    TRUNCATED, ("groupbyattrs", ""), ADD_UP, TO_CUMULATIVE,
]  # fmt: skip


def counters(values, tick=0, *, temporality=CUMULATIVE, start=T0 - SECOND, name="calls", **options):
    """A point for each of `values`, by its name; None: it is not there."""
    made = [
        ({"user": name}, value, tick * SECOND + place, start)
        for place, (name, value) in enumerate(values.items())
        if value is not None
    ]
    return number_metric("sum", name, made, temporality=temporality, **options)


class Clock:
    def __init__(self):
        self.now_s = T0 / 1e9

    def __call__(self):
        return self.now_s


def clocked(*processors, by_series=False):
    """Both, with a clock that only the test moves."""
    clock, both = Clock(), Both(*processors, by_series=by_series)
    for run in (both.on, both.off):
        for stage in run.stages:
            state = stage.work.in_place
            state._now_s, state._swept_s, state._started_ns = clock, clock.now_s, T0
    return clock, both


def values_of(left):
    return None if left is None else [
        point.as_int if point.WhichOneof("value") == "as_int" else point.as_double
        for point in points(ExportMetricsServiceRequest.FromString(left))
    ]  # fmt: skip


async def test_differences_by_plan_with_resets_nobody_announced():
    both = Both(TO_DELTA)
    rows = [(10, 1.5), (13, 2.5), (20, 4.0), (2, 4.5), (6, 1.0), (7, 2.0)]
    left = [await both.give(request(counters({"a": a, "b": b}, tick))) for tick, (a, b) in enumerate(rows)]
    assert [values_of(made) for made, _ in left] == [[10, 1.5], [3, 1.0], [7, 1.5], [0.5], [4], [1, 1.0]]
    assert [planned for _, planned in left][2:] == [2, 2, 2, 2]


async def test_sums_by_plan_leave_out_what_is_not_newer():
    both = Both(TO_CUMULATIVE)
    times = [0, 1, 2, 2, 1, 3]
    left = [await both.give(request(counters({"a": 5}, tick, temporality=DELTA))) for tick in times]
    assert [values_of(made) for made, _ in left] == [[5], [10], [15], None, None, [20]]
    assert [planned for _, planned in left][1:] == [1] * 5


async def test_points_that_vanish_and_return():
    both = Both(TO_DELTA, TO_CUMULATIVE)
    for tick in range(12):
        b = None if tick in (3, 4, 7) else 100 + 7 * tick
        await both.give(request(counters({"a": tick * tick, "b": b, "c": 2.5 * tick}, tick)))


async def test_another_start_is_another_stream_by_plan_too():
    both = Both(TO_DELTA)
    for tick in range(10):
        start = T0 + (tick // 4) * SECOND
        await both.give(request(counters({"a": 5 + tick % 4, "b": tick}, tick, start=start)))


@pytest.mark.parametrize("initial", ["auto", "keep", "drop"])
@pytest.mark.parametrize("start", [T0 - SECOND, T0 + 3 * SECOND])
async def test_first_points_of_new_streams_in_a_known_shape(initial, start):
    _, both = clocked(("cumulativetodelta", f"initial_value: {initial}"))
    for tick in range(4):
        await both.give(request(counters({"a": tick, "b": tick}, tick)))
    left, planned = await both.give(request(counters({"a": 9, "b": 9}, 9, start=start)))
    assert planned == 2
    # Streams of a start that were there go on; new ones begin by the rule, 0 in `start` for those that are kept.
    assert (values_of(left) == [6, 6]) == (start < T0)


async def test_streams_that_got_stale_begin_anew():
    clock, both = clocked(("cumulativetodelta", "initial_value: drop\nmax_staleness: 10s"))
    for tick in range(40):
        clock.now_s += 1 if tick != 20 else 30
        left, planned = await both.give(request(counters({"a": 3 * tick, "b": tick}, int(clock.now_s - T0 / 1e9))))
        assert (left is None) == (tick in (0, 20))
        assert tick < 2 or planned == 2


async def test_sums_that_got_stale_begin_anew():
    clock, both = clocked(("deltatocumulative", "max_stale: 100s"))
    seen = []
    for tick in range(8):
        clock.now_s += 1 if tick != 5 else 500
        left, _ = await both.give(request(counters({"a": 1, "b": 2.5}, tick, temporality=DELTA)))
        seen.append(values_of(left)[0])
    assert seen == [1, 2, 3, 4, 5, 1, 2, 3]


async def test_no_more_streams_than_there_may_be():
    both = Both(("deltatocumulative", "max_streams: 3"))
    for tick in range(6):
        names = "ab" if tick < 3 else "abcd"
        await both.give(request(counters(dict.fromkeys(names, 1), tick, temporality=DELTA)))


async def test_the_same_shape_in_two_pipelines_at_once():
    """A receiver finds the shape once for all of its pipelines."""
    one, other = Both(TO_DELTA), Both(TO_DELTA)
    other.on.shapes = one.on.shapes
    for tick in range(6):
        data = request(counters({"a": 10 * tick, "b": 3 * tick}, tick)).SerializeToString()
        left = [await both.give(data) for both in (one, other)]
        assert left[0][0] == left[1][0]
    assert left[0][1] == left[1][1] == 2


async def test_what_one_pipeline_remembers_is_not_anothers():
    one, other = Both(TO_DELTA), Both(TO_DELTA)
    other.on.shapes = one.on.shapes
    for tick in range(6):
        data = request(counters({"a": 10 * tick}, tick)).SerializeToString()
        left = values_of((await one.give(data))[0]), values_of((await other.give(data))[0]) if tick != 3 else None
    assert left == ([10], [10])
    assert values_of((await other.give(data))[0]) == [0]
    assert values_of((await one.give(request(counters({"a": 80}, 8))))[0]) == [30]


async def test_a_stream_twice_in_a_payload_goes_point_by_point():
    both = Both(TO_DELTA)
    for tick in range(5):
        metric = counters({"a": tick}, tick)
        metric.sum.data_points.extend(counters({"a": tick + 1}, tick).sum.data_points)
        assert (await both.give(request(metric)))[1] == 0


async def test_attributes_in_another_order_keep_the_order_they_had_first():
    both = Both(TO_CUMULATIVE)
    for tick in range(8):
        pairs = {"a": 1, "b": "x"} if tick < 1 else {"b": "x", "a": 1}
        await both.give(request(number_metric("sum", "n", [(pairs, 1, tick * SECOND)], temporality=DELTA)))


async def test_numbers_change_type_and_are_no_numbers():
    both = Both(TO_DELTA, TO_CUMULATIVE)
    rows = [1, 2, 3, 4.5, 5.5, 6.5, 7, 8, 9, float("nan"), 11.5, float("inf"), float("inf"), 2**63 - 1, 2**62]
    for tick, value in enumerate(rows * 2):
        await both.give(request(counters({"a": value, "b": tick}, tick)))


async def test_sums_beyond_an_integer_refuse_the_request_in_both():
    both = Both(TO_CUMULATIVE)
    answers = [
        (await both.give(request(counters({"a": value, "b": 1}, tick, temporality=DELTA))))[0]
        for tick, value in enumerate([1, 2, 2**62, 2**62, 2**62, 1])
    ]
    assert [isinstance(answer, str) for answer in answers] == [False, False, False, True, True, False]


async def test_ended_series_and_histograms():
    both = Both(TO_DELTA, TO_CUMULATIVE)
    ended = counters({"a": 1, "b": 2})
    ended.sum.data_points[1].flags = 1
    for tick in range(5):
        for point in ended.sum.data_points:
            point.time_unix_nano = T0 + tick * SECOND
        await both.give(request(ended))
    for tick in range(5):
        made = histogram("h", [({"user": "a"}, [tick, 2 * tick, 5], float(tick))])
        made.histogram.data_points[0].time_unix_nano += tick
        await both.give(request(made, counters({"a": tick}, tick)))


async def test_metrics_that_are_not_chosen_pass_as_they_are():
    both = Both(
        ("cumulativetodelta", "initial_value: drop\ninclude: {metrics: ['^s'], match_type: regexp}"), TO_CUMULATIVE
    )
    for tick in range(6):
        others = [counters({"a": tick}, tick, name="other"), number_metric("gauge", "s", [({}, tick)])]
        left, planned = await both.give(request(counters({"a": 1}, tick, name="s") if tick < 2 else others[0], *others))
    assert planned == 3
    assert left is not None


@pytest.mark.parametrize("length", ["1s", "250ms", "7s", "1h", "0s", "1ns", "-1s", "13h"])
async def test_times_set_by_rule(length):
    of_start = TRUNCATE.format("start_time", "3s") + ' where metric.name == "calls"'
    statements = f"metric_statements: ['{TRUNCATE.format('time', length)}', '{of_start}']"
    both = Both(("transform", statements), DROP_USER, ADD_UP)
    rng = random.Random(3)
    for tick in range(6):
        message = request(counters({"a": 1, "b": 2}, tick), counters({"a": 1, "b": 2}, tick, name="other"))
        for point in points(message):
            point.time_unix_nano += rng.randint(0, 1) * SECOND // 3
        left, _ = await both.give(message)
    assert left is not None
    assert both.on.planned or length in ("250ms", "0s", "1ns", "-1s")  # there, points that would merge have two times


async def test_a_time_that_would_get_a_field_is_set_point_by_point():
    both = Both(("transform", "metric_statements: ['set(datapoint.start_time, datapoint.time)']"))
    for tick in range(5):
        assert (await both.give(request(counters({"a": 1}, tick, start=0))))[1] == 0


@pytest.mark.parametrize(
    "statements",
    [
        ["set(datapoint.time, TruncateTime(Now(), Duration(\"1s\")))"],
        ["set(datapoint.time, datapoint.start_time) where datapoint.time_unix_nano > 5"],
        ["set(datapoint.attributes[\"at\"], UnixNano(datapoint.time))"],
    ],
)  # fmt: skip
def test_other_statements_about_times_are_run(statements):
    both = Both(("transform", "metric_statements: [" + ", ".join(f"'{one}'" for one in statements) + "]"))
    assert not both.on.stages[0].work.plannable


def test_times_set_behind_a_merge_are_run():
    group = "{context: metric, statements: ['aggregate_on_attributes(\"sum\")']}"
    both = Both(
        ("transform", f"metric_statements: [{group}, {{statements: ['set(datapoint.time, datapoint.start_time)']}}]")
    )
    assert not both.on.stages[0].work.plannable


async def test_modelled_processes_are_rolled_up_by_plan():
    load = Load(read_model({"model": "M2", "size": "S", "hosts": 1}), seed=3, interval_s=1.0)
    load.start(T0)
    both = Both(*ROLLUP)
    for tick in range(6):
        for payload in load.tick(T0 + tick * SECOND):
            left, planned = await both.give(bytes(payload.data))
            assert left is not None
            assert tick < 3 or planned == payload.points


async def test_processes_that_come_and_go_are_rolled_up_by_plan():
    churn = {"every": "1s", "fraction": 0.1}
    load = Load(read_model({"model": "M2", "size": "S", "hosts": 1, "churn": churn}), seed=3, interval_s=1.0)
    load.start(T0)
    both = Both(*ROLLUP, by_series=True)
    planned = []
    for tick in range(8):
        (payload,) = load.tick(T0 + tick * SECOND)
        planned.append((await both.give(bytes(payload.data)))[1] == payload.points)
    assert planned[4:] == [True] * 4


async def test_streams_known_by_their_rows_get_stale_too():
    clock, both = clocked(("cumulativetodelta", "initial_value: drop\nmax_staleness: 10s"), by_series=True)
    for tick in range(30):
        clock.now_s += 1 if tick != 20 else 30
        series = {"a": 3 * tick, "b": tick} | ({f"c{tick}": 1} if tick % 3 else {})
        left, _ = await both.give(request(counters(series, int(clock.now_s - T0 / 1e9))))
        assert (left is None) == (tick in (0, 20))


SERIES = st.dictionaries(st.sampled_from("abcd"), st.integers(0, 3), min_size=1, max_size=4)


@given(
    ticks=st.lists(SERIES, min_size=4, max_size=9),
    repeat=st.integers(1, 4),
    chain=st.sampled_from([[TO_DELTA], [TO_DELTA, TO_CUMULATIVE], ROLLUP, [("cumulativetodelta", ""), TRUNCATED]]),
    floats=st.booleans(),
    by_series=st.booleans(),
    seed=st.integers(0, 99),
)
@settings(max_examples=70, deadline=None)
async def test_any_series_over_time(ticks, repeat, chain, floats, by_series, seed):
    rng = random.Random(seed)
    both = Both(*chain, by_series=by_series)
    totals = dict.fromkeys("abcd", 0)
    for tick in range(len(ticks) * repeat):
        message = ExportMetricsServiceRequest()
        present = ticks[tick // repeat]
        for place, (name, grown) in enumerate(present.items()):
            totals[name] = 0 if rng.random() < 0.1 else totals[name] + grown
            value = totals[name] + 0.5 if floats else totals[name]
            when = tick - 1 if rng.random() < 0.1 else tick
            start = T0 + SECOND * (tick // 5) if rng.random() < 0.1 else T0 - SECOND
            add_resource(
                message, counters({name: value}, when, start=start),
                counters({name: value}, when, start=start, temporality=DELTA, name="deltas"),
                resource={"pod": name, "app": place % 2},
            )  # fmt: skip
        await both.give(message)


@pytest.mark.parametrize("by_series", [False, True])
@pytest.mark.parametrize("chain", [[TO_DELTA], [TO_CUMULATIVE], [DROP_USER], [DROP_USER, ("groupbyattrs", "")]])
async def test_resources_and_scopes_without_anything(chain, by_series):
    both = Both(*chain, by_series=by_series)
    for tick in range(6):
        message = request(counters({"a": tick, "b": 1}, tick))
        message.resource_metrics.add().schema_url = "s"
        message.resource_metrics[0].scope_metrics.add().scope.name = "empty"
        await both.give(message)
