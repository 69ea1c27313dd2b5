"""Who answers a run's queries: chosen by what they are and what the hosts have."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from controllers.experiment.queryengine import judged_analysis
from controllers.experiment.resolve import Resolution, Unresolved, resolve_experiment
from phoenix.analysis.queries import metered, outside_subset, queries_of
from phoenix.api.analysis import Analysis, QueryEngine
from phoenix.api.experiment import Experiment
from tests.unit.controllers.test_resolve import CATALOGUE, HOST, config, experiment

WITH = replace(
    CATALOGUE, hosts=[HOST.model_copy(update={"status": HOST.status.model_copy(update={"prometheus": "2.42.0"})})]
)
INSIDE, OUTSIDE = "sum(rate(x_total[5s]))", "sum(rate(x_total[5s])) + 0 * scalar(hour())"


def asking(query: str, engine: str = "Auto") -> Experiment:
    made = experiment(config(), "Replace")
    analysis = Analysis.from_wire({"signals": [{"name": "s", "query": query}], "queryEngine": engine})
    return made.model_copy(update={"spec": made.spec.model_copy(update={"analysis": analysis})})


def chosen(found: Resolution) -> QueryEngine:
    return found.query_engine


@pytest.mark.parametrize(
    ("query", "wanted", "catalogue", "engine"),
    [
        (INSIDE, "Auto", WITH, QueryEngine.EMBEDDED),
        (OUTSIDE, "Auto", WITH, QueryEngine.PROMETHEUS),
        (INSIDE, "Auto", CATALOGUE, QueryEngine.EMBEDDED),
        (INSIDE, "Prometheus", WITH, QueryEngine.PROMETHEUS),
        (INSIDE, "Embedded", WITH, QueryEngine.EMBEDDED),
    ],
)
def test_prometheus_answers_where_it_is_asked_for_or_needed(
    query: str, wanted: str, catalogue: Any, engine: QueryEngine
) -> None:
    made = asking(query, wanted)
    found = resolve_experiment(made, catalogue)
    assert chosen(found) is engine
    made.status.resolved = found.to_status()
    assert judged_analysis(made).query_engine is engine


@pytest.mark.parametrize(
    ("query", "wanted", "catalogue", "reason"),
    [
        (OUTSIDE, "Auto", CATALOGUE, "InvalidSignal"),
        (OUTSIDE, "Embedded", WITH, "InvalidSignal"),
        (INSIDE, "Prometheus", CATALOGUE, "PrometheusNotFound"),
        ("sum(", "Prometheus", WITH, "InvalidSignal"),
        ("x[5m]", "Prometheus", WITH, "InvalidSignal"),
    ],
)
def test_what_nobody_can_answer_does_not_start(query: str, wanted: str, catalogue: Any, reason: str) -> None:
    with pytest.raises(Unresolved) as refused:
        resolve_experiment(asking(query, wanted), catalogue)
    assert refused.value.reason == reason


def test_with_a_real_prometheus_queries_are_asked_as_they_are_written() -> None:
    board = '{"panels": [{"title": "P", "targets": [{"refId": "A", "expr": "day_of_week(x) + y"}]}]}'
    analysis = Analysis.from_wire({"dashboards": [{"name": "d", "content": board}]})
    assert [query.query for query in queries_of(analysis, 1.0)] == ["x", "y"]
    assert outside_subset(analysis, 1.0) == ["d/P/A", "d/P/A#2"]
    whole = analysis.model_copy(update={"query_engine": QueryEngine.PROMETHEUS})
    (query,) = queries_of(whole, 1.0)
    assert (query.query, query.stands_for, query.fault) == ("day_of_week(x) + y", "", "")
    signals, queries = metered(asking("sum(x)", "Prometheus").spec.analysis, 1.0)
    assert (signals, [query.name for query in queries]) == ([], ["s"])
