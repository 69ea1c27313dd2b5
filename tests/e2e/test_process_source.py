"""Real processes of a profile through a tee that sees them alone: exactly as many as its plan says, and none left."""

from __future__ import annotations

import asyncio

import psutil
import pytest

from controllers.experiment.sources import emitted
from phoenix.api.loadgenerator import LoadGenerator
from phoenix.apimachinery.conditions import parse_timestamp
from phoenix.loadmodel.processes import POINTS_PER_PROCESS
from tests.harness.cluster import Cluster, example
from tests.harness.eventually import eventually
from tests.harness.leftovers import alive

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
TIMING = {"warmup": "6s", "duration": "12s", "interval": "2s"}


async def test_processes_that_come_and_go_are_counted_exactly(phoenix: Cluster) -> None:
    judged = asyncio.create_task(phoenix.judged(example("process-churn.yaml", TIMING), within_s=120))

    async def running() -> list[psutil.Process]:
        found = (await phoenix.client.list(LoadGenerator, "default")).items
        pids = [item.status.pid for item in found if item.status.pid is not None]
        try:
            return [below for pid in pids for child in psutil.Process(pid).children() for below in child.children()]
        except psutil.NoSuchProcess:
            return []

    seen = await eventually(running, lambda found: len(found) == 40, within_s=60, what="40 processes run")
    done = await judged
    assert done.status.phase == "Completed", done.status.conditions
    results, plan = done.status.results, emitted(done)
    assert results is not None
    assert plan is not None
    assert results.input.parity is True, results.problems
    assert len(set(results.input.digest.values())) == 1
    assert not results.problems

    start, first, end = (
        parse_timestamp(text or "")
        for text in (done.status.started_at, done.status.measure_from, done.status.measure_to)
    )
    ticks = [round((moment - start).total_seconds() / 2) for moment in (first, end)]
    expected = plan.distinct(*ticks) * POINTS_PER_PROCESS
    baseline, rollup, topk = results.variants
    assert (baseline.streams, baseline.active_series) == (expected, expected)
    programs = {program for group in plan.groups for program in group.names}
    assert rollup.active_series == len(programs) * POINTS_PER_PROCESS
    assert topk.active_series is not None
    assert topk.active_series < expected
    await phoenix.quiet()
    assert not [one for one in seen if alive(one)]
