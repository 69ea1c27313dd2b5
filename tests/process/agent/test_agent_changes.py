"""The agent when what it runs, runs on, or speaks to changes under it."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from phoenix.agent import procfs
from phoenix.agent.records import Identity, StateFolder
from phoenix.api.collector import Engine
from phoenix.api.experiment import Experiment
from phoenix.api.host import Host
from phoenix.api.process import MeasurementRef
from phoenix.apimachinery.conditions import is_true
from phoenix.apimachinery.errors import NotFound
from phoenix.apimachinery.units import Duration
from phoenix.apiserver.config import ServerConfig
from phoenix.apiserver.server import ApiServer
from phoenix.client.config import ClientConfig
from phoenix.client.http import HttpClient
from phoenix.manifest.loader import load_file
from phoenix.samples.model import ProcessSample, SampleKind
from tests.harness.eventually import eventually
from tests.process.agent.conftest import answers
from tests.process.agent.world import CHILD, World, change, collector, config, meter

pytestmark = pytest.mark.process
EXAMPLES = Path(__file__).resolve().parents[3] / "resources" / "examples"


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
    await eventually(lambda: _async(procfs.members(old_pid)), lambda left: not left, within_s=40, what="old one gone")


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

    samples = await eventually(look, lambda found: len(found) >= 3, within_s=40, what="samples", every_s=0.1)
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
                identity, lambda found: found is not None and found.pid != obj.status.pid, within_s=40, what="back"
            )
            assert found is not None
            assert found.runs()
            await world.stop()
    finally:
        await server.stop()
