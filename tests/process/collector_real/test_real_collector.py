"""The real Collector as a child of the agent: ready, read, changed, killed, ended; and nothing it took is lost."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
from typing import Any

import aiohttp
import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from phoenix.agent import procfs
from phoenix.api.collector import Collector, Engine
from phoenix.api.experiment import Experiment
from phoenix.api.host import Host
from phoenix.api.process import MeasurementRef
from phoenix.apimachinery.conditions import is_true
from phoenix.apimachinery.errors import NotFound
from phoenix.apimachinery.units import Duration
from phoenix.manifest.loader import load_file
from phoenix.samples.model import ProcessSample, SampleKind
from tests.differential.real import version
from tests.harness.cluster import EXAMPLES
from tests.harness.eventually import eventually
from tests.harness.otelcol import OTLP, required
from tests.harness.otlp_sink import OtlpSink
from tests.process.agent import world as agents
from tests.process.agent.world import World, change
from tests.unit.engine.otlp import number_metric, numbers, request

pytestmark = pytest.mark.process
PATIENCE_S = 45.0


def config(sink: OtlpSink, *, otlp: str = "${phoenix:port:otlp}", **labels: str) -> dict[str, Any]:
    """Labels every point's resource, and holds it back for longer than any test takes: only an end lets it go."""
    made = agents.config(otlp=otlp, **labels)
    made["exporters"]["otlphttp"] = {"endpoint": sink.endpoint, "compression": "none"}
    made["processors"]["batch"] = {"timeout": "10m"}
    made["service"]["pipelines"]["metrics"]["processors"].append("batch")
    return made


def collector(hash_: str, conf: dict[str, Any], **spec: Any) -> Collector:
    return agents.collector(hash_, conf, **{"engine": Engine.OTELCOL, "stop_grace": Duration("20s"), **spec})


async def ready(world: World, obj: Collector) -> Collector:
    return await world.until(obj, lambda s: is_true(s.conditions, "Ready"), "it is ready", within_s=PATIENCE_S)


async def send(obj: Collector, value: int, points: int = 50) -> int:
    """Status of a request of points that all have the value."""
    data = request(number_metric("sum", "m", [({"i": i}, value) for i in range(points)])).SerializeToString()
    url = f"http://127.0.0.1:{obj.status.ports['otlp']}/v1/metrics"
    async with aiohttp.ClientSession() as session, session.post(url, data=data, headers=OTLP) as answer:
        return answer.status


def came(sink: OtlpSink) -> list[tuple[Any, Any]]:
    """Resource attribute and value of every point that left, in order."""
    rows = (row for data in sink.payloads for row in numbers(ExportMetricsServiceRequest.FromString(data)))
    return sorted((resource, value) for resource, _, _, value in rows)


async def arrived(sink: OtlpSink, points: int) -> list[tuple[Any, Any]]:
    async def look() -> list[tuple[Any, Any]]:
        return came(sink)

    return await eventually(look, lambda found: len(found) >= points, within_s=PATIENCE_S, what=f"{points} points")


async def test_it_is_found_runs_and_tells_of_itself(world: World) -> None:
    await world.start(otelcol_path=required())
    host = await world.client.get(Host, "h1")
    (found,) = [engine for engine in host.status.engines if engine.engine is Engine.OTELCOL]
    assert found.version == version(required())
    assert {"processors/transform", "receivers/otlp", "exporters/prometheus"} <= set(found.components)
    (example,) = load_file(EXAMPLES / "http-microservices.yaml")  # samples are kept for experiments that exist
    await world.client.create(Experiment.from_wire({**example.wire, "metadata": {"name": "x", "namespace": "default"}}))
    async with OtlpSink() as sink:
        conf = config(sink, a="1")
        conf["processors"]["batch"] = {"timeout": "10ms"}
        measurement = MeasurementRef(experiment="x", variant="base", window=Duration("200ms"))
        obj = await ready(world, await world.client.create(collector("1", conf, measurement=measurement)))
        assert [await send(obj, value) for value in range(4)] == [200] * 4
        await arrived(sink, 200)

        async def samples() -> list[ProcessSample]:
            with contextlib.suppress(NotFound):
                found = await world.client.list_samples("default", "x", run=1, kind=SampleKind.PROCESS)
                return [item for item in found if isinstance(item, ProcessSample)]
            return []

        told = await eventually(
            samples, lambda found: any(item.sent_points == 200 for item in found), within_s=PATIENCE_S, what="samples"
        )
        last = [item for item in told if item.sent_points == 200][-1]
        assert (last.engine, last.received_points, last.send_failed_points or 0) == ("Otelcol", 200, 0)
        assert last.rss_bytes > 10_000_000
        assert last.cpu_seconds > 0


async def test_what_it_cannot_send_is_told(world: World) -> None:
    await world.start(otelcol_path=required())
    (example,) = load_file(EXAMPLES / "http-microservices.yaml")
    await world.client.create(Experiment.from_wire({**example.wire, "metadata": {"name": "x", "namespace": "default"}}))
    async with OtlpSink() as sink:
        sink.status = 400  # not to be tried again
        conf = config(sink, a="1")
        conf["processors"]["batch"] = {"timeout": "10ms"}
        measurement = MeasurementRef(experiment="x", variant="base", window=Duration("200ms"))
        obj = await ready(world, await world.client.create(collector("1", conf, measurement=measurement)))
        assert await send(obj, 1) == 200

        async def dropped() -> int:
            with contextlib.suppress(NotFound):
                found = await world.client.list_samples("default", "x", run=1, kind=SampleKind.PROCESS)
                return max(
                    (item.send_failed_points or 0 for item in found if isinstance(item, ProcessSample)), default=0
                )
            return 0

        await eventually(dropped, lambda found: found == 50, within_s=PATIENCE_S, what="50 points dropped")


async def test_a_change_switches_and_what_the_old_one_took_is_sent(world: World) -> None:
    await world.start(otelcol_path=required())
    async with OtlpSink() as sink:
        obj = await ready(world, await world.client.create(collector("1", config(sink, a="1"))))
        old_pid, old_ports = obj.status.pid, obj.status.ports
        assert [await send(obj, value) for value in range(3)] == [200] * 3
        assert sink.payloads == []
        await change(world, obj, "2", config(sink, a="2"))
        obj = await world.until(obj, lambda s: s.effective_hash == "2", "it switched", within_s=PATIENCE_S)
        assert obj.status.pid != old_pid
        assert set(obj.status.ports.values()).isdisjoint(old_ports.values())
        assert (obj.status.gap, obj.status.restarts) == ("", 0)
        assert {(resource, value) for resource, value in await arrived(sink, 150)} == {
            ((("a", "1"),), value) for value in range(3)
        }
        assert await send(obj, 7) == 200
        await world.client.delete(Collector, obj.metadata.name, "default")
        assert (await arrived(sink, 200))[-50:] == [((("a", "2"),), 7)] * 50
        assert len(came(sink)) == 200, "nothing twice"
        await world.gone(obj)


@pytest.mark.parametrize(
    ("bad", "words"),
    [("no such exporter", 'unknown type: "kafka"'), ("no such function", 'does not support the function "Nope"')],
    ids=["exporter", "function"],
)
async def test_a_bad_configuration_leaves_the_old_one_running(world: World, bad: str, words: str) -> None:
    await world.start(otelcol_path=required())
    async with OtlpSink() as sink:
        obj = await ready(world, await world.client.create(collector("1", config(sink, a="1"))))
        pid = obj.status.pid
        conf = config(sink, a="2")
        if bad == "no such exporter":
            conf["exporters"]["kafka"] = {}
        else:
            conf["processors"]["transform"] = {"metric_statements": ['set(metric.name, Nope("x"))']}
            conf["service"]["pipelines"]["metrics"]["processors"].append("transform")
        obj = await tried(world, obj, conf, "ConfigInvalid", words)
        assert (obj.status.pid, obj.status.effective_hash, obj.status.desired_hash) == (pid, "1", "2")
        assert is_true(obj.status.conditions, "Ready")
        assert await send(obj, 1) == 200


async def tried(world: World, obj: Collector, conf: dict[str, Any], reason: str, words: str) -> Collector:
    """Change to a configuration that cannot run, and see why."""
    await change(world, obj, "2", conf)
    obj = await world.until(
        obj, lambda s: s.attempted and s.attempted.reason and s.attempted.config_hash == "2", "it was tried",
        within_s=PATIENCE_S,
    )  # fmt: skip
    assert obj.status.attempted is not None
    assert obj.status.attempted.reason == reason, obj.status.attempted
    assert words in obj.status.attempted.message
    return obj


async def test_a_port_that_clashes_brings_the_old_one_back(world: World) -> None:
    """Validation cannot see it, and a port that somebody chose cannot be had twice: the old one stops first."""
    await world.start(otelcol_path=required())
    async with OtlpSink() as sink:
        obj = await ready(world, await world.client.create(collector("1", config(sink, a="1"))))
        assert await send(obj, 1) == 200
        conf = config(sink, a="2")
        conf["exporters"]["prometheus"] = {"endpoint": sink.endpoint.removeprefix("http://")}
        conf["service"]["pipelines"]["metrics"]["exporters"].append("prometheus")
        obj = await tried(world, obj, conf, "StartFailed", "address already in use")
        obj = await world.until(
            obj, lambda s: s.gap and s.effective_hash == "1" and is_true(s.conditions, "Ready"), "the old one is back",
            within_s=PATIENCE_S,
        )  # fmt: skip
        assert "nothing served for" in obj.status.gap
        assert await arrived(sink, 50) == [((("a", "1"),), 1)] * 50
        assert await send(obj, 2) == 200


async def test_it_comes_back_after_it_was_killed(world: World) -> None:
    await world.start(otelcol_path=required())
    async with OtlpSink() as sink:
        obj = await ready(world, await world.client.create(collector("1", config(sink, a="1"))))
        pid = obj.status.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        obj = await world.until(obj, lambda s: s.restarts == 1, "it was started again", within_s=PATIENCE_S)
        assert obj.status.last_exit is not None
        assert obj.status.last_exit.signal == signal.SIGKILL
        obj = await world.until(
            obj, lambda s: s.pid != pid and is_true(s.conditions, "Ready"), "it is ready again", within_s=PATIENCE_S
        )
        assert await send(obj, 1) == 200
        assert not procfs.members(pid)


async def test_a_taken_port_is_said_and_waited_for(world: World) -> None:
    await world.start(otelcol_path=required())
    async with OtlpSink() as sink:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            conf = config(sink, otlp=str(taken.getsockname()[1]), a="1")
            obj = await world.client.create(collector("1", conf))
            obj = await world.until(obj, lambda s: s.last_exit, "it ended", within_s=PATIENCE_S)
            assert obj.status.last_exit is not None
            assert "address already in use" in obj.status.last_exit.message
            assert not is_true(obj.status.conditions, "Ready")
        obj = await ready(world, obj)
        assert obj.status.restarts >= 1
