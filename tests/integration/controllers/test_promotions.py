"""Promotion and rollback against a real server: over what is there, with crashes in between, after other changes."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from controllers.experiment.ends import with_ends_of
from phoenix.api.experiment import Experiment, ExperimentPhase, PromotionRecord
from phoenix.api.pipeline import PipelineDeployment
from phoenix.apimachinery.conditions import Condition, find_condition
from phoenix.apimachinery.meta import ObjectKey
from phoenix.pipelines.hashing import pipeline_hash
from phoenix.runtime.reconcile import Request
from tests.contract.reconciler.suite import CancellingClient
from tests.integration.controllers.world import World, processors

KEY = ObjectKey("default", "x")


async def x(earth: World) -> Experiment:
    found = await earth.get(Experiment, "x")
    assert found is not None
    return found


async def edge(earth: World) -> PipelineDeployment:
    found = await earth.get(PipelineDeployment, "edge")
    assert found is not None
    return found


async def judged(earth: World) -> None:
    """The experiment x, completed; its candidate is processors(2), to be promoted to `edge` at a word."""
    await earth.experiment(onSuccess={"action": "Hold", "deployment": {"name": "edge"}})
    for _ in range(60):
        await earth.turn(seconds=3)
        if (await x(earth)).status.phase == ExperimentPhase.COMPLETED:
            return
    raise AssertionError((await x(earth)).status)


async def decide(earth: World, decision: str, *, turns: int = 4) -> PromotionRecord | None:
    await earth.client.patch(Experiment, "x", "default", {"spec": {"decision": decision}})
    await earth.turns(turns, seconds=1)
    return (await x(earth)).status.promotion


async def said(earth: World) -> Condition:
    found = find_condition((await x(earth)).status.conditions, "Promoted")
    assert found is not None
    return found


async def test_made_by_the_promotion_and_deleted_by_the_rollback(earth: World) -> None:
    await judged(earth)
    promotion = await decide(earth, "Promote")
    assert promotion is not None
    assert promotion.previous_revision == 0
    assert (await edge(earth)).spec.pipeline.config == processors(2)
    await decide(earth, "Rollback")
    assert await earth.get(PipelineDeployment, "edge") is None
    assert (await said(earth)).reason == "RolledBack"


async def test_promoting_what_runs_already_never_deletes_it_at_a_rollback(earth: World) -> None:
    await earth.deployment("edge", 2)
    await earth.turns(3)
    await judged(earth)
    promotion = await decide(earth, "Promote")
    assert promotion is not None
    assert promotion.previous_revision == 1
    await decide(earth, "Rollback")
    assert (await edge(earth)).spec.pipeline.config == processors(2)


@pytest.mark.parametrize("made", [True, False], ids=["after the write", "before the write"])
async def test_killed_at_each_write_the_way_back_is_the_revision_before(earth: World, made: bool) -> None:
    await earth.deployment("edge", 1)
    await earth.turns(3)
    bad = await edge(earth)
    bad.spec.pipeline.config = processors(9)
    await earth.client.update(bad)
    await earth.turns(1)
    await earth.turns(3)
    await judged(earth)
    effective = (await edge(earth)).status.revision
    for decision in ("Promote", "Rollback"):
        await earth.client.patch(Experiment, "x", "default", {"spec": {"decision": decision}})
        for at in range(1, 10):
            cancelling: Any = CancellingClient(earth.client, at, made=made)
            task = asyncio.create_task(earth.experiments(cancelling).reconcile(Request(KEY)))
            await asyncio.wait({task})
            # In between, the deployment's own controller has rolled out whatever was written.
            await earth.deployments().reconcile(Request(ObjectKey("default", "edge")))
            await earth.deployments().reconcile(Request(ObjectKey("default", "edge")))
            await earth.obey()
            await earth.deployments().reconcile(Request(ObjectKey("default", "edge")))
            if not task.cancelled():
                task.result()
                break
        promotion = (await x(earth)).status.promotion
        assert promotion is not None
        assert promotion.previous_revision == effective
        assert (promotion.rolled_back_at is None) == (decision == "Promote")
    assert (await edge(earth)).spec.pipeline.config == processors(9)
    events = await earth.events("x")
    assert events.count("ExperimentPromoted") == events.count("ExperimentRolledBack") == 1


async def test_a_deployment_that_was_changed_since_is_not_rolled_back_over(earth: World) -> None:
    await earth.deployment("edge", 1)
    await earth.turns(3)
    await judged(earth)
    await decide(earth, "Promote")
    changed = await edge(earth)
    changed.spec.pipeline.config = processors(5)
    await earth.client.update(changed)
    promotion = await decide(earth, "Rollback")
    assert promotion is not None
    assert promotion.rolled_back_at is None
    assert (await edge(earth)).spec.pipeline.config == processors(5)
    condition = await said(earth)
    assert condition.reason == "TargetChanged"
    assert "phoenixctl rollout undo" in condition.message
    before = await earth.revision()
    await earth.turns(3, seconds=1)
    assert await earth.revision() == before


async def test_a_target_that_is_being_deleted_is_made_anew(earth: World) -> None:
    await earth.deployment("edge", 1)
    await earth.turns(3)
    await judged(earth)
    await earth.client.delete(PipelineDeployment, "edge", "default")
    await earth.client.patch(Experiment, "x", "default", {"spec": {"decision": "Promote"}})
    await earth.experiments().reconcile(Request(KEY))
    assert (await said(earth)).reason == "TargetDeleted"
    await earth.turns(6, seconds=1)
    assert (await edge(earth)).spec.pipeline.config == processors(2)
    assert (await said(earth)).status == "True"


async def test_a_target_that_never_had_a_revision_is_not_lost(earth: World) -> None:
    await earth.client.create(
        PipelineDeployment.from_wire(
            {
                "metadata": {"name": "edge", "namespace": "default"},
                "spec": {"pipeline": {"templateRef": {"name": "nobody"}}},
            }
        )
    )
    await judged(earth)
    assert await decide(earth, "Promote") is None
    assert (await said(earth)).reason == "TargetNotReady"


async def test_a_promotion_keeps_where_data_comes_from_and_goes_to(earth: World) -> None:
    ends: dict[str, Any] = {
        "receivers": {"otlp": {"protocols": {"http": {}}}},
        "processors": {"batch": {"timeout": "7s"}},
        "exporters": {"debug": {"verbosity": "detailed"}},
        "service": {"pipelines": {"metrics": {"receivers": ["otlp"], "processors": ["batch"], "exporters": ["debug"]}}},
    }
    await earth.client.create(
        PipelineDeployment.from_wire(
            {
                "metadata": {"name": "edge", "namespace": "default"},
                "spec": {"pipeline": {"config": ends}, "minReady": "0s"},
            }
        )
    )
    await earth.turns(3)
    await judged(earth)
    await decide(earth, "Promote")
    config = (await edge(earth)).spec.pipeline.config
    assert config is not None
    assert config["service"]["pipelines"]["metrics"] == ends["service"]["pipelines"]["metrics"]
    assert config["exporters"] == ends["exporters"]
    assert config["processors"] == processors(2)["processors"]
    assert (await edge(earth)).status.pipeline_hash == (await x(earth)).status.pipeline_hash["lean"]
    await decide(earth, "Rollback")
    assert (await edge(earth)).spec.pipeline.config == ends


def test_own_ends_stay_and_extensions_go_with_exporters() -> None:
    mine = {"exporters": {"a": {}}, "service": {"pipelines": {"metrics": {"exporters": ["a"]}, "metrics/2": None}}}
    live = {
        "exporters": {"b": {"auth": "key"}, "unused": {}},
        "extensions": {"key": {}},
        "service": {
            "extensions": ["key"],
            "pipelines": {"metrics": {"exporters": ["b"]}, "metrics/2": {"exporters": ["b"]}},
        },
    }
    found = with_ends_of(mine, live)
    assert found["service"]["pipelines"] == {"metrics": {"exporters": ["a"]}, "metrics/2": {"exporters": ["b"]}}
    assert found["exporters"] == {"a": {}, "b": {"auth": "key"}}
    assert (found["extensions"], found["service"]["extensions"]) == ({"key": {}}, ["key"])
    assert pipeline_hash(found) == pipeline_hash(mine)
