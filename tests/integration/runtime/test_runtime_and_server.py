"""Informers and controllers on the real API server: restarts, compaction-proof order, status, finalizers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from phoenix.api.host import Host, HostSpec
from phoenix.apimachinery.errors import NotFound
from phoenix.apimachinery.meta import ObjectKey, ObjectMeta, controller_of, owner_reference
from phoenix.apiserver.server import ApiServer, ServerConfig
from phoenix.client.config import ClientConfig
from phoenix.client.http import HttpClient
from phoenix.client.interface import Client
from phoenix.runtime.finalizers import add_finalizer, remove_finalizer
from phoenix.runtime.informer import Informer
from phoenix.runtime.manager import Manager
from phoenix.runtime.reconcile import Request, Result
from phoenix.runtime.status import patch_status
from tests.unit.runtime.miniapi import eventually

FINALIZER = "phoenix.io/test"
WANTED = 5


@asynccontextmanager
async def serving(state: Path) -> AsyncIterator[HttpClient]:
    async with (
        ApiServer(ServerConfig(state=state, port=0)),
        HttpClient(ClientConfig.from_endpoint_file(state / "endpoint.json")) as client,
    ):
        yield client


@asynccontextmanager
async def managing(manager: Manager) -> AsyncIterator[None]:
    stop = asyncio.Event()
    task = asyncio.create_task(manager.run(stop))
    try:
        async with asyncio.timeout(40):
            await manager.started.wait()
        yield
    finally:
        stop.set()
        async with asyncio.timeout(40):
            await task


class Family:
    """Keeps WANTED children beside each parent, counts them in its status, and cleans up before it goes."""

    def __init__(self, client: Client, hosts: Informer[Host]) -> None:
        self.client, self.hosts = client, hosts
        self.reconciles = 0
        self.surprises = 0

    async def reconcile(self, request: Request) -> Result:
        self.reconciles += 1
        parent = self.hosts.get(request.key)
        if parent is None or controller_of(parent) is not None:
            return Result()
        children = self.hosts.by_owner(parent.metadata.uid)
        if parent.metadata.deletion_timestamp:
            for child in children:
                await self.client.delete(Host, child.metadata.name)
            if not children:
                await remove_finalizer(self.client, parent, FINALIZER)
            return Result()
        parent = await add_finalizer(self.client, parent, FINALIZER)
        if len(children) > WANTED:
            self.surprises += 1
        for number in range(len(children), WANTED):
            meta = ObjectMeta(generate_name=f"{parent.metadata.name}-{number}-")
            await self.client.create(
                Host(metadata=meta.model_copy(update={"owner_references": [owner_reference(parent)]}))
            )
        status = parent.status.model_copy(update={"processes": len(children)})
        await patch_status(self.client, parent, status)
        return Result()


def family(client: HttpClient) -> tuple[Manager, Family]:
    manager = Manager(client)
    hosts = manager.informer(Host)
    reconciler = Family(manager.client, hosts)
    manager.controller("family", reconciler).reconciles(hosts).owns(hosts, Host)
    return manager, reconciler


async def children_of(client: HttpClient, parent: str) -> list[str]:
    listed = (await client.list(Host)).items
    return [obj.metadata.name for obj in listed if (ref := controller_of(obj)) and ref.name == parent]


async def test_a_controller_brings_up_keeps_up_and_cleans_up(tmp_path):
    """Children have generated names: a run that did not see the children it made before would make more."""
    async with serving(tmp_path / "state") as client:
        manager, reconciler = family(client)
        async with managing(manager):
            for number in range(4):
                await client.create(Host(metadata=ObjectMeta(name=f"p{number}")))
            hosts = manager.informer(Host)
            await eventually(lambda: len(hosts) == 4 * (WANTED + 1), deadline_s=10)
            await eventually(
                lambda: all(
                    (p := hosts.get(ObjectKey("", f"p{n}"))) and p.status.processes == WANTED for n in range(4)
                ),
                deadline_s=10,
            )
            assert reconciler.surprises == 0
            (victim, *_) = await children_of(client, "p1")
            await client.delete(Host, victim)
            await eventually(lambda: hosts.get(ObjectKey("", victim)) is None)
            await eventually(lambda: len(hosts) == 4 * (WANTED + 1), deadline_s=10)
            await client.delete(Host, "p0")
            await eventually(lambda: hosts.get(ObjectKey("", "p0")) is None, deadline_s=10)
            assert await children_of(client, "p0") == []
            assert reconciler.surprises == 0


async def test_running_again_changes_nothing(tmp_path):
    async with serving(tmp_path / "state") as client:
        manager, _ = family(client)
        async with managing(manager):
            await client.create(Host(metadata=ObjectMeta(name="p")))
            hosts = manager.informer(Host)
            await eventually(lambda: (p := hosts.get(ObjectKey("", "p"))) and p.status.processes == WANTED)
        before = (await client.list(Host)).resource_version
        manager, reconciler = family(client)
        async with managing(manager):
            await eventually(lambda: reconciler.reconciles >= WANTED + 1)
            await eventually(lambda: all(controller.queue.idle for controller in manager._controllers))
        assert (await client.list(Host)).resource_version == before


async def test_absent_and_cancelled_midway_do_no_harm(tmp_path):
    async with serving(tmp_path / "state") as client:
        manager, reconciler = family(client)
        async with managing(manager):
            assert await reconciler.reconcile(Request(ObjectKey("", "nobody"))) == Result()
            await client.create(Host(metadata=ObjectMeta(name="p")))
            # Stopped after each possible number of turns, begun again each time: in the end it is whole.
            for turns in (1, 2, 4, 8, 16):
                task = asyncio.create_task(reconciler.reconcile(Request(ObjectKey("", "p"))))
                for _ in range(turns):
                    await asyncio.sleep(0)
                task.cancel()
                await asyncio.wait({task})
            hosts = manager.informer(Host)
            await eventually(lambda: (p := hosts.get(ObjectKey("", "p"))) and p.status.processes >= WANTED)


async def test_an_informer_follows_over_a_restart_of_the_server(tmp_path):
    state = tmp_path / "state"
    told: list[str] = []
    async with serving(state) as client:
        await client.create(Host(metadata=ObjectMeta(name="a")))
    async with HttpClient(ClientConfig.from_endpoint_file(state / "endpoint.json")) as follower:
        informer = Informer(follower, Host)
        informer.add_handler(lambda old, new: told.append(f"{old and old.metadata.name}>{new and new.metadata.name}"))
        task = asyncio.create_task(informer.run())
        try:
            async with serving(state):
                async with asyncio.timeout(40):
                    await informer.wait_synced()
            # Another port, another process in all but name; what happened in between must not be missed.
            async with serving(state) as client:
                await client.create(Host(metadata=ObjectMeta(name="b"), spec=HostSpec(unschedulable=True)))
                await client.delete(Host, "a")
                await eventually(lambda: len(told) == 3, deadline_s=10)
        finally:
            task.cancel()
            await asyncio.wait({task})
    assert told == ["None>a", "None>b", "a>None"]


async def test_status_and_finalizers_against_the_real_rules(tmp_path):
    async with serving(tmp_path / "state") as client:
        stale = await client.create(Host(metadata=ObjectMeta(name="a")))
        await client.patch(Host, "a", "", {"spec": {"unschedulable": True}})
        stored = await patch_status(client, stale, stale.status.model_copy(update={"cpus": 2, "address": "x"}))
        assert (stored.status.cpus, stored.spec.unschedulable) == (2, True)
        same = await patch_status(client, stored, stored.status.model_copy(deep=True))
        assert same is stored
        held = await add_finalizer(client, stale, FINALIZER)
        await client.delete(Host, "a")
        assert (await client.get(Host, "a")).metadata.deletion_timestamp
        await remove_finalizer(client, held, FINALIZER)
        try:
            await client.get(Host, "a")
        except NotFound:
            return
        raise AssertionError("the last finalizer went, the object did not")
