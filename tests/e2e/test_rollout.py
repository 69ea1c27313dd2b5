"""A plain deployment: rollout, history, undo, through the command line."""

from __future__ import annotations

import pytest

from phoenix.api.pipeline import PipelineDeployment
from tests.harness.cluster import Cluster
from tests.harness.eventually import eventually

pytestmark = pytest.mark.e2e


async def test_a_plain_deployment_rolls_out_and_is_undone(phoenix: Cluster) -> None:
    name = await phoenix.apply_example("deployment.yaml")
    code, out, err = await phoenix.ctl("rollout", "status", f"pipelinedeployment/{name}", "--timeout", "30s")
    assert code == 0, out + err
    first = await phoenix.client.get(PipelineDeployment, name, "default")
    changed = first.model_copy(deep=True)
    assert changed.spec.pipeline.config is not None
    changed.spec.pipeline.config["processors"]["batch"]["timeout"] = "300ms"
    await phoenix.client.update(changed)

    async def look() -> PipelineDeployment:
        return await phoenix.client.get(PipelineDeployment, name, "default")

    await eventually(look, lambda found: found.status.revision == 2, within_s=30, what="revision 2 is effective")
    code, out, err = await phoenix.ctl("rollout", "history", f"pipelinedeployment/{name}")
    assert code == 0, err
    assert "Superseded" in out
    assert "Deployed" in out
    code, out, err = await phoenix.ctl("rollout", "undo", f"pipelinedeployment/{name}")
    assert code == 0, out + err
    undone = await eventually(look, lambda found: found.status.revision == 3, within_s=30, what="the undo is effective")
    assert undone.status.pipeline_hash == first.status.pipeline_hash
    assert undone.spec.pipeline.config == first.spec.pipeline.config
