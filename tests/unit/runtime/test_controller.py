"""Controllers and the manager: outcomes by type, mappings, order, caches that must have seen our writes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from phoenix.aio.tasks import cancel_and_wait
from phoenix.aio.testing import ManualClock
from phoenix.api.host import Host
from phoenix.apimachinery.errors import Conflict
from phoenix.apimachinery.meta import ObjectKey, ObjectMeta
from phoenix.runtime.controller import Controller
from phoenix.runtime.manager import Manager
from phoenix.runtime.reconcile import Request, Result, RetryAfter, TerminalError
from tests.unit.runtime.miniapi import HOSTS, api_and_client, eventually, host

KEY = ObjectKey("", "a")


class Recorder:
    """A reconciler that notes its calls and does what the test says."""

    def __init__(self, act: Callable[[Request], Awaitable[Result]] | None = None) -> None:
        self.calls: list[str] = []
        self.act = act

    async def reconcile(self, request: Request) -> Result:
        self.calls.append(str(request.key))
        return await self.act(request) if self.act else Result()


@asynccontextmanager
async def working(reconciler: Recorder, clock: ManualClock) -> AsyncIterator[Controller]:
    controller = Controller("test", reconciler, clock=clock)
    task = asyncio.create_task(controller.run())
    try:
        yield controller
    finally:
        await cancel_and_wait(task)


def raising(*errors: Exception) -> Callable[[Request], Awaitable[Result]]:
    left = list(errors)

    async def act(request: Request) -> Result:
        if left:
            raise left.pop(0)
        return Result()

    return act


@pytest.mark.parametrize(
    ("error", "retried_after_s", "level", "logged"),
    [
        (TerminalError("nope"), None, logging.ERROR, "cannot go on until the object changes: nope"),
        (RetryAfter(7), 7, logging.DEBUG, "will be retried"),
        (ValueError("bug"), 0.05, logging.ERROR, "failed: bug"),
        (Conflict("stale"), 0.05, logging.INFO, "acted on an old read"),
        (ExceptionGroup("g", [RetryAfter(7)]), 7, logging.DEBUG, "will be retried"),
        (asyncio.CancelledError(), 0.05, logging.ERROR, "cancelled from inside"),
    ],
)
async def test_the_type_of_an_error_decides(error, retried_after_s, level, logged, caplog):
    caplog.set_level(logging.DEBUG)
    clock, reconciler = ManualClock(), Recorder(raising(error))
    async with working(reconciler, clock) as controller:
        controller.enqueue(KEY)
        await clock.settle()
        assert reconciler.calls == ["a"]
        assert any(record.levelno == level and logged in record.getMessage() for record in caplog.records)
        if retried_after_s is None:
            await clock.advance(1000)
            assert reconciler.calls == ["a"]
        else:
            await clock.advance(retried_after_s * 0.8)
            assert reconciler.calls == ["a"]
            await clock.advance(retried_after_s * 0.3)
            assert reconciler.calls == ["a", "a"]
            assert controller.queue.failures(KEY) == 0, "success forgets"


async def test_requeue_after_comes_again():
    clock = ManualClock()

    async def act(request: Request) -> Result:
        return Result(requeue_after_s=10)

    async with working(reconciler := Recorder(act), clock) as controller:
        controller.enqueue(KEY)
        await clock.advance(25)
        assert reconciler.calls == ["a", "a", "a"]


async def test_failures_of_one_key_do_not_delay_another():
    clock = ManualClock()

    async def act(request: Request) -> Result:
        if request.key == KEY:
            raise ValueError("bug")
        return Result()

    async with working(reconciler := Recorder(act), clock) as controller:
        for _ in range(3):
            controller.enqueue(KEY)
            controller.enqueue(ObjectKey("", "b"))
            await clock.settle()
        assert reconciler.calls.count("b") == 3


async def test_stopping_cancels_a_reconcile_midway_and_waits_for_its_clean_up():
    clock, ended = ManualClock(), []

    async def act(request: Request) -> Result:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append(request.key)
        return Result()

    async with working(Recorder(act), clock) as controller:
        controller.enqueue(KEY)
        await clock.settle()
    assert ended == [KEY]


@asynccontextmanager
async def managing(manager: Manager) -> AsyncIterator[asyncio.Event]:
    stop = asyncio.Event()
    task = asyncio.create_task(manager.run(stop))
    try:
        async with asyncio.timeout(5):
            await manager.started.wait()
        yield stop
    finally:
        stop.set()
        async with asyncio.timeout(5):
            await task


async def test_manager_syncs_first_and_maps_changes_to_keys():
    async with api_and_client() as (api, client):
        for name in ("a", "child"):
            api.put(f"{HOSTS}/{name}", host(name, owner_uid="u" if name == "child" else ""))
        manager = Manager(client)
        hosts = manager.informer(Host)
        selves, owners, mapped = Recorder(), Recorder(), Recorder()
        manager.controller("selves", selves).reconciles(hosts, when=lambda old, new: new is not None)
        manager.controller("owners", owners).owns(hosts, Host)
        manager.controller("mapped", mapped).watches(hosts, lambda obj: (ObjectKey("", f"of-{obj.metadata.name}"),))
        async with managing(manager):
            assert hosts.has_synced
            await eventually(lambda: sorted(selves.calls) == ["a", "child"] and len(mapped.calls) == 2)
            assert owners.calls == ["owner"]
            assert sorted(mapped.calls) == ["of-a", "of-child"]
            selves.calls.clear()
            api.remove(f"{HOSTS}/child")
            await eventually(lambda: owners.calls == ["owner", "owner"])
            assert selves.calls == [], "when= left it out"
        assert not manager.started.is_set()


async def test_manager_stops_while_the_server_is_away():
    async with api_and_client() as (_, client):
        pass
    manager, stop = Manager(client), asyncio.Event()
    manager.informer(Host)
    client._transport._closed = False  # the server is gone, the client is not
    task = asyncio.create_task(manager.run(stop))
    await asyncio.sleep(0.05)
    assert not manager.started.is_set()
    stop.set()
    async with asyncio.timeout(5):
        await task
    await client.close()


async def test_manager_ends_on_a_defect_of_the_machinery():
    async with api_and_client() as (_, client):
        manager = Manager(client)

        async def broken() -> None:
            raise ZeroDivisionError

        manager.add_loop("broken", broken)
        with pytest.raises(ExceptionGroup) as caught:
            async with asyncio.timeout(5):
                await manager.run()
        assert caught.group_contains(ZeroDivisionError)


async def test_a_key_does_not_run_again_on_a_cache_older_than_its_last_write():
    """Each run creates child N+1 of the N it sees: a stale read would ask for a name that is taken."""
    async with api_and_client() as (api, client):
        api.put(f"{HOSTS}/a", host("a"))
        manager = Manager(client)
        hosts = manager.informer(Host)
        seen: list[int] = []

        async def act(request: Request) -> Result:
            children = len(hosts) - 1
            seen.append(children)
            if children < 20:
                await manager.client.create(Host(metadata=ObjectMeta(name=f"child-{children}")))
                controller.enqueue(KEY)
            return Result()

        controller = manager.controller("test", Recorder(act))
        controller.watches(hosts, lambda obj: (KEY,))
        async with managing(manager):
            await eventually(lambda: seen and seen[-1] == 20)
        assert seen[:21] == list(range(21))
