"""Prometheus targets are scraped once and teed to every variant; one that is down makes the run Invalid, by numbers."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Counter, start_http_server

from phoenix.api.results import Verdict
from tests.harness.cluster import Cluster

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
USERS = 30


def experiment(name: str, *targets: str, **source: Any) -> dict[str, Any]:
    statement = 'aggregate_on_attributes("sum", []) where name == "orders_total"'
    lean = {
        "processors": {"transform": {"metric_statements": [{"context": "metric", "statements": [statement]}]}},
        "service": {"pipelines": {"metrics": {"processors": ["transform"]}}},
    }
    return {
        "apiVersion": "phoenix.io/v1alpha1",
        "kind": "Experiment",
        "metadata": {"name": name},
        "spec": {
            "source": {"prometheus": {"targets": list(targets), **source}},
            "variants": [
                {"name": "baseline", "role": "Baseline", "pipeline": {"templateRef": {"name": "baseline"}}},
                {"name": "candidate", "role": "Candidate", "pipeline": {"config": lean}},
            ],
            "timing": {"warmup": "4s", "duration": "8s", "interval": "1s"},
            "analysis": {
                "criteria": [{"metric": "cardinalityReduction", "min": 0.3}],
                "signals": [{"name": "orders", "query": "sum by (job) (orders_total)"}],
            },
        },
    }


async def test_targets_are_scraped_once_and_a_target_that_is_down_is_told(phoenix: Cluster) -> None:
    registry = CollectorRegistry()
    orders = Counter("orders", "Orders by user", ["user"], registry=registry)
    for user in range(USERS):
        orders.labels(f"u{user}").inc(user)
    server, thread = await asyncio.to_thread(start_http_server, 0, "127.0.0.1", registry)
    try:
        up = f"127.0.0.1:{server.server_port}"
        await phoenix.apply(experiment("half", up, "127.0.0.1:1"))
        sound = await phoenix.judged(experiment("sound", up))
        half = await phoenix.until("half", {"Completed", "Failed"}, within_s=90)
    finally:
        server.shutdown()
        await asyncio.to_thread(thread.join)
        server.server_close()
    assert sound.status.phase == "Completed", sound.status.conditions
    results = sound.status.results
    assert results is not None
    assert results.input.parity is True, results.problems
    assert len(set(results.input.digest.values())) == 1
    assert sound.status.verdict == Verdict.PROMOTE, sound.status.verdict_reason
    baseline, candidate = results.variants
    assert baseline.active_series is not None
    assert candidate.active_series is not None
    assert baseline.active_series - candidate.active_series == USERS - 1

    assert half.status.verdict == Verdict.INVALID, half.status.verdict_reason
    assert half.status.results is not None
    told = [problem for problem in half.status.results.problems if "scrapes failed" in problem]
    assert told, half.status.results.problems
    assert re.search(r"127\.0\.0\.1:1 \([12]\)", told[0]), told  # a machine that stood still may miss a tick
    await phoenix.quiet()
