"""Plans give, byte for byte, what the processors give; and where they cannot, the processors run."""

import random
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from phoenix.engine.plan.shape import Shapes, read
from phoenix.loadmodel.emitter import Emitter
from phoenix.loadmodel.load import Load
from tests.unit.engine.otlp import DELTA, T0, add_resource, histogram, number_metric, request
from tests.unit.engine.plan.harness import Both, Run

DROP_USER = ("attributes", "actions: [{key: user, action: delete}]")
ADD_UP = ("transform", "metric_statements: [{context: metric, statements: ['aggregate_on_attributes(\"sum\")']}]")
CALLS = 'where metric.name == "calls"'
SECOND = 10**9


def later(message, ticks, rng):
    """The same series `ticks` seconds later with other values."""
    copy = ExportMetricsServiceRequest.FromString(message.SerializeToString())
    for point in points(copy):
        point.time_unix_nano += ticks * SECOND
        if hasattr(point, "as_int") and point.WhichOneof("value") == "as_int":
            point.as_int = rng.randint(-(2**40), 2**40)
        elif hasattr(point, "as_double"):
            point.as_double = rng.uniform(-1e6, 1e6)
        else:
            point.bucket_counts[:] = [rng.randint(1, 10**6) for _ in point.bucket_counts]
            point.count, point.sum = sum(point.bucket_counts), rng.uniform(0, 1e6)
            if point.HasField("min"):
                point.min, point.max = rng.uniform(0, 1), rng.uniform(2, 9)
    return copy


def points(message):
    for rm in message.resource_metrics:
        for sm in rm.scope_metrics:
            for metric in sm.metrics:
                yield from getattr(metric, metric.WhichOneof("data")).data_points


def users(kind="sum", count=4, **options):
    made = [({"user": f"u{number}", "route": f"/{number % 2}"}, 10 + number) for number in range(count)]
    return number_metric(kind, "calls", made, **options)


async def run_ticks(both, message, ticks=5):
    """Points planned at each tick."""
    rng = random.Random(7)
    return [(await both.give(later(message, tick, rng)))[1] for tick in range(ticks)]


async def test_the_third_payload_of_a_shape_goes_by_plan():
    assert await run_ticks(Both(DROP_USER, ADD_UP), request(users())) == [0, 0, 4, 4, 4]


class Watched:
    """A segment; where it works, and, if it is `lost`, without plan whatever it is given."""

    def __init__(self, segment, *, lost):
        self.segment, self.lost, self.inline = segment, lost, []

    def do(self, metrics):
        self.inline.append(threading.current_thread() is threading.main_thread())
        left, planned = self.segment.do(metrics)
        return left, planned and not self.lost


@pytest.mark.parametrize("lost", [False, True], ids=["all by plan", "the second never"])
async def test_large_requests_stay_on_the_loop_only_where_all_of_the_way_is_by_plan(monkeypatch, lost):
    monkeypatch.setattr("phoenix.engine.plan.run._INLINE_POINTS", 0)
    run = Run([DROP_USER], plan=True)
    (first,) = run.run._segments
    # NB: behind it a segment that keeps what it knows elsewhere, so that shapes tell it apart.
    (other,) = Run([ADD_UP], plan=True).run._segments
    run.run._segments = [first, second := Watched(other, lost=lost)]
    for tick in range(6):
        await run.give(later(request(users()), tick, random.Random(tick)).SerializeToString())
    assert second.inline[:3] == [False] * 3
    assert second.inline[-1] is not lost


@pytest.mark.parametrize("size", ["S", "M"])
async def test_modelled_load_is_cut_as_ever(size):
    route = 'replace_pattern(datapoint.attributes["http.route"], "/[0-9]+", "/{id}")'
    both = Both(
        ("transform", f"metric_statements: [{{context: datapoint, statements: ['{route}']}}]"),
        ("attributes", "actions: [{key: user.id, action: delete}]"),
        ADD_UP,
    )
    load = Load(Emitter.from_json({"model": "M1", "size": size, "services": 2}), seed=3, interval_s=1.0)
    load.start(T0)
    planned = 0
    for tick in range(4):
        for payload in load.tick(T0 + tick * SECOND):
            left, by_plan = await both.give(bytes(payload.data))
            assert len(left) < len(payload.data)
            planned += by_plan
    assert planned == 2 * load.points


async def test_histograms_with_least_and_greatest_and_doubles_that_must_be_added_in_order():
    metric = histogram("h", [({"user": str(n), "route": "a"}, [1, n, 2], 0.1 * n) for n in range(1, 12)])
    for point in metric.histogram.data_points:
        point.min, point.max = 0.5, 7.0
    floats = number_metric("sum", "f", [({"user": str(n)}, 0.1 * n + 1e15 * (n % 3)) for n in range(40)])
    assert (await run_ticks(Both(DROP_USER, ADD_UP), request(metric, floats)))[-1] == 51


@pytest.mark.parametrize(
    "processors",
    [
        [("filter", "metrics: {datapoint: ['attributes[\"route\"] == \"/0\"']}"), DROP_USER, ADD_UP],
        [("filter", "metrics: {metric: ['name == \"calls\"']}")],
        [("resource", "attributes: [{key: pod, action: delete}, {key: new, value: 1, action: insert}]")],
        [("resource", "attributes: [{key: pod, action: delete}]"), ("groupbyattrs", ""), DROP_USER, ADD_UP],
        [("groupbyattrs", "keys: [route]"), DROP_USER],
        [("transform", "metric_statements: ['set(resource.attributes[\"r\"], datapoint.attributes[\"route\"])']")],
        [("transform", f"metric_statements: ['copy_metric(name=\"again\") {CALLS}']"), DROP_USER],
        [("transform", f"metric_statements: ['convert_sum_to_gauge() {CALLS}']"), DROP_USER, ADD_UP],
    ],
    ids=["points", "all", "resource", "compact", "regroup", "upward", "copies", "convert"],
)  # fmt: skip
async def test_processors_that_drop_move_and_copy(processors):
    message = request(users(), number_metric("gauge", "g", [({"user": "x", "route": "/0"}, 1.5)]), resource={"pod": 1})
    add_resource(message, users(), resource={"pod": 2})
    assert (await run_ticks(Both(*processors), message))[-1] == 9


async def test_a_payload_in_which_everything_is_dropped():
    both = Both(("filter", "metrics: {metric: ['name == \"calls\"']}"))
    assert await run_ticks(both, request(users())) == [0, 0, 4, 4, 4]
    assert (await both.give(request(users())))[0] is None


async def test_points_of_unequal_times_go_the_ordinary_way_and_come_back():
    both = Both(DROP_USER, ADD_UP)
    message = request(users())
    await run_ticks(both, message)
    uneven = later(message, 9, random.Random(1))
    next(iter(points(uneven))).time_unix_nano += 1
    left, planned = await both.give(uneven)
    assert planned == 0
    assert len(list(points(ExportMetricsServiceRequest.FromString(left)))) == 3
    assert (await both.give(later(message, 10, random.Random(2))))[1] == 4


async def test_deltas_merge_only_with_one_start():
    both = Both(DROP_USER, ADD_UP)
    message = request(users(temporality=DELTA))
    assert (await run_ticks(both, message))[-1] == 4
    uneven = later(message, 9, random.Random(1))
    next(iter(points(uneven))).start_time_unix_nano += 1
    assert (await both.give(uneven))[1] == 0


async def test_the_earliest_start_of_cumulative_points_is_kept_when_starts_change():
    both = Both(DROP_USER, ADD_UP)
    message = request(users())
    await run_ticks(both, message)
    for number, point in enumerate(points(message)):
        point.start_time_unix_nano = T0 - 100 * number - 7
    assert (await both.give(message))[1] == 4


async def test_new_series_are_seen_and_learned_in_their_turn():
    both = Both(DROP_USER, ADD_UP)
    assert (await run_ticks(both, request(users(count=4))))[-1] == 4
    assert await run_ticks(both, request(users(count=5))) == [0, 0, 5, 5, 5]
    assert (await run_ticks(both, request(users(count=4))))[-1] == 4


async def test_another_value_of_an_attribute_is_another_shape_though_lengths_are_equal():
    both = Both(DROP_USER, ADD_UP)
    await run_ticks(both, request(users()))
    other = request(number_metric("sum", "calls", [({"user": f"u{n}", "route": f"/{1 - n % 2}"}, n) for n in range(4)]))
    assert (await both.give(other))[1] == 0


@pytest.mark.parametrize(
    "statement",
    [
        "set(datapoint.attributes[\"v\"], \"big\") where datapoint.value_int > 100",
        "set(datapoint.attributes[\"t\"], datapoint.time_unix_nano)",
        "set(datapoint.time, Now())",
        "set(datapoint.value_int, 0)",
    ],
)  # fmt: skip
def test_statements_about_values_and_times_do_not_decide_by_identity(statement):
    both = Both(("transform", f"metric_statements: ['{statement}']"))
    assert not both.on.stages[0].work.plannable


@pytest.mark.parametrize("how", ["max", "min", "mean", "count"])
async def test_other_ways_to_aggregate_than_adding_up_are_done_each_time(how):
    aggregate = f"metric_statements: [{{context: metric, statements: ['aggregate_on_attributes(\"{how}\")']}}]"
    assert await run_ticks(Both(DROP_USER, ("transform", aggregate)), request(users())) == [0] * 5


async def test_scaling_is_done_each_time():
    scale = "metric_statements: [{context: metric, statements: ['scale_metric(10.0)']}]"
    both = Both(("transform", scale))
    assert not both.on.stages[0].work.plannable


async def test_exemplars_go_the_ordinary_way():
    metric = users()
    metric.sum.data_points[0].exemplars.add(as_int=1, time_unix_nano=T0)
    assert await run_ticks(Both(DROP_USER, ADD_UP), request(metric)) == [0] * 5


async def test_a_failing_statement_refuses_every_payload():
    statement = 'set(datapoint.attributes["n"], Split(datapoint.attributes["none"], ","))'
    bad = f"error_mode: propagate\nmetric_statements: ['{statement}']"
    both = Both(("transform", bad))
    for tick in range(4):
        left, planned = await both.give(later(request(users()), tick, random.Random(1)))
        assert isinstance(left, str)
        assert not planned


ATTRIBUTES = st.dictionaries(
    st.sampled_from(["user", "route", "k"]), st.sampled_from(["a", "bb", 3, True, ""]), max_size=3
)
VALUES = st.one_of(st.integers(0, 9), st.floats(-10, 10, width=32))
METRICS = st.one_of(
    st.builds(
        number_metric, st.sampled_from(["sum", "gauge"]), st.sampled_from(["m", "n"]),
        st.lists(st.tuples(ATTRIBUTES, VALUES), max_size=6),
    ),
    st.builds(
        histogram, st.sampled_from(["m", "h"]),
        st.lists(st.tuples(ATTRIBUTES, st.tuples(*[st.integers(0, 5)] * 3), st.floats(0, 10)), max_size=5),
    ),
)  # fmt: skip
PROCESSORS = st.lists(
    st.sampled_from(
        [
            DROP_USER,
            ADD_UP,
            ("attributes", "actions: [{key: route, value: all, action: upsert}]"),
            ("attributes", "actions: [{key: k, action: hash}]"),
            ("filter", 'metrics: {datapoint: [\'attributes["k"] == "bb"\']}'),
            ("filter", "metrics: {metric: ['name == \"n\"']}"),
            ("resource", "attributes: [{key: pod, action: delete}]"),
            ("groupbyattrs", "keys: [k]"),
            ("groupbyattrs", ""),
            ("transform", 'metric_statements: [\'set(metric.name, "m") where metric.name == "h"\']'),
            ("transform", "metric_statements: ['keep_keys(datapoint.attributes, [\"route\"])']"),
        ]
    ),
    min_size=1,
    max_size=4,
)


@given(
    metrics=st.lists(st.lists(METRICS, min_size=1, max_size=3), min_size=1, max_size=3),
    processors=PROCESSORS,
    seed=st.integers(0, 1000),
)
@settings(max_examples=150, deadline=None)
async def test_any_pipeline_over_any_payloads(metrics, processors, seed):
    rng = random.Random(seed)
    message = ExportMetricsServiceRequest()
    for place, of_resource in enumerate(metrics):
        add_resource(message, *of_resource, resource={"pod": place})
    both = Both(*processors)
    for tick in range(5):
        sent = later(message, tick, rng)
        if tick == 3 and (some := list(points(sent))):
            rng.choice(some).time_unix_nano += rng.randint(0, 1)
        await both.give(sent)


def test_shapes_are_bounded_and_learned_ever_more_rarely():
    payloads = [request(number_metric("sum", "m", [({"n": 10**6 + n}, n)])).SerializeToString() for n in range(500)]
    assert len({len(payload) for payload in payloads}) == 1
    shapes = Shapes(max_bytes=100_000)
    assert [shapes.find(payload) for payload in payloads].count(None) > 480
    steady = Shapes(max_bytes=20 * len(payloads[0]))
    for number in range(100):
        resource = request(number_metric("sum", "m", [({}, 1)]), resource={"pod": number}).SerializeToString()
        for _ in range(3):
            steady.find(resource)
    assert steady._bytes <= 20 * len(payloads[0])


@given(st.binary(max_size=60))
def test_bytes_that_are_no_request_have_no_shape(data):
    shapes = Shapes()
    for _ in range(3):
        shapes.find(data)
    assert read(b"") is None
