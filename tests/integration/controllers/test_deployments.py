"""Deployments against a real server: what a rollout does when hosts, specs and names change under it."""

from __future__ import annotations

from typing import Any

from phoenix.api.collector import Collector, Engine
from phoenix.api.core import Namespace
from phoenix.api.pipeline import PipelineDeployment, PipelineRevision, RevisionOutcome
from phoenix.apimachinery.conditions import find_condition, is_true
from phoenix.apimachinery.meta import ObjectMeta
from phoenix.runtime.reconcile import Request
from tests.integration.controllers.world import World, processors


async def edge(earth: World, namespace: str = "default") -> PipelineDeployment:
    found = await earth.get(PipelineDeployment, "edge", namespace)
    assert found is not None
    return found


async def change(earth: World, **spec: Any) -> None:
    """Change fields of the spec of `edge`, as an update does."""
    live = await edge(earth)
    wire = live.to_wire()
    wire["spec"] = {**wire["spec"], **spec}
    await earth.client.update(PipelineDeployment.from_wire(wire))


async def collectors(earth: World) -> list[Collector]:
    return (await earth.client.list(Collector)).items


async def settled(earth: World) -> PipelineDeployment:
    await earth.turns(4, seconds=1)
    return await edge(earth)


async def test_a_settled_deployment_writes_nothing(earth: World) -> None:
    await earth.deployment()
    await settled(earth)
    before = await earth.revision()
    await earth.turns(5, seconds=3)
    assert await earth.revision() == before
    found = await edge(earth)
    assert is_true(found.status.conditions, "Ready")
    assert is_true(found.status.conditions, "Available")


async def test_another_engine_for_the_same_pipeline_is_another_process(earth: World) -> None:
    """The configuration's hash says nothing of the engine: the old process must not pass for the new one."""
    await earth.deployment(engine="Embedded")
    first = await settled(earth)
    await change(earth, engine="Otelcol")
    second = await settled(earth)
    assert (first.status.revision, second.status.revision) == (1, 2)
    assert [item.spec.engine for item in await collectors(earth)] == [Engine.OTELCOL]


async def test_other_labels_are_another_revision(earth: World) -> None:
    """Else a change of labels would reach every host at once, judged by nobody and in no history."""
    await earth.deployment()
    await settled(earth)
    await change(earth, variantLabels={"team": "a"})
    second = await settled(earth)
    assert second.status.revision == 2
    (collector,) = await collectors(earth)
    assert second.status.config_hash == collector.spec.config_hash
    assert second.status.collectors.updated == 1


async def test_a_spec_changed_twice_leaves_no_revision_in_progress(earth: World) -> None:
    await earth.deployment()
    await settled(earth)
    await change(earth, pipeline={"config": processors(2)})
    for _ in range(2):  # revision 2 is created and begun, but no host has answered
        await earth.deployments().reconcile(Request((await edge(earth)).key))
    await change(earth, pipeline={"config": processors(3)})
    found = await settled(earth)
    outcomes = {record.revision: record.outcome for record in found.status.history}
    assert outcomes == {
        1: RevisionOutcome.SUPERSEDED,
        2: RevisionOutcome.SUPERSEDED,
        3: RevisionOutcome.DEPLOYED,
    }


async def test_paused_from_the_start_nothing_runs_and_it_is_said(earth: World) -> None:
    await earth.deployment(paused=True)
    found = await settled(earth)
    assert not (await earth.client.list(PipelineRevision)).items
    assert not await collectors(earth)
    progressing = find_condition(found.status.conditions, "Progressing")
    assert progressing is not None
    assert progressing.reason == "Paused"
    assert "spec.paused" in progressing.message


async def test_paused_with_a_change_that_waits_is_not_called_complete(earth: World) -> None:
    await earth.deployment()
    await settled(earth)
    await change(earth, paused=True, pipeline={"config": processors(2)})
    found = await settled(earth)
    assert found.status.revision == 1
    progressing = find_condition(found.status.conditions, "Progressing")
    assert progressing is not None
    assert progressing.reason == "Paused"
    assert not is_true(found.status.conditions, "Ready")
    assert is_true(found.status.conditions, "Available")


async def test_a_first_revision_that_becomes_good_after_its_deadline_counts(earth: World) -> None:
    await earth.deployment(progressDeadline="5s")
    await earth.turns(2)
    (collector,) = await collectors(earth)
    earth.unready.add(collector.spec.config_hash)
    collector.status.conditions, collector.status.effective_hash = [], ""
    await earth.client.update_status(collector)
    await earth.turns(2, seconds=6)
    failed = await edge(earth)
    assert failed.status.revision == 0
    assert [record.outcome for record in failed.status.history] == [RevisionOutcome.ROLLED_BACK]
    earth.unready.clear()
    found = await settled(earth)
    assert found.status.revision == 1
    assert is_true(found.status.conditions, "Ready")
    assert found.status.attempted is not None
    assert found.status.attempted.reason == ""


async def test_a_lost_host_does_not_roll_a_change_back(earth: World) -> None:
    await earth.host("b")
    await earth.deployment(progressDeadline="5s")
    await settled(earth)
    earth.dead_hosts.add("b")
    await earth.host("b", ready=False)
    lost = await settled(earth)
    available = find_condition(lost.status.conditions, "Available")
    assert available is not None
    assert (available.status, lost.status.collectors.ready) == ("False", 1)
    assert "b" in available.message
    await change(earth, pipeline={"config": processors(2)})
    await earth.turns(6, seconds=3)
    assert (await edge(earth)).status.revision == 2
    earth.dead_hosts.clear()
    await earth.host("b")
    back = await settled(earth)
    assert is_true(back.status.conditions, "Available")
    assert len({item.spec.config_hash for item in await collectors(earth)}) == 1


async def test_hosts_that_come_and_no_longer_match(earth: World) -> None:
    await earth.deployment(hostSelector={"matchLabels": {"role": "edge"}})
    nobody = await settled(earth)
    available = find_condition(nobody.status.conditions, "Available")
    assert available is not None
    assert available.reason == "NoMatchingHost"
    await earth.host("b", role="edge")
    await earth.host("c", role="edge")
    assert (await settled(earth)).status.collectors.ready == 2
    await change(earth, hostSelector={"matchLabels": {"kind": "none"}})
    await settled(earth)
    assert not await collectors(earth)


async def test_one_name_in_two_namespaces(earth: World) -> None:
    await earth.client.create(Namespace(metadata=ObjectMeta(name="other")))
    await earth.deployment(number=1)
    await earth.deployment(number=2, namespace="other")
    await earth.turns(4)
    one, two = await edge(earth), await edge(earth, "other")
    assert one.status.revision == two.status.revision == 1
    assert one.status.config_hash != two.status.config_hash
    await earth.client.delete(PipelineDeployment, "edge", "other")
    await earth.turns(4)
    assert [item.metadata.namespace for item in await collectors(earth)] == ["default"]


async def test_a_name_somebody_else_has_is_said_and_does_not_spin(earth: World) -> None:
    await earth.client.create(Collector.from_wire({"metadata": {"name": "edge-a", "namespace": "default"}}))
    await earth.deployment()
    found = await settled(earth)
    progressing = find_condition(found.status.conditions, "Progressing")
    assert progressing is not None
    assert "collector/edge-a" in progressing.message
    before = await earth.revision()
    await earth.turns(3)
    assert await earth.revision() == before


async def test_a_broken_reference_keeps_what_runs_whole(earth: World) -> None:
    """The spec cannot be resolved any more: what runs goes on, is healed, and follows the hosts."""
    await earth.deployment()
    await settled(earth)
    await change(earth, pipeline={"templateRef": {"name": "nobody"}})
    (collector,) = await collectors(earth)
    await earth.client.delete(Collector, collector.metadata.name, "default")
    await earth.host("b")
    found = await settled(earth)
    assert {item.spec.host for item in await collectors(earth)} == {"a", "b"}
    progressing = find_condition(found.status.conditions, "Progressing")
    assert progressing is not None
    assert progressing.reason == "TemplateNotFound"
    assert is_true(found.status.conditions, "Available")
    assert not is_true(found.status.conditions, "Ready")
    before = await earth.revision()
    await earth.turns(3, seconds=1)
    assert await earth.revision() == before


async def test_made_anew_under_its_name_it_takes_nothing_of_the_old_one(earth: World) -> None:
    await earth.deployment()
    await settled(earth)
    (old,) = await collectors(earth)
    await earth.client.delete(PipelineDeployment, "edge", "default")
    await earth.deployments().reconcile(Request((await edge(earth)).key))
    await earth.obey()
    await earth.deployments().reconcile(Request((await edge(earth)).key))
    await earth.deployment()  # before the old one's revisions are collected
    found = await settled(earth)
    (new,) = await collectors(earth)
    assert new.metadata.uid != old.metadata.uid
    assert found.status.revision == 1
    (revision,) = (await earth.client.list(PipelineRevision)).items
    assert revision.metadata.owner_references[0].uid == found.metadata.uid
