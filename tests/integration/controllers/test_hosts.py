"""Hosts that fall silent, are removed, or come back: what was being deleted there does not wait for ever."""

from __future__ import annotations

from controllers.hostlifecycle.plan import HEARTBEAT_GRACE_S, LOST_AFTER_S
from phoenix.api.collector import Collector
from phoenix.api.experiment import Experiment
from phoenix.api.host import Host
from phoenix.api.pipeline import PipelineDeployment
from phoenix.apimachinery.conditions import find_condition, is_true, parse_timestamp
from phoenix.apimachinery.meta import ObjectKey
from phoenix.runtime.reconcile import Request
from tests.integration.controllers.world import World

A, B = (Request(ObjectKey("", name)) for name in "ab")


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
    assert (ready.status, ready.reason) == ("Unknown", "HostLost")
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


async def test_what_runs_on_a_silent_host_is_unknown_until_its_agent_speaks_again(earth: World) -> None:
    hosts = earth.hosts()
    await earth.deployment()
    await earth.turns(3)
    earth.dead_hosts.add("a")
    await earth.clock.advance(HEARTBEAT_GRACE_S + 1)
    await hosts.reconcile(A)
    collector = await earth.get(Collector, "edge-a")
    assert collector is not None
    ready = find_condition(collector.status.conditions, "Ready")
    assert ready is not None
    assert (ready.status, ready.reason) == ("Unknown", "HostNotReady")
    assert "no heartbeat since" in ready.message
    assert collector.status.phase == "Running", "what it was last seen doing stays said"
    earth.dead_hosts.clear()
    await earth.host("a")
    await earth.turn()
    await hosts.reconcile(A)
    collector = await earth.get(Collector, "edge-a")
    assert collector is not None
    assert is_true(collector.status.conditions, "Ready")


async def measuring(earth: World, *hosts: str) -> Experiment:
    """An experiment that measures on these hosts; all windows are still to come."""
    for host in hosts:
        await earth.host(host)
    await earth.experiment()
    for _ in range(8):
        await earth.turn(seconds=1)
    found = await earth.get(Experiment, "x")
    assert found is not None
    assert (found.status.phase, found.status.hosts) == ("Running", list(hosts))
    return found


async def test_a_run_on_a_lost_host_is_invalid_and_says_why(earth: World) -> None:
    hosts = earth.hosts()
    await measuring(earth, "a", "b")
    earth.dead_hosts.add("b")
    for _ in range(80):
        await hosts.reconcile(B)
        await earth.turn(seconds=5)
        found = await earth.get(Experiment, "x")
        assert found is not None
        if found.status.verdict:
            break
    assert found.status.verdict == "Invalid"
    assert "host b was lost: no heartbeat since" in found.status.verdict_reason
    for _ in range(8):
        await hosts.reconcile(B)
        await earth.turn(seconds=1)
    done = await earth.get(Experiment, "x")
    assert done is not None
    assert done.status.phase == "Completed", "what was on the lost host is let go"


async def test_the_verdict_waits_for_a_host_that_was_cut_off_at_the_end(earth: World) -> None:
    """Its samples wait on it; they come when it can be reached again, a little after its heartbeat."""
    reconciler = earth.experiments()
    experiment = await measuring(earth, "a", "b")
    assert experiment.status.measure_to is not None
    end = parse_timestamp(experiment.status.measure_to)

    async def after_end(seconds: float) -> Experiment:
        await earth.clock.advance((end - earth.clock.now()).total_seconds() + seconds)
        await earth.host("a")
        await reconciler.reconcile(Request(experiment.key))
        found = await earth.get(Experiment, "x")
        assert found is not None
        return found

    for seconds in (5, 20, 120):
        found = await after_end(seconds)
        assert not found.status.verdict
        draining = find_condition(found.status.conditions, "Measuring")
        assert draining is not None
        assert (draining.reason, "of b: no heartbeat since" in draining.message) == ("Draining", True)
    await earth.host("b")
    assert not (await after_end(122)).status.verdict, "its reporters are a little later than its heartbeat"
    assert (await after_end(132)).status.verdict == "Invalid"  # nobody metered anything in this world


async def test_no_verdict_waits_for_ever(earth: World) -> None:
    reconciler = earth.experiments()
    experiment = await measuring(earth, "a", "b")
    await earth.clock.advance(LOST_AFTER_S + 30)
    await reconciler.reconcile(Request(experiment.key))
    found = await earth.get(Experiment, "x")
    assert found is not None
    assert found.status.verdict == "Invalid"
