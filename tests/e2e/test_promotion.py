"""Promotion over a deployment that is there, and its rollback: what was judged runs, then what ran before."""

from __future__ import annotations

import pytest

from phoenix.api.experiment import Experiment
from phoenix.api.pipeline import PipelineDeployment
from phoenix.api.results import Verdict
from phoenix.apimachinery.conditions import find_condition
from phoenix.manifest.loader import load_file
from tests.harness.cluster import EXAMPLES, FAST_TIMING, Cluster, example
from tests.harness.eventually import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

EDGE = {
    "apiVersion": "phoenix.io/v1alpha1",
    "kind": "PipelineDeployment",
    "metadata": {"name": "edge"},
    "spec": {"pipeline": {"templateRef": {"name": "baseline"}}, "minReady": "1s"},
}


async def test_promote_over_a_running_deployment_and_roll_back(phoenix: Cluster) -> None:
    await phoenix.apply(EDGE)

    async def edge() -> PipelineDeployment:
        return await phoenix.client.get(PipelineDeployment, "edge", "default")

    first = await eventually(edge, lambda found: found.status.revision == 1, within_s=30, what="revision 1")
    name = "http-lean"
    done = await phoenix.judged(example("http-microservices.yaml"))
    assert done.status.verdict == Verdict.PROMOTE, done.status.verdict_reason
    second = await eventually(edge, lambda found: found.status.revision == 2, within_s=30, what="the promotion runs")
    assert second.status.pipeline_hash == done.status.pipeline_hash["candidate"]

    code, out, err = await phoenix.ctl("rollback", f"experiment/{name}")
    assert code == 0, out + err
    third = await eventually(edge, lambda found: found.status.revision == 3, within_s=30, what="the rollback runs")
    assert third.status.pipeline_hash == first.status.pipeline_hash
    assert third.spec.pipeline == first.spec.pipeline

    async def experiment() -> Experiment:
        return await phoenix.experiment(name)

    told = await eventually(
        experiment,
        lambda found: found.status.promotion is not None and found.status.promotion.rolled_back_at is not None,
        within_s=40,
        what="the rollback in status",
    )
    promoted = find_condition(told.status.conditions, "Promoted")
    assert promoted is not None
    assert (promoted.status, promoted.reason) == ("False", "RolledBack")
    await phoenix.told(name, "ExperimentRolledBack")


async def test_a_person_may_overrule_the_verdict_and_take_it_back(phoenix: Cluster) -> None:
    (found,) = load_file(EXAMPLES / "negative-control.yaml")
    spec = {**found.wire["spec"], "timing": FAST_TIMING}
    held = {**found.wire, "spec": {**spec, "onSuccess": {"action": "Hold", "deployment": {"name": "edge"}}}}
    name = "negative-control"
    done = await phoenix.judged(held)
    assert done.status.verdict == Verdict.REJECT
    assert done.status.promotion is None
    code, out, err = await phoenix.ctl("promote", f"experiment/{name}", "--wait")
    assert code == 0, out + err
    edge = await phoenix.client.get(PipelineDeployment, "edge", "default")
    assert edge.spec.pipeline.config is not None
    told = await phoenix.experiment(name)
    assert told.status.promotion is not None
    assert told.status.promotion.pipeline_hash == done.status.pipeline_hash["candidate"]
    code, out, err = await phoenix.ctl("rollback", f"experiment/{name}", "--wait")
    assert code == 0, out + err
    await phoenix.gone(PipelineDeployment, "edge")
