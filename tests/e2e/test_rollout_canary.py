"""A canary rollout over three hosts, each an agent of its own: held, approved, aborted."""

from __future__ import annotations

import contextlib

import pytest

from phoenix.api.collector import Collector
from phoenix.api.pipeline import PipelineDeployment
from tests.harness.cluster import Cluster
from tests.harness.eventually import eventually
from tests.harness.hosts import agent_host

pytestmark = pytest.mark.e2e

EDGE = {
    "apiVersion": "phoenix.io/v1alpha1",
    "kind": "PipelineDeployment",
    "metadata": {"name": "steps"},
    "spec": {
        "pipeline": {"templateRef": {"name": "baseline"}},
        "engine": "Embedded",
        "strategy": {"type": "Canary", "steps": [{"percent": 30, "manual": True}]},
        "minReady": "200ms",
    },
}


async def test_hosts_follow_once_a_person_says_so_and_go_back_when_one_says_so(phoenix: Cluster) -> None:
    async with contextlib.AsyncExitStack() as stack:
        for name in ("steps-b", "steps-c"):
            await stack.enter_async_context(agent_host(phoenix, name))

        async def look() -> PipelineDeployment:
            return await phoenix.client.get(PipelineDeployment, "steps", "default")

        async def hashes() -> list[str]:
            found = (
                await phoenix.client.list(Collector, "default", label_selector="phoenix.io/deployment=steps")
            ).items
            return sorted(item.spec.pipeline_hash for item in found)

        await phoenix.apply(EDGE)
        first = await eventually(look, lambda found: found.status.revision == 1, within_s=30, what="revision 1 runs")
        assert first.status.collectors.ready == 3
        await phoenix.client.patch(
            PipelineDeployment, "steps", "default", {"spec": {"pipeline": {"templateRef": {"name": "http-lean"}}}}
        )

        def held(found: PipelineDeployment) -> bool:
            return found.status.rollout is not None and bool(found.status.rollout.held_since)

        at_step = await eventually(look, held, within_s=30, what="the first step holds")
        assert at_step.status.revision == 1
        assert len(set(await hashes())) == 2
        code, out, err = await phoenix.ctl("rollout", "diff", "pd/steps")
        assert (code, "http.route" in out) == (0, True), err
        code, out, err = await phoenix.ctl("rollout", "resume", "pd/steps")
        assert code == 0, err
        await eventually(look, lambda found: found.status.revision == 2, within_s=30, what="revision 2 runs everywhere")
        assert len(set(await hashes())) == 1
        await phoenix.client.patch(
            PipelineDeployment,
            "steps",
            "default",
            {"spec": {"pipeline": {"templateRef": {"name": "process-trim"}}}},
        )
        third = await eventually(look, held, within_s=30, what="the third revision holds")
        assert third.status.revision == 2
        code, out, err = await phoenix.ctl("rollout", "abort", "pd/steps")
        assert code == 0, err

        def back(found: PipelineDeployment) -> bool:
            attempted = found.status.attempted
            return attempted is not None and attempted.reason == "RolledBack" and found.status.collectors.ready == 3

        await eventually(look, back, within_s=30, what="it is taken back")
        await eventually(lambda: hashes(), lambda found: len(set(found)) == 1, within_s=30, what="every host is back")
        code, out, err = await phoenix.ctl("delete", "pd/steps")
        assert code == 0, err
