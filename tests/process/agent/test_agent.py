"""The agent with a real API server, a real shim and real children."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest

from phoenix.agent import procfs
from phoenix.agent.agent import Agent
from phoenix.agent.config import AgentConfig
from phoenix.agent.errors import StateLocked
from phoenix.agent.logs import follow, log_path
from phoenix.agent.objectrecord import ObjectRecord
from phoenix.agent.records import Identity, StateFolder
from phoenix.api.collector import Collector, CollectorSpec, Engine
from phoenix.api.core import Event
from phoenix.api.experiment import Experiment
from phoenix.api.host import Host
from phoenix.api.loadgenerator import LoadGenerator, LoadGeneratorSpec, Target
from phoenix.api.meter import Meter, MeterSpec
from phoenix.api.process import PROCESS_FINALIZER, MeasurementRef, ProcessPhase, ProcessStatus, RestartPolicy
from phoenix.apimachinery.conditions import find_condition, is_true
from phoenix.apimachinery.errors import Conflict, NotFound
from phoenix.apimachinery.meta import ObjectMeta, Resource
from phoenix.apimachinery.units import Duration
from phoenix.apiserver.config import ServerConfig
from phoenix.apiserver.server import ApiServer
from phoenix.client.config import ClientConfig
from phoenix.client.http import HttpClient
from phoenix.manifest.loader import load_file
from phoenix.samples.model import ProcessSample, SampleKind
from tests.harness.eventually import eventually
from tests.process.agent.conftest import answers

pytestmark = pytest.mark.process
R = TypeVar("R", Collector, LoadGenerator, Meter)
EXAMPLES = Path(__file__).resolve().parents[3] / "resources" / "examples"
CHILD = "tests.harness.children.ready"
PROGRAMS = dict.fromkeys(("collector", "loadgen", "meter"), CHILD)


@dataclass
class World:
    client: HttpClient
    state: StateFolder
    agent: Agent | None = None
    task: asyncio.Task[None] | None = None

    async def start(self, **changes: Any) -> Agent:
        config = AgentConfig(
            self.state.root, host_name="h1", programs=PROGRAMS, orphan_timeout_s=20.0, heartbeat_s=0.5, resources_s=0.5,
            **{"stop_workloads": True, "stop_grace_s": 2.0, **changes},
        )  # fmt: skip
        self.agent = Agent(self.client, config)
        self.task = asyncio.create_task(self.agent.run())
        ready = asyncio.create_task(self.agent.ready.wait())
        await asyncio.wait({self.task, ready}, return_when=asyncio.FIRST_COMPLETED, timeout=15)
        if not ready.done():
            ready.cancel()
            await self.task
        return self.agent

    async def stop(self) -> None:
        if self.task is not None:
            self.task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self.task
            self.task = None

    async def until(self, obj: R, holds: Callable[[ProcessStatus], object], what: str = "", within_s: float = 10) -> R:
        async def look() -> R:
            return await self.client.get(type(obj), obj.metadata.name, "default")

        return await eventually(
            look, lambda found: bool(holds(found.status)), within_s=within_s, what=what, every_s=0.02
        )  # fmt: skip

    async def ready(self, obj: R) -> R:
        return await self.until(obj, lambda status: is_true(status.conditions, "Ready"), "it is ready")

    async def gone(self, obj: Resource) -> None:
        async def look() -> bool:
            try:
                await self.client.get(type(obj), obj.metadata.name, "default")
            except NotFound:
                return True
            return False

        await eventually(look, bool, within_s=10, what=f"{obj.ref} is gone", every_s=0.02)

    async def reasons(self, obj: Resource) -> list[str]:
        events = await self.client.list(Event, "default")
        mine = [event for event in events.items if event.involved_object.uid == obj.metadata.uid]
        return [event.reason for event in sorted(mine, key=lambda event: int(event.metadata.resource_version))]


@asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[HttpClient]:
    async with (
        ApiServer(ServerConfig(state=folder, port=0, tls=False)),
        HttpClient(ClientConfig.from_endpoint_file(folder / "endpoint.json")) as client,
    ):
        yield client


@pytest.fixture
async def world(state: StateFolder) -> AsyncIterator[World]:
    async with serving(state.root) as client:
        found = World(client, state)
        try:
            yield found
        finally:
            await found.stop()


def meter(name: str = "m", **spec: Any) -> Meter:
    spec = {"host": "h1", "variants": ["a"], "stop_grace": Duration("1s"), **spec}
    return Meter(metadata=ObjectMeta(name=name, namespace="default"), spec=MeterSpec(**spec))


def loadgen(*behaviour: str, **spec: Any) -> LoadGenerator:
    targets = [Target(name=name, endpoint="http://127.0.0.1:1") for name in behaviour]
    spec = {"host": "h1", "targets": targets, "stop_grace": Duration("1s"), **spec}
    return LoadGenerator(metadata=ObjectMeta(name="l", namespace="default"), spec=LoadGeneratorSpec(**spec))


def config(*, otlp: str = "${phoenix:port:otlp}", **behaviour: str) -> dict[str, Any]:
    attributes = [{"key": key, "value": value, "action": "upsert"} for key, value in behaviour.items()]
    return {
        "receivers": {"otlp": {"protocols": {"http": {"endpoint": f"${{phoenix:address}}:{otlp}"}}}},
        "processors": {"resource/test": {"attributes": attributes}} if attributes else {},
        "exporters": {"otlphttp": {"endpoint": "http://127.0.0.1:1"}},
        "extensions": {"health_check": {"endpoint": "${phoenix:address}:${phoenix:port:health}"}},
        "service": {
            "extensions": ["health_check"],
            "telemetry": {
                "metrics": {
                    "readers": [
                        {"pull": {"exporter": {"prometheus": {
                            "host": "${phoenix:address}", "port": "${phoenix:port:telemetry}"}}}}
                    ]
                }
            },
            "pipelines": {
                "metrics": {
                    "receivers": ["otlp"],
                    "processors": ["resource/test"] if attributes else [],
                    "exporters": ["otlphttp"],
                }
            },
        },
    }  # fmt: skip


def collector(hash_: str, conf: dict[str, Any], **spec: Any) -> Collector:
    spec = {"host": "h1", "config": conf, "config_hash": hash_, "stop_grace": Duration("1s"), **spec}
    return Collector(metadata=ObjectMeta(name="c", namespace="default"), spec=CollectorSpec(**spec))


async def change(world: World, obj: Collector, hash_: str, conf: dict[str, Any]) -> None:
    while True:
        live = await world.client.get(Collector, obj.metadata.name, "default")
        live.spec.config, live.spec.config_hash = conf, hash_
        with contextlib.suppress(Conflict):
            await world.client.update(live)
            return


async def test_from_object_to_ready_process_and_back(world: World) -> None:
    await world.start()
    obj = await world.client.create(meter())
    obj = await world.ready(obj)
    status = obj.status
    assert status.phase is ProcessPhase.RUNNING
    assert status.pid is not None
    assert set(status.ports) == {"otlp", "health"}
    assert await answers(status.ports["health"])
    assert (status.address, status.restarts, status.observed_generation) == ("127.0.0.1", 0, 1)
    assert status.desired_hash == status.effective_hash != ""
    assert PROCESS_FINALIZER in obj.metadata.finalizers
    folder = world.state.workload(obj.metadata.uid)
    assert {"config.json", "log", "identity.json", "object.json"} <= {path.name for path in folder.iterdir()}
    lines = [line async for line in follow(log_path(world.state.root, obj.metadata.uid), tail_lines=10)]
    assert lines == [f"serving {status.pid}"]
    await world.client.delete(Meter, "m", "default")
    await world.gone(obj)
    assert not procfs.members(status.pid)
    assert not folder.exists()
    assert await world.reasons(obj) == ["ProcessStarted", "ProcessReady", "ProcessExited", "ProcessStopped"]


async def test_the_host_registers_and_beats(world: World) -> None:
    await world.start(labels={"zone": "a"})

    async def look() -> Host:
        with contextlib.suppress(NotFound):
            return await world.client.get(Host, "h1")
        return Host()

    host = await eventually(look, lambda found: is_true(found.status.conditions, "Ready"), within_s=5, what="ready")
    assert host.metadata.labels == {"zone": "a", "kubernetes.io/hostname": "h1", "phoenix.io/host": "h1"}
    assert host.status.cpus > 0
    assert host.status.memory_bytes > 0
    assert host.status.engines[0].version
    first = host.metadata.resource_version
    await eventually(look, lambda found: found.metadata.resource_version != first, within_s=5, what="a heartbeat")
    await world.stop()
    host = await look()
    assert not is_true(host.status.conditions, "Ready")


async def test_crash_loop_backs_off_and_says_why(world: World) -> None:
    await world.start()
    obj = await world.client.create(loadgen("crash"))
    obj = await world.until(obj, lambda status: status.restarts >= 1, "it was started again")
    obj = await world.until(
        obj, lambda s: (c := find_condition(s.conditions, "Ready")) and c.reason == "CrashLoopBackOff", "it backs off"
    )
    status = obj.status
    assert status.last_exit is not None
    assert (status.last_exit.code, status.last_exit.reason) == (7, "Error")
    assert "frobnicator" in status.last_exit.message
    assert status.phase is ProcessPhase.STARTING
    reasons = await world.reasons(obj)
    assert "ProcessBackOff" in reasons
    assert "ProcessExited" in reasons


async def test_invalid_configuration_is_final_until_it_changes(world: World) -> None:
    await world.start()
    obj = await world.client.create(loadgen("invalid"))
    obj = await world.until(obj, lambda status: status.phase is ProcessPhase.FAILED, "it failed")
    condition = find_condition(obj.status.conditions, "Ready")
    assert condition is not None
    assert condition.reason == "ConfigInvalid"
    assert "change it" in condition.message
    assert obj.status.attempted is not None
    assert obj.status.attempted.reason == "ConfigInvalid"
    await world.client.patch(LoadGenerator, "l", "default", {"spec": {"targets": []}})
    await world.ready(obj)


async def test_a_load_that_is_done_succeeds_with_its_count_known_beforehand(world: World) -> None:
    await world.start()
    obj = await world.client.create(loadgen("done"))
    obj = await world.until(obj, lambda status: status.phase is ProcessPhase.SUCCEEDED, "it succeeded")
    assert obj.status.expected_streams == 1208 + 1294
    assert (obj.status.expected_active_series or 0) > 1208
    assert obj.status.restarts == 0


async def test_start_deadline(world: World) -> None:
    await world.start()
    obj = await world.client.create(
        collector("1", config(readyAfter="3600"), progress_deadline=Duration("300ms"),
                  restart_policy=RestartPolicy.NEVER)
    )  # fmt: skip
    obj = await world.until(obj, lambda status: status.phase is ProcessPhase.FAILED, "it failed")
    condition = find_condition(obj.status.conditions, "Ready")
    assert condition is not None
    assert condition.reason == "StartDeadlineExceeded"
    assert obj.status.pid is None


async def test_a_killed_process_is_started_again_on_its_ports(world: World) -> None:
    await world.start()
    obj = await world.ready(await world.client.create(meter()))
    old, ports = obj.status.pid, dict(obj.status.ports)
    assert old is not None
    os.kill(old, signal.SIGKILL)
    obj = await world.until(obj, lambda s: s.restarts == 1 and is_true(s.conditions, "Ready"), "it is back")
    assert obj.status.pid != old
    assert obj.status.ports == ports
    assert obj.status.last_exit is not None
    assert (obj.status.last_exit.signal, obj.status.last_exit.reason) == (9, "Signaled")
    record = ObjectRecord.load(world.state.workload(obj.metadata.uid))
    assert record is not None
    assert record.active_ports == obj.status.ports


async def test_agent_restart_adopts_and_ends_what_was_deleted_meanwhile(world: World) -> None:
    await world.start(stop_workloads=False)
    keep = await world.ready(await world.client.create(meter("keep")))
    drop = await world.ready(await world.client.create(meter("drop")))
    lost = await world.ready(await world.client.create(meter("lost")))
    shim = world.agent.shim_pid if world.agent else None
    await world.stop()
    await world.client.delete(Meter, "drop", "default")
    await world.client.patch(Meter, "lost", "default", {"metadata": {"finalizers": []}})
    await world.client.delete(Meter, "lost", "default")
    assert keep.status.pid is not None
    assert drop.status.pid is not None
    assert lost.status.pid is not None
    agent = await world.start()
    assert agent.shim_pid == shim
    await world.gone(drop)
    assert not procfs.members(drop.status.pid)
    assert not procfs.members(lost.status.pid)
    assert not world.state.workload(lost.metadata.uid).exists()
    found = await world.ready(keep)
    assert found.status.pid == keep.status.pid
    assert found.status.restarts == 0
    assert find_condition(found.status.conditions, "Ready") == find_condition(keep.status.conditions, "Ready")


async def test_an_exit_without_agent_is_learned_of(world: World) -> None:
    await world.start(stop_workloads=False)
    obj = await world.ready(await world.client.create(meter()))
    await world.stop()
    assert obj.status.pid is not None
    os.kill(obj.status.pid, signal.SIGKILL)
    await world.start()
    obj = await world.until(obj, lambda s: s.restarts == 1 and is_true(s.conditions, "Ready"), "it is back")
    assert obj.status.last_exit is not None
    assert obj.status.last_exit.reason == "Signaled"


async def test_shim_and_process_killed_together(world: World) -> None:
    agent = await world.start()
    obj = await world.ready(await world.client.create(meter()))
    shim = agent.shim_pid
    assert obj.status.pid is not None
    assert shim is not None
    os.kill(shim, signal.SIGKILL)
    os.kill(obj.status.pid, signal.SIGKILL)
    obj = await world.until(obj, lambda s: s.restarts == 1 and is_true(s.conditions, "Ready"), "it is back")
    assert obj.status.last_exit is not None
    assert obj.status.last_exit.reason == "Unknown"


async def test_second_agent_is_refused(world: World) -> None:
    await world.start()
    with pytest.raises(StateLocked, match="another agent"):
        await Agent(world.client, AgentConfig(world.state.root, host_name="h2")).run()


async def test_changed_configuration_switches_without_a_gap(world: World) -> None:
    await world.start()
    obj = await world.ready(await world.client.create(collector("1", config(a="1"))))
    old_pid, old_ports = obj.status.pid, obj.status.ports
    await change(world, obj, "2", config(a="2"))
    obj = await world.until(obj, lambda s: s.effective_hash == "2", "it switched")
    assert obj.status.pid != old_pid
    assert set(obj.status.ports.values()).isdisjoint(old_ports.values())
    assert obj.status.gap == ""
    assert obj.status.restarts == 0
    assert await answers(obj.status.ports["health"])
    assert old_pid is not None
    await eventually(lambda: _async(procfs.members(old_pid)), lambda left: not left, within_s=5, what="old one gone")


async def _async(value: Any) -> Any:
    return value


@pytest.mark.parametrize("bad", ["refused", "crash", "invalid"])
async def test_a_bad_configuration_leaves_the_old_one_running(world: World, bad: str) -> None:
    await world.start()
    obj = await world.ready(await world.client.create(collector("1", config(a="1"))))
    pid = obj.status.pid
    conf = {**config(), "exporters": {"nonsense": {}}} if bad == "refused" else config(**{bad: "1"})
    await change(world, obj, "2", conf)
    obj = await world.until(obj, lambda s: s.attempted and s.attempted.reason and s.attempted.config_hash == "2", "no")
    assert obj.status.attempted is not None
    assert obj.status.attempted.reason == ("StartFailed" if bad == "crash" else "ConfigInvalid")
    words = {"refused": "nonsense", "crash": "frobnicator", "invalid": "change it"}
    assert words[bad] in obj.status.attempted.message
    assert (obj.status.pid, obj.status.effective_hash, obj.status.desired_hash) == (pid, "1", "2")
    assert is_true(obj.status.conditions, "Ready")
    await change(world, obj, "1", config(a="1"))
    obj = await world.until(obj, lambda s: s.desired_hash == "1", "back")
    assert obj.status.pid == pid


async def test_fixed_port_rolls_back_and_states_the_gap(world: World) -> None:
    await world.start()
    obj = await world.ready(await world.client.create(collector("1", config(otlp="14999", a="1"))))
    pid = obj.status.pid
    await change(world, obj, "2", config(otlp="14999", crash="1"))
    obj = await world.until(obj, lambda s: s.gap and is_true(s.conditions, "Ready"), "the old one is back")
    assert obj.status.pid != pid
    assert obj.status.effective_hash == "1"
    assert obj.status.attempted is not None
    assert obj.status.attempted.reason == "StartFailed"
    assert "nothing served for" in obj.status.gap
    await change(world, obj, "3", config(otlp="14999", a="3"))
    obj = await world.until(obj, lambda s: s.effective_hash == "3" and is_true(s.conditions, "Ready"), "it replaced")
    assert "nothing served for" in obj.status.gap


async def test_measured_collector_gives_a_sample_a_window(world: World) -> None:
    await world.start()
    (found,) = load_file(EXAMPLES / "http-microservices.yaml")
    wire = {**found.wire, "metadata": {"name": "x", "namespace": "default"}}
    await world.client.create(Experiment.from_wire(wire))  # samples are kept for experiments that exist
    measurement = MeasurementRef(experiment="x", variant="base", window=Duration("200ms"))
    obj = await world.ready(await world.client.create(collector("1", config(), measurement=measurement)))

    posted: list[ProcessSample] = []

    async def look() -> list[ProcessSample]:
        with contextlib.suppress(NotFound):
            found = await world.client.list_samples("default", "x", run=1, kind=SampleKind.PROCESS)
            posted[:] = [item for item in found if isinstance(item, ProcessSample)]
        return posted

    samples = await eventually(look, lambda found: len(found) >= 3, within_s=10, what="samples", every_s=0.1)
    assert [s.window_end - s.window_start for s in samples] == [200_000_000] * len(samples)
    assert all(s.window_start % 200_000_000 == 0 for s in samples)
    assert samples[0].window_end == samples[1].window_start
    assert {s.variant for s in samples} == {"base"}
    assert samples[0].rss_bytes > samples[0].uss_bytes > 0
    assert obj.status.pid is not None


async def test_a_real_collector_binary_is_found_asked_and_executed(world: World, tmp_path: Path) -> None:
    binary = tmp_path / "otelcol"
    binary.write_text(
        "#!/bin/sh\n"
        'case "$1" in\n'
        "--version) echo otelcol version 0.155.0;;\n"
        'validate) if grep -q nonsense "$3"; then echo "unknown type: nonsense" >&2; exit 1; fi;;\n'
        f'*) exec "{sys.executable}" -m {CHILD} "$@";;\n'
        "esac\n"
    )
    binary.chmod(0o700)
    await world.start(otelcol_path=str(binary))
    host = await world.client.get(Host, "h1")
    assert [(engine.engine, engine.version) for engine in host.status.engines][1] == ("Otelcol", "0.155.0")
    obj = await world.ready(await world.client.create(collector("1", config(a="1"), engine=Engine.OTELCOL)))
    pid = obj.status.pid
    await change(world, obj, "2", {**config(), "exporters": {"nonsense": {}}})
    obj = await world.until(obj, lambda s: s.attempted and s.attempted.reason == "ConfigInvalid", "it was rejected")
    assert obj.status.attempted is not None
    assert "unknown type: nonsense" in obj.status.attempted.message
    assert (obj.status.pid, obj.status.effective_hash) == (pid, "1")


async def test_the_server_may_go_away_meanwhile(state: StateFolder) -> None:
    server = ApiServer(ServerConfig(state=state.root, port=0, tls=False))
    await server.start()
    try:
        async with HttpClient(ClientConfig.from_endpoint_file(state.root / "endpoint.json")) as client:
            world = World(client, state)
            await world.start(stop_workloads=True)
            obj = await world.ready(await client.create(meter()))
            await server.stop()
            assert obj.status.pid is not None
            os.kill(obj.status.pid, signal.SIGKILL)

            async def identity() -> Identity | None:
                return Identity.load(state.identity(obj.metadata.uid))

            found = await eventually(
                identity, lambda found: found is not None and found.pid != obj.status.pid, within_s=10, what="back"
            )
            assert found is not None
            assert found.runs()
            await world.stop()
    finally:
        await server.stop()
