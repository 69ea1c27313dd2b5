"""The agent with a real API server, a real shim and real children."""

from __future__ import annotations

import contextlib
import json
import os
import signal

import orjson
import pytest

from phoenix.agent import procfs
from phoenix.agent.agent import Agent
from phoenix.agent.config import AgentConfig
from phoenix.agent.errors import StateLocked
from phoenix.agent.logs import follow, log_path
from phoenix.agent.objectrecord import ObjectRecord
from phoenix.api.host import Host
from phoenix.api.loadgenerator import LoadGenerator
from phoenix.api.meter import Meter
from phoenix.api.process import PROCESS_FINALIZER, MeasurementRef, ProcessPhase, RestartPolicy
from phoenix.apimachinery.conditions import find_condition, is_true
from phoenix.apimachinery.errors import Conflict, Forbidden, NotFound, Unauthorized
from phoenix.apimachinery.units import Duration
from phoenix.client.config import ClientConfig
from phoenix.client.http import HttpClient
from tests.harness.eventually import eventually
from tests.process.agent.conftest import answers
from tests.process.agent.world import World, collector, config, loadgen, meter

pytestmark = pytest.mark.process
WHOAMI = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
JSON = {"Content-Type": "application/json"}


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
    assert await world.told(obj, "ProcessStopped") == [
        "ProcessStarted",
        "ProcessReady",
        "ProcessExited",
        "ProcessStopped",
    ]


async def test_the_host_registers_and_beats(world: World) -> None:
    await world.start(labels={"zone": "a"})

    async def look() -> Host:
        with contextlib.suppress(NotFound):
            return await world.client.get(Host, "h1")
        return Host()

    host = await eventually(look, lambda found: is_true(found.status.conditions, "Ready"), within_s=40, what="ready")
    assert host.metadata.labels == {"zone": "a", "kubernetes.io/hostname": "h1", "phoenix.io/host": "h1"}
    assert host.status.cpus > 0
    assert host.status.memory_bytes > 0
    assert host.status.engines[0].version
    first = host.metadata.resource_version
    await eventually(look, lambda found: found.metadata.resource_version != first, within_s=40, what="a heartbeat")
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
    assert "ProcessExited" in await world.told(obj, "ProcessBackOff")


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


async def test_a_program_is_given_a_token_of_its_own(world: World) -> None:
    await world.start()
    measurement = MeasurementRef(experiment="x", run=3, window=Duration("1s"))
    obj = await world.ready(await world.client.create(meter(measurement=measurement)))
    folder = world.state.workload(obj.metadata.uid)
    said = json.loads((folder / "config.json").read_text())["report"]
    assert said["endpointFile"] == str(folder / "endpoint.json")
    assert {(folder / name).stat().st_mode & 0o777 for name in ("endpoint.json", "token")} == {0o600}
    path = "/apis/phoenix.io/v1alpha1/namespaces/default/experiments/{}/samples"
    own = ClientConfig(server=world.client.server, token=(folder / "token").read_text())
    async with HttpClient(own) as client:
        who = orjson.loads((await client.request("POST", WHOAMI, body=b"{}", headers=JSON)).body)
        assert who["status"]["userInfo"]["username"] == "system:process:meters:default:m"
        for experiment, allowed in (("x", True), ("y", False)):
            answer = await client.request("POST", path.format(experiment), body=b'{"samples":[]}', headers=JSON)
            assert (answer.status == 403) is not allowed, answer.body
        with pytest.raises(Forbidden):
            await client.get(Meter, "m", "default")
        with pytest.raises(Conflict, match="another object"):
            await world.client.request_token(Meter, "m", "default", uid="another")
        await world.client.delete(Meter, "m", "default")
        await world.gone(obj)
        assert not folder.exists()
        with pytest.raises(Unauthorized):
            await client.get(Meter, "m", "default")


async def test_what_does_not_report_is_given_none(world: World) -> None:
    await world.start()
    obj = await world.ready(await world.client.create(meter()))
    assert not (world.state.workload(obj.metadata.uid) / "token").exists()
