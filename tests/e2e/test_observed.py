"""A run that is metered and written to a Prometheus too, judged again from that Prometheus: the same within 1 %."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from phoenix.api.experiment import Experiment
from phoenix.api.results import QueryResult, VariantResult
from phoenix.prometheus.process import running
from tests.harness.cluster import Cluster
from tests.harness.otelcol import free_ports

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
TIMING = {"warmup": "6s", "duration": "8s", "interval": "1s"}
BOARD = (
    '{"panels": [{"title": "Active", "targets": [{"refId": "A", "expr": "sum by (service_name)'
    ' (http_server_active_requests)"}]}]}'
)
ANALYSIS = {
    "criteria": [{"metric": "cardinalityReduction", "min": 0.001}, {"metric": "sampleReduction", "min": 0.001}],
    "signals": [
        {"name": "requests", "query": "sum by (service_name) (rate(http_server_request_duration_seconds_count[4s]))"},
        {"name": "hours", "query": "count(http_server_request_duration_seconds_count) + 0 * scalar(hour())"},
    ],
    "critical": [{"name": "checkout", "match": {"service_name": "checkout"}}],
    "dashboards": [{"name": "board", "content": BOARD}],
}


def pipeline(url: str, name: str, drop: str) -> dict[str, Any]:
    write = {
        "endpoint": f"{url}/api/v1/write", "external_labels": {"pipeline": name}, "target_info": {"enabled": False},
        "resource_to_telemetry_conversion": {"enabled": True},
    }  # fmt: skip
    processors = {"filter": {"metrics": {"metric": [f'name == "{drop}"']}}} if drop else {}
    return {
        "config": {
            "processors": processors,
            "exporters": {"prometheus_remote_write": write},
            "service": {
                "pipelines": {"metrics": {"processors": list(processors), "exporters": ["prometheus_remote_write"]}}
            },
        }
    }


def metered(url: str) -> dict[str, Any]:
    return {
        "apiVersion": "phoenix.io/v1alpha1", "kind": "Experiment", "metadata": {"name": "metered"},
        "spec": {
            "source": {"load": {"profileRef": {"name": "microservices-http"}, "seed": 3, "scale": 0.05}},
            "exporters": "Keep",
            "variants": [
                {"name": "old", "role": "Baseline", "pipeline": pipeline(url, "old", "")},
                {"name": "new", "role": "Candidate", "pipeline": pipeline(url, "new", "http.server.active_requests")},
            ],
            "timing": TIMING, "analysis": ANALYSIS,
        },
    }  # fmt: skip


def observed(url: str, name: str, since: str, **more: Any) -> dict[str, Any]:
    return {
        "apiVersion": "phoenix.io/v1alpha1", "kind": "Experiment", "metadata": {"name": name},
        "spec": {
            "source": {"observed": {"url": url, "since": since, "lag": "0s", **more}},
            "variants": [
                {"name": "old", "role": "Baseline", "selector": '{pipeline="old"}'},
                {"name": "new", "role": "Candidate", "selector": '{pipeline="new"}'},
            ],
            "timing": TIMING, "analysis": ANALYSIS,
        },
    }  # fmt: skip


def variants_of(experiment: Experiment) -> list[VariantResult]:
    assert experiment.status.phase == "Completed", experiment.status.conditions
    results = experiment.status.results
    assert results is not None
    assert results.problems == []
    return results.variants


def told(query: QueryResult) -> tuple[Any, ...]:
    return query.name, query.alike, query.values, query.lost, query.missing


@pytest.mark.skipif(shutil.which("prometheus") is None, reason="Prometheus is not installed")
async def test_a_prometheus_tells_what_the_meter_counted(phoenix: Cluster, tmp_path: Path) -> None:
    port, dead = free_ports(2)
    async with running(shutil.which("prometheus") or "", tmp_path / "prometheus", port) as url:
        await phoenix.apply(observed(f"http://127.0.0.1:{dead}", "away", "2020-01-01T00:00:00Z"))
        first = await phoenix.judged(metered(url))
        since = first.status.measure_from
        assert since is not None
        await phoenix.apply(observed(url, "observed", since))
        await phoenix.apply(observed(url, "empty", "2020-01-01T00:00:00Z"))
        second = await phoenix.until("observed", {"Completed", "Failed"}, within_s=60)
        nothing = await phoenix.until("empty", {"Completed", "Failed"}, within_s=60)
    for mine, other in zip(variants_of(first), variants_of(second), strict=True):
        assert mine.active_series
        assert mine.samples
        assert other.active_series == pytest.approx(mine.active_series, rel=0.01)
        assert other.samples == pytest.approx(mine.samples, rel=0.01)
        assert other.critical == mine.critical
        assert (other.streams, other.bytes, other.duplicates) == (None, None, None), "not known is not zero"
        assert [(signal.name, signal.values, signal.lost) for signal in other.signals] == [
            (signal.name, signal.values, signal.lost) for signal in mine.signals
        ]
        assert [told(query) for query in other.queries] == [told(query) for query in mine.queries]
        ours = {(row.metric, row.label): row.series for row in mine.top_contributors}
        for row in other.top_contributors:
            if row.label in ("", "http_route", "user_id"):
                assert row.series == pytest.approx(ours[row.metric, row.label], rel=0.01), row
    ours_vs, theirs_vs = variants_of(first)[1].vs_baseline, variants_of(second)[1].vs_baseline
    assert ours_vs is not None
    assert theirs_vs is not None
    assert theirs_vs.cardinality_reduction == pytest.approx(ours_vs.cardinality_reduction, rel=0.01)
    assert theirs_vs.sample_reduction == pytest.approx(ours_vs.sample_reduction, rel=0.01)
    assert (theirs_vs.signal_loss, theirs_vs.query_loss) == (ours_vs.signal_loss, ours_vs.query_loss) == (0, 1)
    assert first.status.verdict == second.status.verdict == "Reject"
    assert (second.status.measure_from, second.status.measure_to) == (since, first.status.measure_to)

    assert nothing.status.verdict == "Inconclusive"
    assert "has no series of the baseline and the candidate" in nothing.status.verdict_reason

    gone = await phoenix.until("away", {"Completed", "Failed"}, within_s=120)
    assert gone.status.phase == "Failed", gone.status.verdict_reason
    assert gone.status.verdict_reason.startswith("SourceFailed: meter/away-meter-")
    assert f"http://127.0.0.1:{dead} cannot be reached" in gone.status.verdict_reason
    await phoenix.quiet()
    reasons = await phoenix.told("observed", "ExperimentCompleted")
    assert {"ExperimentStarted", "MeasurementStarted", "ExperimentAnalyzed"} <= set(reasons)
