"""Owners deleted with each policy: what becomes of dependents, in which order."""

from __future__ import annotations

from typing import TypeVar

from controllers.garbage.cascade import CascadeReconciler
from phoenix.api.collector import Collector
from phoenix.api.core import Namespace
from phoenix.api.experiment import Experiment
from phoenix.api.host import Host
from phoenix.api.pipeline import PipelineDeployment
from phoenix.apimachinery.meta import ObjectMeta, Resource, owner_reference
from phoenix.apimachinery.names import FOREGROUND_FINALIZER, ORPHAN_FINALIZER
from phoenix.runtime.finalizers import remove_finalizer
from phoenix.runtime.reconcile import Request, Result
from tests.integration.controllers.world import World, experiment_wire

R = TypeVar("R", bound=Resource)
HOLD = "example.com/hold"


async def must(earth: World, kind: type[R], name: str) -> R:
    return await earth.client.get(kind, name, "default")


async def owner(earth: World, name: str = "owner", *finalizers: str) -> Experiment:
    wire = experiment_wire(name)
    wire["metadata"]["finalizers"] = list(finalizers)
    return await earth.client.create(Experiment.from_wire(wire))


async def dependent(earth: World, name: str, *owners: Resource, blocks: bool = True, held: bool = False) -> Experiment:
    obj = Experiment.from_wire(experiment_wire(name))
    references = [owner_reference(item, controller=False) for item in owners]
    for ref in references:
        ref.block_owner_deletion = blocks
    obj.metadata.owner_references = references
    obj.metadata.finalizers = [HOLD] if held else []
    return await earth.client.create(obj)


async def cascade(earth: World, obj: Resource) -> Result:
    return await CascadeReconciler(type(obj), earth.client).reconcile(Request(obj.key))


async def delete(earth: World, obj: Resource, propagation: str) -> None:
    await earth.client.delete(type(obj), obj.metadata.name, obj.metadata.namespace, propagation=propagation)


async def test_foreground_waits_for_dependents_that_block(earth: World) -> None:
    top = await owner(earth)
    held = await dependent(earth, "held", top, held=True)
    await dependent(earth, "free", top)
    await delete(earth, top, "Foreground")
    going = await must(earth, Experiment, "owner")
    assert going.metadata.finalizers == [FOREGROUND_FINALIZER]
    assert going.metadata.deletion_timestamp
    assert (await cascade(earth, top)).requeue_after_s
    # A dependent goes with its own dependents first; both were only asked to go.
    free = await must(earth, Experiment, "free")
    assert free.metadata.finalizers == [FOREGROUND_FINALIZER]
    await cascade(earth, free)
    assert await earth.get(Experiment, "free") is None
    await cascade(earth, held)
    assert (await must(earth, Experiment, "held")).metadata.finalizers == [HOLD]
    assert (await cascade(earth, top)).requeue_after_s
    await remove_finalizer(earth.client, held, HOLD)
    assert await earth.get(Experiment, "held") is None
    assert await cascade(earth, top) == Result()
    assert await earth.get(Experiment, "owner") is None


async def test_foreground_does_not_wait_for_dependents_that_do_not_block(earth: World) -> None:
    top = await owner(earth)
    await dependent(earth, "lax", top, blocks=False, held=True)
    await delete(earth, top, "Foreground")
    await cascade(earth, top)
    assert await earth.get(Experiment, "owner") is None
    assert (await must(earth, Experiment, "lax")).metadata.deletion_timestamp


async def test_foreground_leaves_what_another_owner_has_to_it(earth: World) -> None:
    top, second, last = await owner(earth), await owner(earth, "second"), await owner(earth, "last")
    await dependent(earth, "shared", top, second, last)
    await earth.client.delete(Experiment, "last", "default")
    await delete(earth, top, "Foreground")
    assert await cascade(earth, top) == Result()
    shared = await must(earth, Experiment, "shared")
    assert shared.metadata.deletion_timestamp is None
    assert top.metadata.uid not in [ref.uid for ref in shared.metadata.owner_references]
    # The last that lives takes it along.
    await delete(earth, second, "Foreground")
    assert (await cascade(earth, second)).requeue_after_s
    assert (await must(earth, Experiment, "shared")).metadata.deletion_timestamp


async def test_foreground_lets_our_controllers_take_children_down_first(earth: World) -> None:
    top = await owner(earth, "owner", "phoenix.io/experiment")
    await dependent(earth, "child", top)
    await delete(earth, top, "Foreground")
    assert await cascade(earth, top) == Result()
    assert (await must(earth, Experiment, "child")).metadata.deletion_timestamp is None
    await remove_finalizer(earth.client, await must(earth, Experiment, "owner"), "phoenix.io/experiment")
    assert (await cascade(earth, top)).requeue_after_s
    assert (await must(earth, Experiment, "child")).metadata.deletion_timestamp


async def test_orphan_lets_go_of_dependents_and_leaves_others_owners(earth: World) -> None:
    top, second = await owner(earth), await owner(earth, "second")
    await dependent(earth, "alone", top)
    await dependent(earth, "shared", top, second)
    await delete(earth, top, "Orphan")
    assert (await must(earth, Experiment, "owner")).metadata.finalizers == [ORPHAN_FINALIZER]
    await cascade(earth, top)
    assert await earth.get(Experiment, "owner") is None
    assert (await must(earth, Experiment, "alone")).metadata.owner_references == []
    (kept,) = (await must(earth, Experiment, "shared")).metadata.owner_references
    assert kept.uid == second.metadata.uid
    await earth.collect_garbage()
    assert await earth.get(Experiment, "alone") is not None


async def test_an_orphaned_deployments_collectors_run_on(earth: World) -> None:
    await earth.host()
    await earth.deployment()
    await earth.turns(3)
    before = (await earth.client.list(Collector)).items
    assert before
    deployment = await must(earth, PipelineDeployment, "edge")
    await delete(earth, deployment, "Orphan")
    await earth.turns(2)
    await cascade(earth, deployment)
    await earth.turns(3)
    assert await earth.get(PipelineDeployment, "edge") is None
    after = (await earth.client.list(Collector)).items
    assert [item.metadata.uid for item in after] == [item.metadata.uid for item in before]
    assert all(not item.metadata.owner_references and not item.metadata.deletion_timestamp for item in after)


async def test_a_later_policy_replaces_an_earlier_one(earth: World) -> None:
    top = await owner(earth)
    await dependent(earth, "child", top, held=True)
    await delete(earth, top, "Foreground")
    await delete(earth, top, "Orphan")
    assert (await must(earth, Experiment, "owner")).metadata.finalizers == [ORPHAN_FINALIZER]
    await delete(earth, top, "Background")
    assert await earth.get(Experiment, "owner") is None
    await earth.collect_garbage()
    assert (await must(earth, Experiment, "child")).metadata.deletion_timestamp


async def test_cluster_scoped_owners_have_dependents_everywhere(earth: World) -> None:
    host = await earth.client.create(Host(metadata=ObjectMeta(name="h")))
    await earth.client.create(Namespace(metadata=ObjectMeta(name="other")))
    obj = Experiment.from_wire(experiment_wire("far"))
    obj.metadata.namespace = "other"
    obj.metadata.owner_references = [owner_reference(host)]
    await earth.client.create(obj)
    await delete(earth, host, "Foreground")
    await cascade(earth, host)
    far = await earth.client.get(Experiment, "far", "other")
    assert far.metadata.deletion_timestamp
    assert await cascade(earth, far) == Result()
    await cascade(earth, host)
    assert await earth.get(Host, "h", "") is None


async def test_nothing_is_done_to_what_stays_or_is_gone(earth: World) -> None:
    top = await owner(earth, "owner", FOREGROUND_FINALIZER)
    await dependent(earth, "child", top)
    assert await cascade(earth, top) == Result()
    assert (await must(earth, Experiment, "child")).metadata.deletion_timestamp is None
    gone = Experiment.from_wire(experiment_wire("gone"))
    assert await cascade(earth, gone) == Result()
