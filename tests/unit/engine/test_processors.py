# ruff: noqa: E501 (tables of one case a line read best)
"""Processors on hand-made OTLP; expectations are written out, readings are naive."""

import pytest

from phoenix.engine.data import Metrics
from phoenix.engine.errors import ConsumeError
from phoenix.engine.telemetry import Telemetry
from tests.unit.engine.harness import Sink, faults, processor, through
from tests.unit.engine.otlp import DELTA, add_resource, attributes, histogram, number_metric, numbers, request

AGGREGATE = """
metric_statements:
  - context: metric
    statements: ['aggregate_on_attributes("{how}", {keys})']
"""


def cpu(kind="sum", **options):
    return number_metric(
        kind, "cpu",
        [({"state": "user", "core": 0}, 5), ({"state": "user", "core": 1}, 7), ({"state": "idle", "core": 0}, 1), ({"state": "user", "core": 2}, 1)],
        **options,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("how", "user"), [("sum", 13), ("max", 7), ("min", 1), ("mean", 4), ("median", 5), ("count", 3)]
)
async def test_aggregation_of_int_points(how, user):
    out = await through("transform", AGGREGATE.format(how=how, keys='["state"]'), request(cpu()))
    idle = 1
    assert numbers(out) == [((), "cpu", (("state", "idle"),), idle), ((), "cpu", (("state", "user"),), user)]


async def test_aggregation_of_float_points_and_all_keys_dropped():
    metric = number_metric("gauge", "g", [({"a": 1}, 1.0), ({"a": 2}, 2.0), ({"a": 3}, 6.0)])
    assert numbers(await through("transform", AGGREGATE.format(how="mean", keys="[]"), request(metric))) == [
        ((), "g", (), 3.0)
    ]
    out = await through("transform", AGGREGATE.format(how="median", keys="[]"), request(metric))
    assert numbers(out) == [((), "g", (), 2.0)]


async def test_points_of_other_times_or_attribute_types_do_not_merge():
    metric = number_metric(
        "sum", "s", [({"k": "1"}, 1), ({"k": 1}, 2), ({"k": "1"}, 4, 5), ({"k": "1"}, 8), ({"k": True}, 16)]
    )
    out = await through(
        "transform", "metric_statements: ['aggregate_on_attributes(\"sum\") where metric.name != nil']", request(metric)
    )
    values = sorted(point.as_int for point in out.resource_metrics[0].scope_metrics[0].metrics[0].sum.data_points)
    assert values == [2, 4, 9, 16]


async def test_start_times_split_deltas_only_and_the_earliest_wins():
    points = [({}, 1, 0, 100), ({}, 2, 0, 50)]
    out = await through("transform", AGGREGATE.format(how="sum", keys="[]"), request(number_metric("sum", "s", points)))
    merged = out.resource_metrics[0].scope_metrics[0].metrics[0].sum.data_points
    assert [(point.as_int, point.start_time_unix_nano) for point in merged] == [(3, 50)]
    delta = number_metric("sum", "s", points, temporality=DELTA)
    out = await through("transform", AGGREGATE.format(how="sum", keys="[]"), request(delta))
    assert len(out.resource_metrics[0].scope_metrics[0].metrics[0].sum.data_points) == 2


async def test_attribute_order_does_not_matter_for_merging():
    metric = number_metric("sum", "s", [({"a": "1", "b": "2"}, 1), ({"b": "2", "a": "1"}, 2)])
    out = await through("transform", AGGREGATE.format(how="sum", keys='["b", "a"]'), request(metric))
    assert numbers(out) == [((), "s", (("a", "1"), ("b", "2")), 3)]


async def test_histograms_add_up_bucket_by_bucket():
    metric = histogram("h", [({"u": 1}, [1, 2, 3], 9.0), ({"u": 2}, [10, 0, 0], 4.0)])
    other = histogram("h2", [({"u": 1}, [1, 1], 1.0)], bounds=(7.0,))
    other.histogram.data_points.extend(metric.histogram.data_points[:1])
    out = await through("transform", AGGREGATE.format(how="sum", keys="[]"), request(metric, other))
    first, second = out.resource_metrics[0].scope_metrics[0].metrics
    (point,) = first.histogram.data_points
    assert (list(point.bucket_counts), point.count, point.sum) == ([11, 2, 3], 16, 13.0)
    assert len(second.histogram.data_points) == 2, "other bounds do not merge"


async def test_histograms_are_summed_whatever_is_asked_for():
    metric = histogram("h", [({"u": 1}, [1, 2, 3], 9.0), ({"u": 2}, [1, 2, 3], 9.0)])
    out = await through("transform", AGGREGATE.format(how="max", keys="[]"), request(metric))
    assert len(out.resource_metrics[0].scope_metrics[0].metrics[0].histogram.data_points) == 1


async def test_aggregate_on_attribute_value_folds_listed_values():
    yaml = """
metric_statements:
  - context: metric
    statements: ['aggregate_on_attribute_value("sum", "state", ["idle", "wait"], "rest")']
"""
    metric = number_metric("sum", "s", [({"state": "idle"}, 1), ({"state": "wait"}, 2), ({"state": "user"}, 4)])
    assert numbers(await through("transform", yaml, request(metric))) == [
        ((), "s", (("state", "rest"),), 3), ((), "s", (("state", "user"),), 4),
    ]  # fmt: skip


async def test_bucket_merging():
    metric = histogram("h", [({}, [1, 2, 3, 4], 9.0)], bounds=(1.0, 2.0, 3.0))
    yaml = "metric_statements: ['merge_histogram_buckets(2.0) where metric.name != nil']"
    point = (await through("transform", yaml, request(metric))).resource_metrics[0].scope_metrics[0].metrics[0]
    point = point.histogram.data_points[0]
    assert (list(point.explicit_bounds), list(point.bucket_counts), point.count) == ([1.0, 3.0], [1, 5, 4], 10)
    yaml = "metric_statements: ['merge_histogram_buckets(2.0, method=\"limit_buckets\") where metric.name != nil']"
    point = (await through("transform", yaml, request(metric))).resource_metrics[0].scope_metrics[0].metrics[0]
    point = point.histogram.data_points[0]
    assert (list(point.explicit_bounds), list(point.bucket_counts)) == ([2.0], [3, 7])


HTTP_LEAN = r"""
error_mode: ignore
metric_statements:
  - context: datapoint
    conditions: [metric.type == METRIC_DATA_TYPE_SUM]
    statements:
      - replace_pattern(datapoint.attributes["http.route"], "/[0-9]+(/|$)", "/{id}$1")
      - >-
        set(datapoint.attributes["code"], Concat([Substring(String(datapoint.attributes["code"]), 0, 1), "xx"], ""))
        where IsMatch(datapoint.attributes["code"], "^[1-5][0-9][0-9]$")
      - delete_key(datapoint.attributes, "user.id")
  - context: metric
    statements: ['aggregate_on_attributes("sum")']
"""


async def test_a_lean_chain_keeps_totals_and_leaves_other_types_alone():
    hits = number_metric(
        "sum", "hits",
        [({"http.route": f"/u/{i}/x", "code": 200 + i % 2, "user.id": str(i)}, i) for i in range(1000)],
    )  # fmt: skip
    gauge = number_metric("gauge", "temp", [({"user.id": "1"}, 5)])
    out = await through("transform", HTTP_LEAN, request(hits, gauge, resource={"service.name": "a"}))
    assert numbers(out) == [
        ((("service.name", "a"),), "hits", (("code", "2xx"), ("http.route", "/u/{id}/x")), 499_500),
        ((("service.name", "a"),), "temp", (("user.id", "1"),), 5),
    ]


async def test_transform_error_modes():
    failing = "error_mode: {}\nmetric_statements: ['set(metric.name, 5)', 'set(metric.unit, \"u\")']"
    out = await through("transform", failing.format("ignore"), request(cpu()))
    assert out.resource_metrics[0].scope_metrics[0].metrics[0].unit == "u"
    with pytest.raises(ConsumeError) as caught:
        await through("transform", failing.format("propagate"), request(cpu()))
    assert not caught.value.retryable


@pytest.mark.parametrize(
    ("yaml", "left"),
    [
        ("metrics: {metric: ['name == \"a\"']}", {"b": [1, 2]}),
        ("metrics: {metric: ['IsMatch(name, \"^[ab]$\")']}", None),
        ("metrics: {datapoint: ['attributes[\"i\"] == 1']}", {"a": [2], "b": [2]}),
        ("metrics: {datapoint: ['value_int >= 1']}", None),
        ("metrics: {metric: ['name == \"a\"'], datapoint: ['value_int == 2']}", {"b": [1]}),
        ("metrics: {resource: ['attributes[\"h\"] == \"x\"']}", None),
        ("metrics: {resource: ['attributes[\"h\"] == \"y\"']}", {"a": [1, 2], "b": [1, 2]}),
        ("metric_conditions: ['metric.name == \"a\" and datapoint.value_int == 2']", {"a": [1], "b": [1, 2]}),
        ("metric_conditions: [{context: metric, conditions: ['name == \"b\"']}, {conditions: ['datapoint.value_int == 1']}]", {"a": [2]}),
        ("metrics: {include: {match_type: strict, metric_names: [a]}}", {"a": [1, 2]}),
        ("metrics: {exclude: {match_type: regexp, metric_names: ['^a']}}", {"b": [1, 2]}),
        ("metrics: {metric: ['HasAttrOnDatapoint(\"i\", \"\")']}", None),
    ],
)  # fmt: skip
async def test_filter_drops_what_matches(yaml, left):
    message = request(
        number_metric("sum", "a", [({"i": 1}, 1), ({"i": 2}, 2)]),
        number_metric("gauge", "b", [({"i": 1}, 1), ({"i": 2}, 2)]),
        resource={"h": "x"},
    )
    out = await through("filter", yaml, message)
    if left is None:
        assert out is None, "nothing is handed on when everything is dropped"
        return
    got = {}
    for _, name, _, value in numbers(out):
        got.setdefault(name, []).append(value)
    assert got == left


async def test_filter_counts_and_removes_empty_shells():
    telemetry, sink = Telemetry(), Sink()
    made = processor("filter", "metrics: {metric: ['name == \"a\"']}", sink, telemetry)
    message = add_resource(request(number_metric("sum", "a", [({}, 1), ({}, 2)])), number_metric("sum", "b", [({}, 1)]))
    await made.consume(Metrics.received(message.SerializeToString()))
    assert len(sink.messages[0].resource_metrics) == 1
    assert b'otelcol_processor_filter_datapoints_filtered{filter="filter"} 2' in telemetry.render()


async def test_a_failing_filter_condition_counts_as_false():
    message = request(number_metric("sum", "a", [({}, 1)]))
    yaml = "error_mode: {}\nmetrics: {{metric: ['Substring(name, 0, 9) == \"x\"']}}"
    assert await through("filter", yaml.format("ignore"), message) is not None
    with pytest.raises(ConsumeError):
        await through("filter", yaml.format("propagate"), message)


ACTIONS = [
    ("{key: new, value: 5, action: insert}", {"new": 5}), ("{key: a, value: 5, action: insert}", {}), ("{key: a, value: 5, action: update}", {"a": 5}),
    ("{key: new, value: 5, action: update}", {}), ("{key: a, value: x, action: upsert}", {"a": "x"}), ("{key: new, value: true, action: upsert}", {"new": True}),
    ("{key: new, from_attribute: a, action: insert}", {"new": "alpha"}), ("{key: new, from_attribute: zz, action: insert}", {}), ("{key: a, action: delete}", {"a": None}),
    ("{pattern: '^[an]$', action: delete}", {"a": None, "n": None}), ("{key: zz, action: delete}", {}),
    ("{key: a, action: hash}", {"a": "8ed3f6ad685b959ead7022518e1af76cd816f8e8ec7ccdda1ed4018e8f2223f8"}),
    ("{key: url, pattern: '^(?P<scheme>[a-z]+)://(?P<host>[^/]+)', action: extract}", {"scheme": "http", "host": "h:1"}),
    ("{key: n, converted_type: string, action: convert}", {"n": "7"}), ("{key: num, converted_type: int, action: convert}", {"num": 42}),
    ("{key: num, converted_type: double, action: convert}", {"num": 42.0}), ("{key: a, converted_type: int, action: convert}", {}),
    ("{key: new, value: '5', action: INSERT}", {"new": "5"}),
]  # fmt: skip
BEFORE = {"a": "alpha", "n": 7, "num": "42", "url": "http://h:1/x"}


@pytest.mark.parametrize(("action", "changes"), ACTIONS, ids=[action for action, _ in ACTIONS])
async def test_actions_on_points_and_resources(action, changes):
    expected = {key: value for key, value in {**BEFORE, **changes}.items() if value is not None}
    out = await through("attributes", f"actions: [{action}]", request(number_metric("sum", "m", [(BEFORE, 1)])))
    assert attributes(out.resource_metrics[0].scope_metrics[0].metrics[0].sum.data_points[0].attributes) == expected
    out = await through(
        "resource", f"attributes: [{action}]", request(number_metric("sum", "m", [({}, 1)]), resource=BEFORE)
    )
    assert attributes(out.resource_metrics[0].resource.attributes) == expected


async def test_attribute_actions_can_be_for_some_metrics():
    message = request(*(number_metric("sum", name, [({"k": "v"}, 1)]) for name in "abc"))
    yaml = (
        "include: {match_type: regexp, metric_names: ['[ab]']}\n"
        "exclude: {match_type: strict, metric_names: [b]}\n"
        "actions: [{key: k, action: delete}]"
    )
    out = await through("attributes", yaml, message)
    assert [(name, bool(point)) for _, name, point, _ in numbers(out)] == [("a", False), ("b", True), ("c", True)]


async def test_groupbyattrs_moves_keys_and_merges_what_became_alike():
    message = request(
        number_metric("sum", "m", [({"host": "x", "p": 1}, 1), ({"p": 2}, 2), ({"host": "y", "p": 1}, 3)]),
        resource={"r": "1"},
    )
    add_resource(message, number_metric("sum", "m", [({"host": "x", "p": 9}, 4)]), resource={"r": "1"})
    out = await through("groupbyattrs", "keys: [host]", message)
    assert numbers(out) == sorted(
        [
            ((("host", "x"), ("r", "1")), "m", (("p", 1),), 1),
            ((("r", "1"),), "m", (("p", 2),), 2),
            ((("host", "y"), ("r", "1")), "m", (("p", 1),), 3),
            ((("host", "x"), ("r", "1")), "m", (("p", 9),), 4),
        ],
        key=repr,
    )
    assert len(out.resource_metrics) == 3
    x = next(rm for rm in out.resource_metrics if attributes(rm.resource.attributes).get("host") == "x")
    assert len(x.scope_metrics) == 1
    assert len(x.scope_metrics[0].metrics) == 1


async def test_groupbyattrs_without_keys_compacts():
    message = request(number_metric("sum", "m", [({"p": 1}, 1)]), resource={"r": "1"})
    add_resource(message, number_metric("sum", "m", [({"p": 2}, 2)]), resource={"r": "1"})
    add_resource(message, number_metric("sum", "m", [({"p": 3}, 3)], monotonic=False), resource={"r": "1"})
    add_resource(message, number_metric("sum", "m", [({"p": 4}, 4)], unit="s"), resource={"r": "1"})
    out = await through("groupbyattrs", "", message)
    assert len(out.resource_metrics) == 1
    metrics = out.resource_metrics[0].scope_metrics[0].metrics
    assert [[point.as_int for point in metric.sum.data_points] for metric in metrics] == [[1, 2], [3], [4]]


BAD = [
    ("batch", "send_batch_size: 10\nsend_batch_max_size: 5", "send_batch_max_size must be greater"),
    ("batch", 'timeout: "10"', "missing unit in duration"), ("batch", "timeout: 1d", 'unknown unit "d"'), ("batch", "nope: 1", "has invalid keys: nope"),
    ("batch", "send_batch_size: many", "expected type 'int'"), ("batch", "metadata_keys: [tenant]", "engine: Otelcol"),
    ("attributes", "", "at least one action"), ("attributes", "actions: [{key: a, action: remove}]", "unsupported action"),
    ("attributes", "actions: [{action: delete}]", 'requires a "key"'), ("attributes", "actions: [{key: a, action: insert}]", "exactly one of"),
    ("attributes", "actions: [{key: a, value: 1, from_attribute: b, action: upsert}]", "exactly one of"),
    ("attributes", "actions: [{key: a, pattern: '(x)', action: extract}]", "named groups"), ("attributes", "actions: [{key: a, from_context: b, action: insert}]", "request context"),
    ("attributes", "actions: [{key: a, action: convert, converted_type: bool}]", "converted_type"), ("resource", "attributes: []", "missing required field"),
    ("filter", "metrics: {metric: ['name ==']}", "c.metrics.metric[0]"), ("filter", "metrics: {metric: ['where name == \"a\"']}", "unexpected token"),
    ("filter", "metrics: {metric: ['value > 1']}", "not a valid path"), ("filter", "metrics: {metric: ['name == \"a\"'], include: {metric_names: [a]}}", "same time"),
    ("filter", "error_mode: maybe", "is not one of"), ("filter", "metrics: {include: {match_type: expr, expressions: [x]}}", "engine: Otelcol"),
    ("filter", "traces: {span: ['true']}", "engine: Otelcol"), ("filter", "metric_conditions: ['metric.name == \"a\"', {conditions: []}]", "multiple configuration styles"),
    ("transform", "metric_statements: [{context: span, statements: []}]", "is not one of"), ("transform", "metric_statements: [{context: metric, statements: ['set(nope, 1)']}]", "statements[0]"),
    ("transform", "trace_statements: ['set(span.name, \"\")']", "engine: Otelcol"), ("groupbyattrs", "aggregation_type: sum", "invalid keys"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "yaml", "message"), BAD, ids=[f"{kind} {yaml}" for kind, yaml, _ in BAD])
def test_a_bad_configuration_is_a_finding(kind, yaml, message):
    found = faults(kind, yaml)
    assert any(message in text for text in found), found
