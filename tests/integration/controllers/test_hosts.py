"""Hosts that fall silent, are removed, or come back: what was being deleted there does not wait for ever."""

from __future__ import annotations

from controllers.hostlifecycle.plan import HEARTBEAT_GRACE_S, LOST_AFTER_S
from phoenix.api.collector import Collector
from phoenix.api.host import Host
from phoenix.api.pipeline import PipelineDeployment
from phoenix.apimachinery.conditions import find_condition
from phoenix.apimachinery.meta import ObjectKey
from phoenix.runtime.reconcile import Request
from tests.integration.controllers.world import World

A = Request(ObjectKey("", "a"))


async def terminating(earth: World) -> None:
    """A deployment whose collector on host a is being deleted, and host a does not answer."""
    await earth.deployment()
    await earth.turns(3)
    earth.dead_hosts.add("a")
    await earth.client.delete(PipelineDeployment, "edge", "default")
    await earth.turns(2)
    assert len((await earth.client.list(Collector)).items) == 1


async def test_a_deployment_whose_host_was_removed_goes_in_the_end(earth: World) -> None:
    hosts = earth.hosts()
    await terminating(earth)
    await earth.client.delete(Host, "a")
    for _ in range(12):
        result = await hosts.reconcile(A)
        if result.requeue_after_s is None:
            break
        await earth.turn(seconds=result.requeue_after_s)
    await earth.turns(2)
    assert await earth.get(PipelineDeployment, "edge") is None
    assert await earth.get(Collector, "edge-a") is None
    assert (await hosts.reconcile(A)).requeue_after_s is None


async def test_a_removed_host_whose_agent_lives_registers_again_in_time(earth: World) -> None:
    """Deleting the Host object ends nothing: what runs there is only let go after a silence."""
    hosts = earth.hosts()
    await terminating(earth)
    await earth.client.delete(Host, "a")
    await hosts.reconcile(A)
    await earth.clock.advance(HEARTBEAT_GRACE_S / 2)
    await earth.host("a")
    await hosts.reconcile(A)
    assert await earth.get(Collector, "edge-a") is not None


async def test_what_is_deleted_on_a_host_lost_long_ago_goes_at_once(earth: World) -> None:
    hosts = earth.hosts()
    await earth.deployment()
    await earth.turns(3)
    earth.dead_hosts.add("a")
    await earth.clock.advance(LOST_AFTER_S + 1)
    await hosts.reconcile(A)
    host = await earth.get(Host, "a", "")
    assert host is not None
    ready = find_condition(host.status.conditions, "Ready")
    assert ready is not None
    assert (ready.status, ready.reason) == ("Unknown", "HeartbeatMissed")
    await earth.client.delete(PipelineDeployment, "edge", "default")
    await earth.turn()
    await hosts.reconcile(A)  # wiring wakes it for each deletion that begins
    await earth.turns(2)
    assert await earth.get(PipelineDeployment, "edge") is None


async def test_a_silent_host_is_said_once(earth: World) -> None:
    hosts = earth.hosts()
    await earth.clock.advance(HEARTBEAT_GRACE_S + 1)
    await hosts.reconcile(A)
    before = await earth.revision()
    for _ in range(3):
        await earth.clock.advance(5)
        await hosts.reconcile(A)
    assert await earth.revision() == before
