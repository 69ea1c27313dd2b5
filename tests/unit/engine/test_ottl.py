# ruff: noqa: E501 (tables of one case a line read best)
"""OTTL: a table of expressions, conditions, statements and faults."""

import logging

import pytest

from phoenix.engine.ottl.context import Context
from phoenix.engine.ottl.errors import OttlError
from phoenix.engine.ottl.functions import FILTER, TRANSFORM
from phoenix.engine.ottl.groups import ErrorMode, Faults, compile_group, run_group
from tests.unit.engine.otlp import CUMULATIVE, T0, attributes, histogram, number_metric, request

POINT = {
    "s": "hello", "n": 5, "neg": -7, "f": 2.5, "b": True, "empty": "", "raw": b"\x01\xff", "l": ["x", "y", 3],
    "m": {"k": "v", "deep": {"d": 1}}, "route": "/users/123/orders/7", "code": "404",
}  # fmt: skip
RESOURCE = {"service.name": "cart", "host": "h1"}


def sample():
    return request(
        number_metric("sum", "requests", [(POINT, 12)], unit="1"),
        resource=RESOURCE,
    )


def faults(mode=ErrorMode.PROPAGATE):
    return Faults(mode, logging.getLogger("test"))


def compiled(statements=(), conditions=(), level=None, functions=TRANSFORM):
    problems = []
    group = compile_group(
        statements, conditions, functions, level=level,
        on_statement=lambda index, message: problems.append(message),
        on_condition=lambda index, message: problems.append(message),
    )  # fmt: skip
    assert not problems, problems
    return group


def run(*statements, level=None, conditions=(), on=None, mode=ErrorMode.PROPAGATE):
    message = on or sample()
    run_group(compiled(statements, conditions, level), message, faults(mode))
    return message


def point_attributes(message):
    metric = message.resource_metrics[0].scope_metrics[0].metrics[0]
    return attributes(getattr(metric, metric.WhichOneof("data")).data_points[0].attributes)


A = 'datapoint.attributes["{}"]'.format
S, N, F, B, L, M, X = A("s"), A("n"), A("f"), A("b"), A("l"), A("m"), A("missing")

EXPRESSIONS = [
    # literals and paths
    ("1", 1), ("-3", -3), ("+3", 3), ("1.5", 1.5), (".5", 0.5), ("1.5e3", 1500.0), ('"a\\"b"', 'a"b'), ('"a\\tb\\\\"', "a\tb\\"),
    ('"\\u00e9"', "é"), ("true", True), ("false", False), ("0x01ff", b"\x01\xff"), ("[1, 2.5, \"x\"]", [1, 2.5, "x"]),
    ('{"a": 1, "b": [true]}', {"a": 1, "b": [True]}), ("METRIC_DATA_TYPE_SUM", 2), ("AGGREGATION_TEMPORALITY_DELTA", 1),
    (S, "hello"), (N, 5), (f'{M}["k"]', "v"), (f'{M}["deep"]["d"]', 1), (f"{L}[1]", "y"), ("metric.name", "requests"),
    ("metric.unit", "1"), ("metric.type", 2), ("metric.is_monotonic", True), ("metric.aggregation_temporality", 2),
    ("scope.name", "scope"), ("instrumentation_scope.version", "1.0"), ('resource.attributes["host"]', "h1"),
    ("datapoint.value_int", 12), ("datapoint.value_double", 0.0), ("datapoint.time_unix_nano", T0),
    ("datapoint.start_time_unix_nano", T0 - 1000), ("datapoint.flags", 0), ('datapoint.attributes[Concat(["ro", "ute"], "")]', POINT["route"]),
    # math
    ("1 + 2 * 3", 7), ("(1 + 2) * 3", 9), ("7 / 2", 3), ("-7 / 2", -3), ("7.0 / 2.0", 3.5), ("1 - 2 - 3", -4), (f"{N} * 2", 10),
    ("9223372036854775807 + 1", -(2**63)), ("Double(1) + 0.5", 1.5),
    # types
    (f"IsString({S})", True), (f"IsString({N})", False), (f"IsInt({N})", True), (f"IsDouble({F})", True), (f"IsBool({B})", True),
    (f"IsMap({M})", True), (f"IsList({L})", True), (f"IsInt({X})", False), ('Int("12")', 12), ('Int("-12")', -12), ("Int(2.9)", 2), ("Int(-2.9)", -2),
    ("Int(true)", 1), ('Double("2.5")', 2.5), ("Double(2)", 2.0), ("String(2.5)", "2.5"), ("String(2.0)", "2"), ("String(1000000.0)", "1000000"),
    ("String(true)", "true"), ("String(0x01ff)", "01ff"), ("String([1, 2])", "[1,2]"), ('Bool("true")', True), ("Len([1, 2])", 2), ('Len("é")', 2),
    (f"Len({M})", 2), (f"Len({A('raw')})", 2),
    # text
    (f'Concat([{S}, {N}, {F}, {B}], "-")', "hello-5-2.5-true"), (f'Concat([{X}, "x"], "")', "<nil>x"), ('Split("a,b,,c", ",")', ["a", "b", "", "c"]),
    ('Split("a,b", ",")[1]', "b"), ('Substring("hello", 1, 3)', "ell"), ('HasPrefix("hello", "he")', True), ('HasSuffix("hello", "he")', False),
    ('TrimPrefix("v1.2", "v")', "1.2"), ('TrimSuffix("a.log", ".log")', "a"), ('Trim("  a ")', "a"), ('Trim("xax", "x")', "a"),
    ('ToUpperCase("aB")', "AB"), ('ToLowerCase("aB")', "ab"), ('ConvertCase("httpStatusCode", "snake")', "http_status_code"),
    ('ConvertCase("http_status", "camel")', "HttpStatus"), ('Format("%s-%03d", ["a", 7])', "a-007"),
    ('FNV("hello world")', 8618312879776256743), ('MD5("a")', "0cc175b9c0f1b6a831c399e269772661"),
    ('SHA256("a")', "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"), ('SHA1("a")', "86f7e437faa5a7fce15d1ddcb9eaeaea377667b8"),
    # regular expressions
    (f'IsMatch({S}, "^h.*o$")', True), (f'IsMatch({S}, "ell")', True), (f'IsMatch({N}, "^5$")', True), (f'IsMatch({X}, ".*")', False),
    (f'IsMatch({B}, "true")', True), (f'ExtractPatterns({A("route")}, "^/(?P<root>[a-z]+)/(?P<id>[0-9]+)")', {"root": "users", "id": "123"}),
    # collections
    (f"Keys({M})", ["k", "deep"]), ('Values({"a": 1})', [1]), (f'ContainsValue({L}, "y")', True), (f"ContainsValue({L}, 4)", False), (f"ContainsValue({L}, 3.0)", True),
    (f'Index({L}, "y")', 1), ('Index("hello", "l")', 2), ('Index("hello", "z")', -1), ("Sort([3, 1, 2])", [1, 2, 3]), ('Sort(["b", "a"], "desc")', ["b", "a"]),
    (f'Coalesce([{X}, "dflt"])', "dflt"), ('ParseJSON("{\\"a\\": 1}")', {"a": 1.0}), ('Sort(order="desc", target=[1, 2])', [2, 1]),
    # times
    ('Seconds(Duration("1m30s"))', 90.0), ('Milliseconds(Duration("1.5s"))', 1500), ('Nanoseconds(Duration("2us"))', 2000),
    ('UnixNano(TruncateTime(datapoint.time, Duration("1m")))', T0 // 60_000_000_000 * 60_000_000_000), ("UnixSeconds(datapoint.time)", 1_700_000_000),
    ("Nanoseconds(datapoint.time - datapoint.start_time)", 1000), ('UnixNano(datapoint.time + Duration("1ns"))', T0 + 1),
]  # fmt: skip


@pytest.mark.parametrize(("expression", "expected"), EXPRESSIONS, ids=[text for text, _ in EXPRESSIONS])
def test_an_expression_has_its_value(expression, expected):
    got = point_attributes(run(f"set({A('out')}, {expression})", on=None))["out"]
    assert got == expected
    assert type(got) is type(expected)


NOTHING = [
    "nil",
    X,
    f'{M}["nope"]',
    f'{X}["k"]',
    'Int("x")',
    'Int("1.5")',
    "datapoint.count",
    "datapoint.explicit_bounds",
]


@pytest.mark.parametrize("expression", NOTHING)
def test_setting_nil_changes_nothing(expression):
    assert "out" not in point_attributes(run(f"set({A('out')}, {expression})"))


TRUE = [
    "1 == 1.0", "1 < 1.5", "2 >= 2", '"a" < "b"', '"a" != "b"', "false < true", "true == true", "0x01 < 0x02", "nil == nil", "nil <= nil",
    f"{X} == nil", f"{S} != nil", f"nil != {S}", '1 != "1"', "true != 1", "[1, 2] == [1, 2]", "[1] != [2]", '{"a": 1} == {"a": 1}', "0x01ff == datapoint.attributes[\"raw\"]",
    "true", "not false", "not (1 == 2)", "true or false and false", "(1 == 2) or 2 == 2", "not 1 == 2 and true", "(1 + 2) * 2 == 6", "(1 + 1) == 2",
    f'IsMatch({S}, "h")', f'not IsMatch({S}, "z")', f'{S} == "hello" and {N} > 4', "metric.type == METRIC_DATA_TYPE_SUM", f"{F} > 2", f"{N} < 5.5",
    'datapoint.time > datapoint.start_time', 'Duration("1s") < Duration("1m")', f"{A('empty')} == \"\"", "\n 1\n==\n1 ",
]  # fmt: skip
FALSE = [
    "1 == 2", "nil < nil", "nil > 1", "1 < nil", "nil != nil", f"{X} < 1", f"{X} == 1", '1 == "1"', '1 < "2"', '"a" > nil', "true < false", "[1] < [2]", "[2] > [1]",
    "true == 1", "[1] == 1", "not true", "false or false", "true and false", "not (true or false)", "metric.type == \"Sum\"", f"{S} == nil", f"{A('empty')} == nil",
    'datapoint.time == 5', "not true or false", "1 > 2 and true or false",
]  # fmt: skip


@pytest.mark.parametrize(("condition", "expected"), [(c, True) for c in TRUE] + [(c, False) for c in FALSE])
def test_a_condition_holds_or_not(condition, expected):
    group = compiled(conditions=[condition], level="datapoint")
    message = run(f"set({A('out')}, true)", level="datapoint", conditions=[condition])
    assert ("out" in point_attributes(message)) is expected
    by_where = run(f"set({A('out')}, true) where {condition}", level="datapoint")
    assert ("out" in point_attributes(by_where)) is expected
    assert group.level == "datapoint"


EDITS = [
    ('delete_key(datapoint.attributes, "s")', {"s": None}),
    ('delete_key(datapoint.attributes, "nope")', {}),
    ('delete_matching_keys(datapoint.attributes, "^(s|n)$")', {"s": None, "n": None}),
    ('keep_keys(datapoint.attributes, ["s", "nope"])', {key: None for key in POINT if key != "s"}),
    ("keep_keys(datapoint.attributes, [])", dict.fromkeys(POINT)),
    ('keep_matching_keys(datapoint.attributes, "^.$")', {key: None for key in POINT if len(key) > 1}),
    (f'replace_pattern({A("route")}, "/[0-9]+(/|$)", "/{{id}}$1")', {"route": "/users/{id}/orders/{id}"}),
    (f'replace_pattern({A("route")}, "(?P<n>[0-9]+)", "<${{n}}>")', {"route": "/users/<123>/orders/<7>"}),
    (f'replace_pattern({A("route")}, "([0-9]+)", "$1x")', {"route": "/users//orders/"}),
    (f'replace_pattern({A("route")}, "([0-9]+)", "$$1")', {"route": "/users/$1/orders/$1"}),
    (f'replace_pattern({A("route")}, "([a-z]+)", "$1", ToUpperCase)', {"route": "/USERS/123/ORDERS/7"}),
    (f'replace_pattern({A("code")}, "^([1-5])[0-9][0-9]$", "${{1}}xx")', {"code": "4xx"}),
    (f'replace_pattern({N}, "5", "6")', {}),
    (f'replace_pattern({X}, "5", "6")', {}),
    ('replace_all_patterns(datapoint.attributes, "value", "^h", "H")', {"s": "Hello"}),
    ('replace_all_patterns(datapoint.attributes, "key", "^rou", "Rou")', {"route": None, "Route": POINT["route"]}),
    (f'replace_match({A("route")}, "/users/*", "/users/x")', {"route": "/users/x"}),
    (f'replace_match({A("route")}, "/users", "/users/x")', {}),
    ('replace_all_matches(datapoint.attributes, "{hello,404}", "gone")', {"s": "gone", "code": "gone"}),
    ('limit(datapoint.attributes, 2, ["code"])', {key: None for key in POINT if key not in ("code", "s")}),
    ("limit(datapoint.attributes, 99, [])", {}),
    ("truncate_all(datapoint.attributes, 4)", {"s": "hell", "route": "/use"}),
    ('merge_maps(datapoint.attributes, {"s": "new", "z": 1}, "insert")', {"z": 1}),
    ('merge_maps(datapoint.attributes, {"s": "new", "z": 1}, "update")', {"s": "new"}),
    ('merge_maps(datapoint.attributes, {"s": "new", "z": 1}, "upsert")', {"s": "new", "z": 1}),
    (f'set({M}["k"], 2)', {"m": {"k": 2, "deep": {"d": 1}}}),
    (f'set({M}["new"]["inner"], 2)', {"m": {"k": "v", "deep": {"d": 1}, "new": {"inner": 2}}}),
    ('set(datapoint.attributes, {"only": 1})', {**dict.fromkeys(POINT), "only": 1}),
    (f'delete_key({M}, "k")', {"m": {"deep": {"d": 1}}}),
    (f'set({S}, "x") where {N} == 4', {}),
    (f'set(datapoint.cache["t"], {S})', {}),
]  # fmt: skip


@pytest.mark.parametrize(("statement", "changes"), EDITS, ids=[text for text, _ in EDITS])
def test_an_editor_changes_attributes(statement, changes):
    expected = {key: value for key, value in {**POINT, **changes}.items() if value is not None}
    assert point_attributes(run(statement)) == expected


def test_statements_see_each_other_and_the_cache_is_fresh_for_each_point():
    message = request(number_metric("gauge", "g", [({"i": 0}, 1), ({"i": 1}, 2)]))
    run(
        'set(datapoint.attributes["seen"], datapoint.cache["x"])',
        'set(datapoint.cache["x"], "left over")',
        'set(datapoint.attributes["copy"], datapoint.cache["x"])',
        on=message,
    )
    points = message.resource_metrics[0].scope_metrics[0].metrics[0].gauge.data_points
    assert [attributes(point.attributes) for point in points] == [
        {"i": 0, "copy": "left over"}, {"i": 1, "copy": "left over"},
    ]  # fmt: skip


def test_metric_and_resource_fields_can_be_set():
    message = run(
        'set(metric.name, "renamed")', 'set(metric.unit, "By")', 'set(metric.description, Concat(["a", "b"], ""))',
        "set(metric.is_monotonic, false)", "set(metric.aggregation_temporality, AGGREGATION_TEMPORALITY_DELTA)",
        'set(resource.attributes["new"], metric.name)', 'set(scope.name, "other")',
    )  # fmt: skip
    resource = message.resource_metrics[0]
    metric = resource.scope_metrics[0].metrics[0]
    assert (metric.name, metric.unit, metric.description) == ("renamed", "By", "ab")
    assert (metric.sum.is_monotonic, metric.sum.aggregation_temporality) == (False, 1)
    assert attributes(resource.resource.attributes) == {**RESOURCE, "new": "renamed"}
    assert resource.scope_metrics[0].scope.name == "other"


def test_setting_a_value_changes_the_type_of_the_point():
    message = run("set(datapoint.value_double, 1.5)")
    point = message.resource_metrics[0].scope_metrics[0].metrics[0].sum.data_points[0]
    assert point.WhichOneof("value") == "as_double"
    assert point.as_double == 1.5


FAULTY = [
    ("set(", "unexpected token"), ('set(datapoint.flags, 1) when true', "unexpected token"), ("set(datapoint.flags 1)", 'expected ","'),
    ("Set(datapoint.flags, 1)", "editor names must start with a lowercase letter"), ("metric.name == 1", 'expected "("'),
    ("set(datapoint.flags, int(1))", "converter names must start with an uppercase letter"), ("nope(datapoint.flags)", 'undefined function "nope"'),
    ("set(datapoint.flags, Nope(1))", 'undefined function "Nope"'), ("set(datapoint.nope, 1)", "not a valid path"), ("set(attributes[\"a\"], 1)", "cannot infer"),
    ("set(datapoint.attributes['a'], 1)", "double quotes"), ('set(datapoint.attributes["a"], "b" + 2)', "unexpected token"), ("set(metric.type, 1)", "cannot be changed"),
    ('set(datapoint.flags, "\\d")', "unknown escape"), ('set(datapoint.flags, 1) where metric.name =~ "x"', "lexer: invalid input text"),
    ("set(datapoint.flags, 1) where metric.is_monotonic", "expected a comparison"), ('set(datapoint.flags, 1) where IsMatch(metric.name, "(?=x)")', "not valid RE2"),
    ('set(datapoint.flags, 1) where metric.name == "a" && true', "lexer: invalid input text"), ("set(datapoint.flags)", "incorrect number of arguments"),
    ("set(datapoint.flags, 1, 2)", "incorrect number of arguments"), ("set(target=datapoint.flags, wrong=1)", "no parameter"), ("set(1, datapoint.flags)", "must be a path"),
    ('delete_key(datapoint.attributes, 1)', "must be a string"), ('aggregate_on_attributes("average", ["a"]) where metric.name == "a"', "invalid aggregation function"),
    ('limit(datapoint.attributes, 1, ["a", "b"])', "priority"), ('merge_maps(datapoint.attributes, {}, "x")', "strategy"), ('set(datapoint.flags, WHATEVER)', "enum symbol"),
    ("set(datapoint.flags, 99999999999999999999)", "64-bit"), ('replace_pattern(metric.name, "[", "x")', "not valid RE2"), ("set(datapoint.flags, 1)[0]", "may be indexed"),
    ("set(datapoint.Flags, 1)", "lower case"),
]  # fmt: skip


@pytest.mark.parametrize(("statement", "message"), FAULTY, ids=[text for text, _ in FAULTY])
def test_a_faulty_statement_is_refused_before_it_runs(statement, message):
    problems = []
    group = compile_group(
        [statement], [], TRANSFORM, level=None,
        on_statement=lambda index, text: problems.append((index, text)),
        on_condition=lambda index, text: problems.append((index, text)),
    )  # fmt: skip
    assert group is None
    assert len(problems) == 1
    assert problems[0][0] == 0
    assert message in problems[0][1]


FAILING = [
    "set(datapoint.flags, 1 + 1.5)", "set(datapoint.flags, 1 / 0)", 'set(metric.name, 5)', 'set(datapoint.flags, "x")', f'set({A("o")}, Substring("a", 0, 5))',
    f'set({A("o")}, Int([1]))', f'set({A("o")}, {L}[7])', f'set({A("o")}, {L}["k"])', f'set({A("o")}, ParseJSON("nope"))', f'set({A("o")}, Duration("1d"))',
    f'delete_key({S}, "a")', f'set({A("o")}, datapoint.time)', f"set({A('o')}, Len(1))", f"set({A('o')}, 1) where Int(1)",
]  # fmt: skip


@pytest.mark.parametrize("statement", FAILING)
def test_a_failing_statement_is_skipped_or_propagated_as_the_mode_says(statement):
    after = f"set({A('after')}, true)"
    message = run(statement, after, mode=ErrorMode.IGNORE, level="datapoint")
    assert point_attributes(message)["after"] is True
    with pytest.raises(OttlError):
        run(statement, after, mode=ErrorMode.PROPAGATE, level="datapoint")


def test_the_context_is_the_narrowest_that_is_named():
    cases = {
        'set(resource.attributes["a"], 1)': "resource",
        'set(scope.name, resource.attributes["host"])': "scope",
        'set(metric.name, "x")': "metric",
        'set(resource.attributes["a"], datapoint.flags)': "datapoint",
        'aggregate_on_attributes("sum") where resource.attributes["a"] == 1': "metric",
        'convert_summary_sum_val_to_sum("delta", true) where metric.name == "a"': "datapoint",
        'set(resource.attributes["a"], 1) where METRIC_DATA_TYPE_SUM == 2': "metric",
    }
    assert {text: compiled([text]).level for text in cases} == cases


def test_metric_functions_do_not_mix_with_datapoint_paths():
    problems = []
    compile_group(
        ['set(datapoint.attributes["a"], 1)', 'aggregate_on_attributes("sum")'], [], TRANSFORM, level=None,
        on_statement=lambda index, text: problems.append(text), on_condition=lambda index, text: problems.append(text),
    )  # fmt: skip
    assert len(problems) == 1
    assert "metric context only" in problems[0]


def test_an_explicit_context_allows_bare_paths_and_wider_ones():
    message = run(
        'set(attributes["x"], metric.name)',
        'set(attributes["y"], resource.attributes["host"])',
        level="datapoint",
    )
    assert point_attributes(message)["x"] == "requests"
    assert point_attributes(message)["y"] == "h1"
    message = run('set(name, "n")', level="metric")
    assert message.resource_metrics[0].scope_metrics[0].metrics[0].name == "n"


def test_filter_converters_look_into_points():
    for condition, expected in (
        ('HasAttrKeyOnDatapoint("s")', True), ('HasAttrKeyOnDatapoint("zz")', False),
        ('HasAttrOnDatapoint("s", "hello")', True), ('HasAttrOnDatapoint("s", "x")', False),
    ):  # fmt: skip
        group = compiled(conditions=[f"{condition} and metric.name != nil"], functions=FILTER)
        context = Context()
        message = sample()
        context.enter_resource(message.resource_metrics[0])
        context.enter_scope(message.resource_metrics[0].scope_metrics[0])
        context.enter_metric(message.resource_metrics[0].scope_metrics[0].metrics[0])
        assert group.conditions[0].holds(context) is expected


def test_histogram_fields_are_readable():
    message = request(histogram("h", [({}, [1, 2, 3], 9.5)]))
    run(
        'set(datapoint.attributes["c"], datapoint.count)', 'set(datapoint.attributes["s"], datapoint.sum)',
        'set(datapoint.attributes["b"], datapoint.explicit_bounds)', 'set(datapoint.attributes["n"], Len(datapoint.bucket_counts))',
        on=message,
    )  # fmt: skip
    got = attributes(message.resource_metrics[0].scope_metrics[0].metrics[0].histogram.data_points[0].attributes)
    assert got == {"c": 6, "s": 9.5, "b": [1.0, 5.0], "n": 3}


def metrics_of(message):
    return list(message.resource_metrics[0].scope_metrics[0].metrics)


def test_metric_editors():
    message = request(
        number_metric("sum", "s", [({"a": 1}, 4)]), number_metric("gauge", "g", [({"a": 1}, 4)]),
        histogram("h", [({"a": 1}, [1, 2, 3], 9.5)]),
    )  # fmt: skip
    run(
        'convert_sum_to_gauge() where metric.name == "s"', 'convert_gauge_to_sum("delta", true) where metric.name == "g"',
        'extract_count_metric(true) where metric.name == "h"', 'extract_sum_metric(false, ".total") where metric.name == "h"',
        'copy_metric(name="copied") where metric.name == "h"', 'scale_metric(10.0, "ms") where metric.name == "h"', on=message,
    )  # fmt: skip
    by_name = {metric.name: metric for metric in metrics_of(message)}
    assert set(by_name) == {"s", "g", "h", "h_count", "h.total", "copied"}
    assert by_name["s"].gauge.data_points[0].as_int == 4
    assert by_name["g"].sum.data_points[0].as_int == 4
    assert (by_name["g"].sum.aggregation_temporality, by_name["g"].sum.is_monotonic) == (1, True)
    assert by_name["h_count"].sum.data_points[0].as_int == 6
    assert by_name["h_count"].sum.aggregation_temporality == CUMULATIVE
    assert by_name["h.total"].sum.data_points[0].as_double == 9.5
    assert by_name["copied"].histogram.data_points[0].sum == 9.5
    assert by_name["h"].histogram.data_points[0].sum == 95.0
    assert list(by_name["h"].histogram.data_points[0].explicit_bounds) == [10.0, 50.0]
    assert by_name["h"].unit == "ms"


def test_copies_of_copies_end_with_a_refusal():
    group = compile_group(
        ['copy_metric(name="b")'], [], TRANSFORM, level="metric",
        on_statement=lambda *_: None, on_condition=lambda *_: None,
    )  # fmt: skip
    with pytest.raises(OttlError, match="without end"):
        run_group(group, request(number_metric("gauge", "a", [({}, 1)])), faults(ErrorMode.IGNORE))
