"""Queries of rule files and dashboards, what they need, and what becomes of those nobody can answer."""

from __future__ import annotations

import json

import pytest

from phoenix.promql.errors import PromqlError
from phoenix.promql.syntax import parse
from phoenix.promql.usage import QueryKind, dashboard_queries, needs, rule_queries

RULES = """
groups:
  - name: g
    rules:
      - {record: "a:rate", expr: "sum by (a) (rate(x_total[1m]))", labels: {team: t}}
      - {alert: High, expr: "a:rate > 5", for: 1m30s}
      - {alert: High, expr: "a:rate > 9"}
"""


def board(*exprs: str, variables: object = ()) -> str:
    panels = [{"title": "T", "targets": [{"refId": "A", "expr": expr}]} for expr in exprs]
    return json.dumps({"panels": [{"type": "row", "panels": panels}], "templating": {"list": list(variables)}})  # type: ignore[call-overload]


def test_rules_in_order_with_names_of_their_own() -> None:
    record, high, again = rule_queries("f", RULES)
    assert (record.name, record.kind, record.record) == ("f/g/a:rate", QueryKind.RECORDING, "a:rate")
    assert record.labels == (("team", "t"),)
    assert (high.name, high.kind, high.for_s) == ("f/g/High", QueryKind.ALERT, 90.0)
    assert (again.name, again.for_s) == ("f/g/High~2", 0.0)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("groups: [", "f: not YAML"),
        ("[]", "want an object"),
        ("groups: {}", "no rule file"),
        ("groups: [{name: g}]", "groups[0].rules: want a list"),
        ("groups: [{name: g, rules: [{expr: x}]}]", "groups[0].rules[0]: want exactly one of alert and record"),
        ("groups: [{name: g, rules: [{alert: A, expr: x, for: soon}]}]", "rules[0].for: want a duration"),
        ("groups: [{name: g, rules: [{record: r, expr: x, labels: [a]}]}]", "rules[0].labels: want an object"),
    ],
)
def test_a_file_that_is_none_is_refused_with_the_place(text: str, words: str) -> None:
    with pytest.raises(PromqlError) as caught:
        rule_queries("f", text)
    assert words in str(caught.value)


def test_variables_of_a_dashboard() -> None:
    made = dashboard_queries(
        "d",
        board(
            'rate(x{job="$job",env=~"${env:regex}",zone!="[[zone]]"}[$__rate_interval])',
            variables=[
                {"name": "job", "current": {"value": "web"}},
                {"name": "env", "current": {"value": "$__all"}},
                {"name": "zone", "current": "odd"},
            ],
        ),
        interval_s=1.0,
    )
    assert [query.query for query in made] == ['rate(x{job="web",env=~".*",zone=~".*"}[4000ms])']
    assert [query.name for query in made] == ["d/T/A"]


@pytest.mark.parametrize(
    "text",
    [
        "{", "[]", "{}", '{"panels": [{"targets": 3}]}', '{"panels": [{"panels": "p"}]}',
        '{"panels": [], "templating": {"list": 4}}',
    ],
)  # fmt: skip
def test_no_dashboard(text: str) -> None:
    with pytest.raises(PromqlError, match="d: no"):
        dashboard_queries("d", text, interval_s=1.0)


def test_outside_the_subset_every_series_it_reads_counts_as_used() -> None:
    made = dashboard_queries("d", board('day_of_week(x{a="1"}) + sum(rate(y_total[5m] offset 1h))'), interval_s=1.0)
    assert [(query.name, query.query) for query in made] == [("d/T/A", 'x{a="1"}'), ("d/T/A#2", "y_total")]
    assert all(query.stands_for.startswith("day_of_week") and "must be the same" in query.note for query in made)


def test_what_cannot_be_read_keeps_its_fault() -> None:
    (query,) = dashboard_queries("d", board("sum(x"), interval_s=1.0)
    assert "unclosed" in query.fault


@pytest.mark.parametrize(
    ("query", "labels"),
    [
        ("sum by (a, le) (x)", {"a"}),
        ("sum without (a) (x)", set()),
        ('x{a="1", b!="2", c="", d=~".*"}', {"a"}),
        ("x / on (a) group_left (b) y", {"a"}),
        ('sum by (n) (label_replace(x, "n", "$1", "old", "(.*)"))', {"old"}),
    ],
)
def test_labels_that_are_needed(query: str, labels: set[str]) -> None:
    assert needs(parse(query)).labels == labels
