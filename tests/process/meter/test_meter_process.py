"""The real meter process: OTLP over real HTTP in, OutputSamples at a stand-in for the API's samples route out."""

from __future__ import annotations

import asyncio
import gzip
import json
import signal
import socket
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest as Request

from phoenix.meter.__main__ import main
from phoenix.samples.model import OutputSample
from tests.harness.samples_route import SamplesRoute, free_port, samples_route
from tests.unit.otlp.payloads import key_values

pytestmark = pytest.mark.process
S = 1_000_000_000
PROTOBUF = {"Content-Type": "application/x-protobuf"}


@pytest.fixture
async def route(tmp_path: Path) -> AsyncIterator[SamplesRoute[OutputSample]]:
    async with samples_route(tmp_path, OutputSample) as route:
        yield route


def write_config(folder: Path, **fields: Any) -> Path:
    config = {
        "otlpAddress": f"127.0.0.1:{free_port()}",
        "healthAddress": f"127.0.0.1:{free_port()}",
        "variants": ["baseline", "candidate"],
        "windowSeconds": 1.0,
        "graceSeconds": 0.3,
        "signals": [{"name": "by-route", "query": "sum by (route) (hits_total)"}],
        "critical": [{"name": "r1", "match": {"route": "/r1"}}],
        "report": {
            "endpointFile": str(folder / "endpoint.json"),
            "namespace": "default",
            "experiment": "x",
            "run": 3,
            "windowSeconds": 1.0,
            "host": "host-a",
        },
    } | fields
    path = folder / "config.json"
    path.write_text(json.dumps(config))
    return path


@asynccontextmanager
async def metering(config: Path) -> AsyncIterator[tuple[Process, str, str]]:
    """The process, the base of its OTLP addresses and its health address, once it is ready."""
    command = (sys.executable, "-m", "phoenix.meter", "--config", str(config))
    process = await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=PIPE)
    wire = json.loads(config.read_text())
    health = f"http://{wire['healthAddress']}"
    try:
        async with aiohttp.ClientSession() as session:

            async def ready() -> bool:
                try:
                    async with session.get(health) as answer:
                        return answer.status == 200
                except aiohttp.ClientError:
                    return False

            async with asyncio.timeout(40):
                while not await ready():  # noqa: ASYNC110  # polled: another process
                    await asyncio.sleep(0.02)
        yield process, f"http://{wire['otlpAddress']}/v", health
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def until(condition: Callable[[], bool], deadline_s: float = 15) -> None:
    async with asyncio.timeout(deadline_s):
        while not condition():  # noqa: ASYNC110  # polled: the condition spans processes
            await asyncio.sleep(0.01)


def hits(time_ns: int, routes: int, *, own: bool = False) -> bytes:
    """A counter with one stream a route, valued 1, 2, …; `own` adds a phoenix.* label to the resource."""
    request = Request()
    resource = request.resource_metrics.add()
    resource.resource.attributes.extend(key_values([("service.name", "shop")]))
    if own:
        resource.resource.attributes.extend(key_values([("phoenix.variant", "x" * 20)]))
    data = resource.scope_metrics.add().metrics.add(name="hits").sum
    data.aggregation_temporality, data.is_monotonic = 2, True
    for index in range(routes):
        point = data.data_points.add(start_time_unix_nano=1, time_unix_nano=time_ns, as_double=index + 1)
        point.attributes.extend(key_values([("route", f"/r{index}")]))
    return request.SerializeToString()


def boundary(ahead_s: int) -> int:
    return (time.time_ns() // S + 1 + ahead_s) * S


async def post(session: aiohttp.ClientSession, url: str, body: bytes, **headers: str) -> tuple[int, bytes]:
    async with session.post(url + "/v1/metrics", data=body, headers=PROTOBUF | headers) as answer:
        return answer.status, await answer.read()


async def test_two_variants_by_window_until_term(tmp_path: Path, route: SamplesRoute[OutputSample]) -> None:
    config = write_config(tmp_path)
    async with metering(config) as (process, otlp, _), aiohttp.ClientSession() as session:
        first = boundary(0)
        body, labelled = hits(first + 1, 3), hits(first + 1, 2, own=True)
        assert await post(session, f"{otlp}/baseline", body) == (200, b"")
        assert await post(session, f"{otlp}/baseline", body) == (200, b"")  # every identity and time again
        packed = gzip.compress(labelled)
        assert await post(session, f"{otlp}/candidate", packed, **{"Content-Encoding": "gzip"}) == (200, b"")
        await until(lambda: len(route.of("baseline")) == 1 and len(route.of("candidate")) == 1)
        one, other = route.of("baseline")[0], route.of("candidate")[0]
        assert (one.window_start, one.window_end, one.run, one.host) == (first, first + S, 3, "host-a")
        # By hand: 3 routes posted twice = 6 points, 6 samples, 3 streams = 3 series, 3 points seen before.
        assert (one.points, one.samples, one.streams, one.active_series, one.duplicates) == (6, 6, 3, 3, 3)
        assert (one.requests, one.bytes, one.late_points) == (2, 2 * len(body), 0)
        assert one.signals == {"by-route": {"route=/r0": 1.0, "route=/r1": 2.0, "route=/r2": 3.0}}
        assert (one.critical, one.signal_problems) == ({"r1": 1}, {})
        assert one.streams_by_last_window == one.active_series_by_last_window == [(first, 3)]
        assert [(row.metric, row.label, row.series) for row in one.contributions][:2] == [
            ("hits_total", "", 3),
            ("hits_total", "route", 2),
        ]
        # phoenix.variant: key 2 + 15, value 2 + (2 + 20), and 2 for the attribute's own tag and length.
        assert (other.points, other.streams, other.active_series) == (2, 2, 2)
        assert other.bytes == len(labelled) - (2 + 2 + 15 + 2 + 2 + 20)

        second = boundary(1)
        await post(session, f"{otlp}/baseline", hits(second, 1))
        process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        assert await asyncio.wait_for(process.wait(), 40) == 0
        assert time.monotonic() - began < 20
    samples = route.of("baseline")
    assert [(sample.window_start - first) // S for sample in samples] == list(range((second - first) // S + 1))
    assert [sample.points for sample in samples] == [6, *[0] * (len(samples) - 2), 1]
    assert samples[-1].streams_by_last_window == [(first, 2), (second, 1)]
    assert len({sample.instance for sample in route.samples}) == 1


async def test_refusals_flush_late_points_and_metrics(tmp_path: Path, route: SamplesRoute[OutputSample]) -> None:
    config = write_config(tmp_path, graceSeconds=30)
    async with metering(config) as (_, otlp, health), aiohttp.ClientSession() as session:
        status, body = await post(session, f"{otlp}/baseline", b"\x0a\x05abc")
        assert (status, body[:2]) == (400, b"\x08\x03")  # google.rpc.Status, INVALID_ARGUMENT
        assert b"OTLP" in body
        status, body = await post(session, f"{otlp}/nobody", b"")
        assert (status, b"baseline, candidate" in body) == (404, True)
        async with session.post(f"{otlp}/baseline/v1/metrics", json={}) as answer:
            assert answer.status == 415
        now = time.time_ns() // S * S
        assert (await post(session, f"{otlp}/baseline", hits(now, 3)))[0] == 200
        async with session.post(f"{health}/flush") as answer:
            assert await answer.json() == {"windows": 2}  # the candidate had nothing, and that is reported too
        await until(lambda: len(route.of("baseline")) == len(route.of("candidate")) == 1)
        assert route.of("candidate")[0].points == 0
        assert (await post(session, f"{otlp}/baseline", hits(now, 2)))[0] == 200  # its window is closed
        assert (await post(session, f"{otlp}/baseline", hits(now + S, 1)))[0] == 200
        async with session.post(f"{health}/flush") as answer:
            assert await answer.json() == {"windows": 2}
        await until(lambda: len(route.of("baseline")) == 2)
        late = route.of("baseline")[1]
        assert (late.points, late.late_points, late.streams) == (1, 2, 1)
        assert (route.of("baseline")[0].newest_late, late.newest_late) == (None, now)
        async with session.get(f"{health}/metrics") as answer:
            text = await answer.text()
    assert 'phoenix_meter_points_total{variant="baseline"} 6.0' in text
    assert 'phoenix_meter_late_points_total{variant="baseline"} 2.0' in text
    assert 'phoenix_meter_malformed_total{variant="baseline"} 1.0' in text
    assert 'phoenix_meter_streams{variant="baseline"} 3.0' in text


def test_a_bad_config_is_told_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = write_config(
        tmp_path,
        otlpAddress="nowhere",
        variants=[],
        windowSeconds="2s",
        signals=[{"name": "a", "query": "max(x)"}, {"name": "a", "query": "sum(x)"}],
        critical=[{"name": "c", "match": {}}],
        report={"run": 0},
    )
    assert main(["--config", str(config)]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert all(line.startswith(f"{config}: ") for line in lines)
    wanted = ["otlpAddress", "variants", "windowSeconds", "signals[0].query", "signals[1].name", "critical[0].match"]
    for place in (*wanted, "report.endpointFile"):
        assert any(line.startswith(f"{config}: {place}: ") for line in lines), place


async def test_a_taken_port_is_told_and_ends_with_one(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        config = write_config(tmp_path, otlpAddress=f"127.0.0.1:{taken.getsockname()[1]}", report=None)
        command = (sys.executable, "-m", "phoenix.meter", "--config", str(config))
        process = await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=PIPE)
        try:
            _, said = await asyncio.wait_for(process.communicate(), 40)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    assert process.returncode == 1
    assert b"otlpAddress: cannot listen on 127.0.0.1:" in said
