"""Plans by series give, byte for byte, what the processors give, however series come and go."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from phoenix.engine.plan import shape
from phoenix.engine.plan.rows import Series
from phoenix.loadmodel.load import Load
from phoenix.loadmodel.profile import read_model
from tests.unit.engine.otlp import CUMULATIVE, DELTA, T0, add_resource, histogram, number_metric, request
from tests.unit.engine.plan.harness import Both
from tests.unit.engine.plan.test_plan import ADD_UP, CALLS, DROP_USER, later, users
from tests.unit.engine.plan.test_streams import SECOND, TRUNCATED

ROUTE = ("transform", 'metric_statements: [\'replace_pattern(datapoint.attributes["route"], "/[0-9]+", "/{id}")\']')
NO_POD = ("resource", "attributes: [{key: pod, action: delete}]")
SOME = ("filter", 'metrics: {datapoint: [\'attributes["route"] == "/1"\']}')
COMPACT = ("groupbyattrs", "")
NO_PID = ("resource", "attributes: [{key: process.pid, action: delete}]")
BY = "metric_statements: [{{context: metric, statements: ['aggregate_on_attributes(\"sum\"{})']}}]"
SUM_BY_ROUTE = ("transform", BY.format(', ["route"]'))
SUM_OF_H = ("transform", 'metric_statements: [\'aggregate_on_attributes("sum") where metric.name == "h"\']')


@pytest.fixture(autouse=True, scope="module")
def _soon():
    """A few unknown payloads are often enough here."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(shape, "_OFTEN", 3)
        yield


def some_users(rng, most=12, **options):
    """Points of some of the users, in any order."""
    chosen = rng.sample(range(most), rng.randint(1, most))
    made = [({"user": f"u{n}", "route": f"/{n % 3}"}, rng.randint(0, 99)) for n in chosen]
    return number_metric("sum", "calls", made, **options)


async def test_series_that_come_and_go_are_planned_once_they_are_known():
    both, rng = Both(DROP_USER, ADD_UP, by_series=True), random.Random(1)
    await both.give(request(users(count=12)))
    for _ in range(20):
        message = request(some_users(rng))
        assert (await both.give(message))[1] == len(
            message.resource_metrics[0].scope_metrics[0].metrics[0].sum.data_points
        )


async def test_a_payload_of_new_series_alone_goes_the_ordinary_way_while_they_are_learned():
    both = Both(DROP_USER, by_series=True)
    assert [(await both.give(request(users(count=400))))[1] for _ in range(3)] == [0, 400, 400]
    assert (await both.give(request(users(count=440))))[1] == 440


async def test_results_are_compared_before_they_are_believed():
    both = Both(DROP_USER, ADD_UP)
    rng = random.Random(5)
    planned = [(await both.give(request(some_users(rng))))[1] for _ in range(30)]
    assert not any(planned[:3])
    assert all(planned[12:])


async def test_a_result_that_was_not_the_processors_turns_them_off():
    both = Both(DROP_USER, ADD_UP)
    plans = both.on.run._segments[0]._by_series
    plans.compare((b"", (1,)), (b"x", (1,)))
    assert plans.plan(request(users()).SerializeToString()) is None
    await both.give(request(users()))


async def test_once_given_up_shapes_are_planned_again():
    both, rng = Both(DROP_USER, ADD_UP), random.Random(5)
    plans = both.on.run._segments[0]._by_series
    for _ in range(30):
        await both.give(request(some_users(rng)))
    assert plans.believed
    plans.compare((b"", (1,)), (b"x", (1,)))
    assert [(await both.give(request(users(count=50))))[1] for _ in range(6)][-1] == 50


async def test_what_cannot_be_put_together_by_series_is_planned_by_its_shape():
    """Metrics that become one, of which one's points were to merge and the other's not."""
    described = 'aggregate_on_attributes("sum") where metric.description == "a"'
    both, rng = Both(DROP_USER, COMPACT, ("transform", f"metric_statements: ['{described}']")), random.Random(5)
    for _ in range(12):
        await both.give(request(some_users(rng)))
    assert both.on.run._segments[0]._by_series.believed
    message = request(users())
    add_resource(message, users())
    for resource, description in zip(message.resource_metrics, "ab", strict=True):
        resource.scope_metrics[0].metrics[0].description = description
    assert [(await both.give(later(message, tick, rng)))[1] for tick in range(6)][-1] == 8


@pytest.mark.parametrize(
    "processors",
    [
        [SOME, DROP_USER, ADD_UP],
        [("filter", "metrics: {metric: ['name == \"calls\"']}")],
        [NO_POD, COMPACT, DROP_USER],
        [NO_POD, DROP_USER, COMPACT, ADD_UP],
        [ROUTE, TRUNCATED, COMPACT, ADD_UP],
        [TRUNCATED, DROP_USER, ADD_UP],
        [("filter", "metrics: {include: {match_type: strict, metric_names: [calls]}}"), DROP_USER],
        [("transform", f"metric_statements: ['set(metric.description, \"d\") {CALLS}']"), DROP_USER, ADD_UP],
        [SUM_OF_H],
    ],
    ids=["points", "all", "regroup", "rollup", "times", "truncate", "names", "header", "where"],
)  # fmt: skip
async def test_kinds_of_processors(processors):
    both, rng = Both(*processors, by_series=True), random.Random(2)
    planned = 0
    for tick in range(12):
        message = ExportMetricsServiceRequest()
        for pod in rng.sample(range(4), 3):
            gauge = number_metric("gauge", "g", [({"user": "x", "route": "/0"}, 1.5), ({"user": "y"}, 2)])
            marks = histogram(
                "h", [({"user": str(n), "route": "a"}, [1, n, 2], 0.5 * n) for n in range(1, rng.randint(2, 5))]
            )
            deltas = some_users(rng, temporality=DELTA, unit="1")
            add_resource(message, some_users(rng), gauge, marks, deltas, resource={"pod": pod, "app": pod % 2})
        planned += (await both.give(later(message, tick, rng)))[1]
    assert planned > 0 or processors[-1] is DROP_USER  # behind compacting: is never planned by series


@pytest.mark.parametrize(
    "processors",
    [
        [ADD_UP, DROP_USER],
        [("groupbyattrs", "keys: [route]")],
        [("transform", "metric_statements: ['set(resource.attributes[\"r\"], datapoint.attributes[\"route\"])']")],
        [("transform", "metric_statements: ['set(datapoint.cache[\"r\"], datapoint.attributes[\"route\"])']")],
        [("transform", f"metric_statements: ['copy_metric(name=\"again\") {CALLS}']")],
        [("filter", "metrics: {metric: ['HasAttrKeyOnDatapoint(\"user\")']}")],
        [SUM_BY_ROUTE],
    ],
)  # fmt: skip
def test_what_looks_beside_a_series_has_no_plans_by_series(processors):
    assert all(segment._by_series is None for segment in Both(*processors).on.run._segments)


@pytest.mark.parametrize(
    ("model", "processors"),
    [("M1", [ROUTE, DROP_USER, ADD_UP]), ("M2", [NO_PID, COMPACT, ADD_UP])],
)  # fmt: skip
async def test_modelled_churn(model, processors):
    churn = {"every": "1s", "fraction": 0.1}
    otlp = {"model": model, "size": "S", "churn": churn} | ({} if model == "M1" else {"hosts": 1})
    load = Load(read_model(otlp), seed=3, interval_s=1.0)
    load.start(T0)
    both = Both(*processors, by_series=True)
    planned = 0
    for tick in range(6):
        for payload in load.tick(T0 + tick * SECOND):
            planned += (await both.give(bytes(payload.data)))[1]
    assert planned >= 2 * load.points


async def test_beyond_so_many_series_all_are_learned_anew():
    both = Both(DROP_USER, by_series=True)
    plans = both.on.run._segments[0]._by_series
    plans._series = Series(max_series=20)
    rng = random.Random(4)
    for tick in range(30):
        made = [({"user": f"u{rng.randint(0, 5)}-{tick // 3}-{n}"}, n) for n in range(4)]
        await both.give(request(number_metric("sum", "calls", made)))
        assert plans._series.count < 30
    assert plans._series.generation


def test_resources_without_a_series_are_forgotten_too():
    series = Series(max_series=20)
    for tick in range(50):
        message = request(number_metric("sum", "calls", [({}, 1)]))
        del message.resource_metrics[0].scope_metrics[0].metrics[0].sum.data_points[:]
        message.resource_metrics[0].resource.attributes.add(key="tick").value.int_value = tick
        assert series.read(message.SerializeToString()) is None
        assert len(series._resources) <= 21


ATTRIBUTES = st.dictionaries(
    st.sampled_from(["user", "route", "k"]), st.sampled_from(["a", "bb", 3, True, ""]), max_size=3
)
NUMBERS = st.one_of(st.integers(0, 9), st.floats(-10, 10, width=32))
TEMPORALITY = st.sampled_from([CUMULATIVE, DELTA])
METRICS = st.one_of(
    st.builds(
        number_metric, st.sampled_from(["sum", "gauge"]), st.sampled_from(["m", "n"]),
        st.lists(st.tuples(ATTRIBUTES, NUMBERS), min_size=1, max_size=6),
        temporality=TEMPORALITY,
    ),
    st.builds(
        histogram, st.sampled_from(["m", "h"]),
        st.lists(st.tuples(ATTRIBUTES, st.tuples(*[st.integers(0, 5)] * 3), st.floats(0, 10)), min_size=1, max_size=5),
        temporality=TEMPORALITY, bounds=st.sampled_from([(1.0, 5.0), (1.0, 6.0)]),
    ),
)  # fmt: skip
CHANGES = st.lists(
    st.sampled_from(
        [
            DROP_USER, ROUTE, NO_POD, TRUNCATED,
            ("attributes", "actions: [{key: route, value: all, action: upsert}]"),
            ("filter", 'metrics: {datapoint: [\'attributes["k"] == "bb"\']}'),
            ("filter", "metrics: {metric: ['name == \"n\"']}"),
            ("transform", 'metric_statements: [\'set(metric.name, "m") where metric.name == "h"\']'),
            ("transform", "metric_statements: ['keep_keys(datapoint.attributes, [\"route\"])']"),
        ]
    ),
    max_size=3,
)  # fmt: skip


@given(
    pool=st.lists(st.lists(METRICS, min_size=1, max_size=3), min_size=1, max_size=4),
    changes=CHANGES,
    compact=st.booleans(),
    merge=st.booleans(),
    seed=st.integers(0, 1000),
)
@settings(max_examples=70, deadline=None)
async def test_any_pipeline_over_any_series(pool, changes, compact, merge, seed):
    processors = [*changes, *[COMPACT] * compact, *[ADD_UP] * merge] or [DROP_USER]
    both, rng = Both(*processors, by_series=True), random.Random(seed)
    for tick in range(6):
        message = ExportMetricsServiceRequest()
        for place in rng.choices(range(len(pool)), k=rng.randint(1, 4)):
            add_resource(message, *rng.sample(pool[place], rng.randint(1, len(pool[place]))), resource={"pod": place})
        for resource in message.resource_metrics:
            for metric in resource.scope_metrics[0].metrics:
                points = getattr(metric, metric.WhichOneof("data")).data_points
                for index in range(len(points) - 1, 0, -1):
                    if rng.random() < 0.2:
                        del points[index]
                for point in points:
                    point.time_unix_nano += rng.choice([0, 0, 0, 1, SECOND])
        await both.give(later(message, tick, rng))
