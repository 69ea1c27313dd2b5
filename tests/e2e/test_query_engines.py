"""The same experiment judged with the built-in evaluator and with a real Prometheus: one verdict, the same figures."""

from __future__ import annotations

import asyncio
import shutil
from typing import Any

import pytest

from phoenix.api.experiment import Experiment
from phoenix.api.meter import Meter
from phoenix.api.results import QueryResult, VariantResult
from phoenix.manifest.loader import load_file
from tests.harness.cluster import EXAMPLES, Cluster
from tests.harness.eventually import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
TIMING = {"warmup": "8s", "duration": "8s", "interval": "1s"}
LOAD = {"profileRef": {"name": "microservices-http"}, "seed": 7, "scale": 0.1}  # three runs at once, beside others
OUTSIDE = "sum by (service_name) (http_server_request_duration_seconds_count) * 0 + scalar(hour(vector(time())))"
SIGNALS = [
    {"name": "requests", "query": "sum by (service_name) (rate(http_server_request_duration_seconds_count[4s]))"},
    {
        "name": "slowest",
        "query": "histogram_quantile(0.9, sum by (le) (rate(http_server_request_duration_seconds_bucket[4s])))",
    },
]


def experiment(engine: str, *, signals: list[dict[str, str]] = SIGNALS) -> dict[str, Any]:
    (found,) = load_file(EXAMPLES / "query-equivalence.yaml")
    wire = dict(found.wire)
    wire["metadata"] = {"name": f"by-{engine.lower()}"}
    analysis = {**wire["spec"]["analysis"], "queryEngine": engine, "signals": signals}
    wire["spec"] = {**wire["spec"], "source": {"load": LOAD}, "timing": TIMING, "analysis": analysis}
    return wire


def candidate_of(experiment: Experiment) -> VariantResult:
    assert experiment.status.phase == "Completed", experiment.status.conditions
    results = experiment.status.results
    assert results is not None
    assert results.problems == []
    return results.variants[1]


def told(query: QueryResult) -> tuple[Any, ...]:
    """What does not depend on the moment a run began."""
    spans = [(span.variant, span.labels, bool(span.firing_from)) for span in query.firing]
    return query.name, query.query, query.alike, query.values, query.lost, query.removed_labels, spans


@pytest.mark.skipif(shutil.which("prometheus") is None, reason="Prometheus is not installed")
async def test_both_evaluators_come_to_the_same_verdict_and_figures(phoenix: Cluster) -> None:
    hours = experiment("Auto", signals=[{"name": "hours", "query": OUTSIDE}])
    wires = [experiment("Embedded"), experiment("Prometheus"), hours]
    judged = asyncio.gather(*(phoenix.judged(wire) for wire in wires))

    async def ports() -> dict[str, int]:
        meters = (
            await phoenix.client.list(Meter, "default", label_selector="phoenix.io/experiment=by-prometheus")
        ).items
        return meters[0].status.ports if meters else {}

    await eventually(ports, lambda found: "prometheus" in found, within_s=60, what="a Prometheus of the run's own")
    done = await judged
    ours, theirs, outside = (candidate_of(experiment) for experiment in done)
    assert [one.status.verdict for one in done] == ["Reject", "Reject", "Reject"]
    assert [one.status.resolved["queryEngine"] for one in done] == ["Embedded", "Prometheus", "Prometheus"]
    assert "depends on the label user_id, which the candidate removed" in done[1].status.verdict_reason
    assert [told(query) for query in theirs.queries] == [told(query) for query in ours.queries]
    assert {query.alike for query in theirs.queries} == {True, False}
    assert ours.vs_baseline is not None
    assert theirs.vs_baseline is not None
    assert (theirs.active_series, theirs.vs_baseline.query_loss) == (ours.active_series, ours.vs_baseline.query_loss)
    assert theirs.vs_baseline.signal_loss == ours.vs_baseline.signal_loss == 0
    assert [(signal.name, signal.values) for signal in theirs.signals] == [
        (signal.name, signal.values) for signal in ours.signals
    ]
    (signal,) = outside.signals  # a query outside the subset is asked of a real one without being told to
    assert (signal.lost, signal.max_relative_error) == (0, 0.0)
    assert signal.values > 0
    await phoenix.quiet()
    assert not list(phoenix.state.glob("processes/*/prometheus")), "its data is gone with it"
