"""An orderly stop midway, and a namespace that goes: the run ends honestly, and nothing is left."""

from __future__ import annotations

import asyncio

import pytest

from phoenix.api.core import Namespace
from phoenix.api.experiment import Experiment
from phoenix.api.host import Host
from phoenix.api.results import Verdict
from phoenix.apimachinery.errors import NotFound
from phoenix.apimachinery.meta import ObjectMeta
from tests.harness.cluster import Cluster
from tests.harness.eventually import eventually

pytestmark = pytest.mark.e2e
TIMING = {"warmup": "2s", "duration": "8s", "interval": "500ms"}


async def test_sigterm_midway_and_start_again_ends_with_a_word_on_it(phoenix: Cluster) -> None:
    name = await phoenix.apply_example("http-microservices.yaml", TIMING)
    await phoenix.until(name, {"Running"})
    assert await phoenix.stop() == 0
    assert phoenix.leftovers() == []
    await phoenix.start("--port", "0")
    done = await phoenix.until(name, {"Completed", "Failed"}, within_s=60)
    assert done.status.verdict != Verdict.PROMOTE
    assert done.status.promotion is None
    assert done.status.verdict_reason or [c.message for c in done.status.conditions if c.type == "Complete"]
    await phoenix.quiet()


async def test_a_namespace_goes_with_a_running_experiment(phoenix: Cluster) -> None:
    await phoenix.client.create(Namespace(metadata=ObjectMeta(name="team")))
    example = await phoenix.apply_example("http-microservices.yaml", TIMING)
    made = (await phoenix.experiment(example)).to_wire()
    await phoenix.client.create(
        Experiment.from_wire({**made, "metadata": {"name": "y", "namespace": "team"}, "status": {}})
    )
    await phoenix.client.delete(Experiment, example, "default")
    await eventually(
        lambda: phoenix.client.get(Experiment, "y", "team"),
        lambda found: found.status.phase in ("WarmingUp", "Running"),
        within_s=40,
        what="the run in the other namespace",
    )
    await phoenix.client.delete(Namespace, "team")

    async def look() -> Namespace | None:
        try:
            return await phoenix.client.get(Namespace, "team")
        except NotFound:
            return None

    await eventually(look, lambda found: found is None, within_s=40, what="the namespace is gone")
    await phoenix.quiet()


async def test_a_quiet_system_is_quiet(phoenix: Cluster) -> None:
    """With a deployment settled, ten seconds cost a heartbeat and a report of each process's use, nothing else."""
    await phoenix.apply_example("deployment.yaml")
    code, out, err = await phoenix.ctl("rollout", "status", "pipelinedeployment/edge-metrics", "--timeout", "30s")
    assert code == 0, out + err
    await asyncio.sleep(2)  # what followed the rollout (events, counts) is written
    before = int((await phoenix.client.list(Host)).resource_version)
    await asyncio.sleep(10)  # the time that is measured
    writes = int((await phoenix.client.list(Host)).resource_version) - before
    assert writes <= 2 + 2
