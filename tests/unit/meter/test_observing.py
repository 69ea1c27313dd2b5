"""What a Prometheus is asked about a variant that runs elsewhere: PromQL that can be read, about its series alone."""

from __future__ import annotations

import pytest

from phoenix.meter import observing
from phoenix.meter.observation import read_observation
from phoenix.meter.observing import Questions, Span
from phoenix.meter.queries import AskedQuery
from phoenix.prometheus.errors import Unreachable
from phoenix.promql.syntax import Matcher, parse, selectors
from phoenix.promql.vectors import Labels, vector_of

OURS = (Matcher("job", "=", "old"),)
SPAN = Span(10_000, 12_000, 1)


def test_every_question_is_promql_about_the_variant_over_the_span() -> None:
    texts = [
        observing.series_by_metric(OURS, SPAN),
        observing.series(OURS, SPAN),
        *observing.samples_by_metric(OURS, SPAN, ["a", "b:c", "ü"]),
        observing.without_label(OURS, SPAN, ["h_bucket", "h_count"], ["le", "x"]),
        observing.values_of_labels(OURS, SPAN, "a", ["x"]),
        observing.live({"service": "x"}, OURS, SPAN),
    ]
    for text in texts:
        for part in selectors(parse(text)):
            assert OURS[0] in part.matchers, text
            assert part.range_ms == 1999, text
    assert texts[0] == 'count by (__name__) (last_over_time({job="old"}[1999ms]))'
    assert SPAN.at_ms == 11_999


def test_many_metrics_are_asked_about_in_several_queries() -> None:
    assert len(list(observing.samples_by_metric(OURS, SPAN, [f"m{at}" for at in range(101)]))) == 3


def test_parts_of_a_histogram_are_one_family() -> None:
    names = {"h_bucket": 1.0, "h_count": 1, "h_sum": 1, "s": 1, "s_count": 1, "s_sum": 1, "x_count": 1, "y_sum": 1}
    assert observing.families(names) == {
        "h": ["h_bucket", "h_count", "h_sum"], "s": ["s", "s_count", "s_sum"],
        "x_count": ["x_count"], "y_sum": ["y_sum"],
    }  # fmt: skip


def test_recorded_series_are_written_out_and_what_cannot_be_is_a_fault() -> None:
    asked = [
        AskedQuery("r", parse("sum by (x) (a)"), "x:a"),
        AskedQuery("l", parse("x:a > 1")),
        AskedQuery("m", parse('x:a{x="1"}')),
    ]
    questions = Questions(asked, 1000)
    assert dict(questions.put(OURS, 1999))["l"] == '(sum by (x) (last_over_time(a{job="old"}[1999ms]))) > (1.0)'
    assert "write out what x:a records" in questions.faults["m"]


def test_series_that_several_rules_record_under_one_name_are_those_of_all_of_them() -> None:
    asked = [
        AskedQuery("r1", parse("sum(a)"), "x:a", {"of": "a"}),
        AskedQuery("r2", parse("sum(b)"), "x:a", {"of": "b"}),
        AskedQuery("l", parse("max(x:a)")),
    ]
    text = dict(Questions(asked, 1000).put(OURS, 1999))["l"]
    assert parse(text) == parse(
        'max(label_replace(sum(last_over_time(a{job="old"}[1999ms])), "of", "a", "", "") or '
        'label_replace(sum(last_over_time(b{job="old"}[1999ms])), "of", "b", "", ""))'
    )


def test_ignored_labels_are_left_out_unless_series_then_are_the_same() -> None:
    vector = vector_of([(Labels({"job": "old", "a": "1"}), 1.0), (Labels({"job": "old", "a": "2"}), 2.0)])
    found, problem = observing.without(vector, frozenset({"job"}))
    assert ([one.map for one in found.labels], problem) == ([{"a": "1"}, {"a": "2"}], "")
    found, problem = observing.without(vector, frozenset({"job", "a"}))
    assert len(found.labels) == 0
    assert problem == "its answers differ in nothing but ignored labels: a, job"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"url": "http://u:p@x"}, "must not hold credentials"),
        ({"selectors": {}}, "want an object with url, selectors"),
        ({"selectors": {"a": "x[5m]"}}, "want label matchers alone"),
        ({"fromUnixNano": None}, "as integers"),
    ],
)
def test_a_fault_of_the_configuration_is_said(change: dict[str, object], says: str) -> None:
    wire: dict[str, object] = {
        "url": "http://x:9090", "selectors": {"a": '{job="old"}'}, "ignoreLabels": ["instance"],
        "fromUnixNano": 0, "toUnixNano": 10, "lagNano": 0,
    }  # fmt: skip
    read = read_observation(wire, window_ns=2, queries=(), critical={})
    assert read.ignored == {"job", "instance"}
    with pytest.raises(ValueError, match=says):
        read_observation({**wire, **change}, window_ns=2, queries=(), critical={})


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_count_that_is_no_number_is_what_answered_at_fault(value: float) -> None:
    assert observing.whole(3.0) == 3
    with pytest.raises(Unreachable, match="is no Prometheus"):
        observing.whole(value)
