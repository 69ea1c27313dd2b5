"""An agent that comes back after an hour: what is still wanted is adopted, what is not is ended."""

from __future__ import annotations

import pytest

from controllers.hostlifecycle.reconciler import HostLifecycleReconciler
from phoenix.agent import procfs
from phoenix.aio.clock import SYSTEM_CLOCK
from phoenix.aio.testing import ManualClock
from phoenix.api.host import Host
from phoenix.api.meter import Meter
from phoenix.apimachinery.conditions import find_condition
from phoenix.apimachinery.errors import NotFound
from phoenix.apimachinery.meta import ObjectKey
from phoenix.runtime.events import EventRecorder
from phoenix.runtime.reconcile import Request
from tests.process.agent.world import World, meter

pytestmark = pytest.mark.process
HOUR_S = 3600.0
H1 = Request(ObjectKey("", "h1"))


async def running(world: World, name: str) -> int:
    """Pid of its process, once ready."""
    made = await world.client.create(meter(name))
    pid = (await world.ready(made)).status.pid
    assert pid is not None
    return pid


async def test_after_an_hour(world: World) -> None:
    clock = ManualClock(SYSTEM_CLOCK.now())
    hosts = HostLifecycleReconciler(world.client, EventRecorder(world.client, "test", clock=clock), clock)
    await world.start(stop_workloads=False)
    stays, goes = await running(world, "stays"), await running(world, "goes")
    await world.stop()
    assert procfs.read_stat(stays) is not None
    assert procfs.read_stat(goes) is not None

    await world.client.delete(Meter, "goes", "default")
    await hosts.reconcile(H1)
    assert await world.client.get(Meter, "goes", "default"), "its host may come back"
    await clock.advance(HOUR_S)
    await hosts.reconcile(H1)
    with pytest.raises(NotFound):
        await world.client.get(Meter, "goes", "default")
    host = await world.client.get(Host, "h1")
    said = find_condition(host.status.conditions, "Ready")
    assert said is not None
    assert (said.status, said.reason) == ("Unknown", "HostLost")
    assert procfs.read_stat(goes) is not None, "nobody was there to end it"
    await world.client.create(meter("new"))

    await world.start()
    kept = await world.ready(meter("stays"))
    assert (kept.status.pid, kept.status.restarts) == (stays, 0), "adopted, not started again"
    await world.ready(meter("new"))
    left = procfs.read_stat(goes)
    assert left is None or left.ended, "nobody wants it any more"
    said = find_condition((await world.client.get(Host, "h1")).status.conditions, "Ready")
    assert said is not None
    assert said.status == "True"
