"""An agent cut off from its server: what is wanted goes on, nothing measured is lost, and all is caught up after."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from controllers.hostlifecycle.plan import HostPatience
from controllers.hostlifecycle.reconciler import HostLifecycleReconciler
from phoenix.agent import procfs
from phoenix.agent.records import StateFolder
from phoenix.aio.clock import SYSTEM_CLOCK
from phoenix.api.collector import Collector
from phoenix.api.experiment import Experiment
from phoenix.api.host import Host
from phoenix.api.meter import Meter
from phoenix.api.process import MeasurementRef
from phoenix.apimachinery.conditions import find_condition
from phoenix.apimachinery.meta import ObjectKey
from phoenix.apimachinery.units import Duration
from phoenix.client.config import ClientConfig
from phoenix.client.http import HttpClient
from phoenix.runtime.events import EventRecorder
from phoenix.runtime.reconcile import Request
from phoenix.samples.model import Sample
from tests.harness.eventually import eventually
from tests.harness.link import Link, link
from tests.process.agent.world import World, collector, config, meter, serving

pytestmark = pytest.mark.process
WINDOW_NS = 500_000_000


@dataclass
class Apart:
    """The world whose agent speaks over a link; `near` is the server's own side."""

    world: World
    near: HttpClient
    line: Link
    hosts: HostLifecycleReconciler

    async def ready(self, kind: type[Any], name: str, namespace: str = "default") -> tuple[str, str]:
        """Status and reason of an object's Ready condition."""
        found = await self.near.get(kind, name, namespace)
        ready = find_condition(found.status.conditions, "Ready")
        return (str(ready.status), ready.reason) if ready else ("", "")


@pytest.fixture
async def apart(state: StateFolder) -> AsyncIterator[Apart]:
    async with serving(state.root) as near, link(int(near.server.rsplit(":", 1)[1])) as line:
        found = ClientConfig.from_endpoint_file(state.root / "endpoint.json")
        through = replace(found, server=f"http://127.0.0.1:{line.port}", source=None)
        async with HttpClient(through, timeout_s=1.0) as far:
            hosts = HostLifecycleReconciler(
                near, EventRecorder(near, "test"), SYSTEM_CLOCK, HostPatience(grace_s=1.5, lost_after_s=60)
            )
            world = World(far, state)
            try:
                yield Apart(world, near, line, hosts)
            finally:
                line.mend()
                await world.stop()


def measured() -> Collector:
    """A collector that is measured in windows of half a second."""
    measurement = MeasurementRef(experiment="x", run=1, variant="lean", window=Duration("500ms"))
    return collector("h", config(), measurement=measurement)


def suspended() -> Experiment:
    variants = [
        {"name": name, "role": role, "pipeline": {"config": {"service": {"pipelines": {"metrics": {}}}}}}
        for name, role in (("base", "Baseline"), ("lean", "Candidate"))
    ]
    return Experiment.from_wire(
        {
            "metadata": {"name": "x", "namespace": "default"},
            "spec": {"suspend": True, "source": {"load": {"profileRef": {"name": "p"}}}, "variants": variants},
        }
    )


@pytest.mark.parametrize("silently", [True, False], ids=["nothing comes through", "connections break"])
async def test_cut_off_for_a_while(apart: Apart, silently: bool) -> None:
    near, line, world = apart.near, apart.line, apart.world
    await near.create(suspended())
    for obj in (meter("keep"), meter("goes"), measured()):
        await near.create(obj)
    await world.start()
    kept = await eventually(
        lambda: near.get(Meter, "keep", "default"), lambda found: found.status.pid, within_s=40, what="it runs"
    )
    for kind, name in ((Meter, "keep"), (Meter, "goes"), (Collector, "c")):
        await eventually(
            lambda kind=kind, name=name: apart.ready(kind, name),
            lambda found: found[0] == "True",
            within_s=40,
            what=name,
        )
    await eventually(lambda: samples(near), lambda found: len(found) >= 2, within_s=40, what="samples come")
    pid = kept.status.pid
    assert pid is not None

    line.cut(silently=silently)
    await near.delete(Meter, "goes", "default")
    await near.create(meter("new"))

    async def judged() -> tuple[str, str]:
        await apart.hosts.reconcile(Request(ObjectKey("", "h1")))
        return await apart.ready(Host, "h1", "")

    await eventually(judged, lambda found: found == ("Unknown", "HeartbeatMissed"), within_s=40, what="it is silent")
    assert await apart.ready(Meter, "keep") == ("Unknown", "HostNotReady")
    assert await apart.ready(Collector, "c") == ("Unknown", "HostNotReady")
    assert procfs.read_stat(pid) is not None, "what is wanted goes on"
    before = {item.window_start for item in await samples(near)}
    await asyncio.sleep(1.0)  # at least one more window that nobody hears of
    assert {item.window_start for item in await samples(near)} == before

    line.mend()
    for kind, name in ((Meter, "keep"), (Meter, "new"), (Collector, "c")):
        await eventually(
            lambda kind=kind, name=name: apart.ready(kind, name),
            lambda found: found[0] == "True",
            within_s=40,
            what=name,
        )
    await world.gone(meter("goes"))
    await eventually(
        lambda: apart.ready(Host, "h1", ""), lambda found: found[0] == "True", within_s=40, what="the host"
    )
    kept = await near.get(Meter, "keep", "default")
    assert (kept.status.pid, kept.status.restarts) == (pid, 0), "the same process all along"
    mended_at = max(before) + 4 * WINDOW_NS
    after = await eventually(
        lambda: samples(near),
        lambda found: any(item.window_start >= mended_at for item in found),
        within_s=40,
        what="more",
    )
    starts = sorted(item.window_start for item in after)
    assert starts == list(range(starts[0], starts[-1] + WINDOW_NS, WINDOW_NS)), "every window, each once"


async def samples(client: HttpClient) -> list[Sample]:
    return list(await client.list_samples("default", "x", run=1))
