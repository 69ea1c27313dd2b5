"""The real generator process against real sinks and a stand-in for the samples route."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
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
import xxhash

from phoenix.loadgen.__main__ import main
from phoenix.samples.model import InputSample
from tests.harness.otlp_sink import OtlpSink
from tests.harness.samples_route import SamplesRoute, free_port, samples_route
from tests.unit.loadmodel.naive import points

pytestmark = pytest.mark.process
MS = 1_000_000
INTERVAL_NS = 100 * MS
SMALL = {"size": "S", "services": 2, "instances": 1, "routes": 3, "users": 20, "rawPaths": 5}


@pytest.fixture
async def route(tmp_path: Path) -> AsyncIterator[SamplesRoute[InputSample]]:
    async with samples_route(tmp_path, InputSample) as route:
        yield route


def write_config(folder: Path, *sinks: OtlpSink, **fields: Any) -> Path:
    config = {
        "otlp": SMALL,
        "seed": 7,
        "scale": 1.0,
        "intervalSeconds": INTERVAL_NS / 1e9,
        "maxDurationSeconds": 60,
        "targets": [
            {"name": n, "endpoint": s.endpoint} for n, s in zip(("baseline", "candidate"), sinks, strict=False)
        ],
        "healthAddress": f"127.0.0.1:{free_port()}",
        "report": {
            "endpointFile": str(folder / "endpoint.json"),
            "namespace": "default",
            "experiment": "x",
            "run": 1,
            "windowSeconds": 2 * INTERVAL_NS / 1e9,
            "host": "host-a",
        },
    } | fields
    path = folder / "config.json"
    path.write_text(json.dumps(config))
    return path


@asynccontextmanager
async def loadgen(config: Path, *options: str) -> AsyncIterator[Process]:
    command = (sys.executable, "-m", "phoenix.loadgen", "--config", str(config), *options)
    process = await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=PIPE)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def until(condition: Callable[[], bool], deadline_s: float = 40) -> None:
    async with asyncio.timeout(deadline_s):
        while not condition():  # noqa: ASYNC110  # polled: the condition spans processes
            await asyncio.sleep(0.01)


def window_soon(ahead_s: float) -> int:
    window_ns = 2 * INTERVAL_NS
    return -(-(time.time_ns() + int(ahead_s * 1e9)) // window_ns) * window_ns


async def whole_run(folder: Path, one: OtlpSink, two: OtlpSink, ahead_s: float) -> tuple[int, bool, str]:
    """When a run of ten ticks began, whether the process was ready before, and its metrics in the middle."""
    start, ready, metrics = window_soon(ahead_s), False, ""
    config = write_config(folder, one, two, startAtUnixNano=start, endAtUnixNano=start + 10 * INTERVAL_NS)
    health = f"http://{json.loads(config.read_text())['healthAddress']}"
    async with loadgen(config) as process:
        async with aiohttp.ClientSession() as client:
            while not ready and time.time_ns() < start:
                ready = await answers(client, health)
                await asyncio.sleep(0.01)
            assert not one.payloads or time.time_ns() >= start, "ready comes before the start"
            while process.returncode is None and len(one.payloads) < 5:  # noqa: ASYNC110  # polled: another process
                await asyncio.sleep(0.01)
            with contextlib.suppress(aiohttp.ClientError):
                async with client.get(f"{health}/metrics") as answer:
                    metrics = await answer.text()
        _, log = await asyncio.wait_for(process.communicate(), 40)
    assert process.returncode == 0, log.decode()
    return start, ready, metrics


async def test_equal_bytes_turns_windows_and_end(tmp_path: Path, route: SamplesRoute[InputSample]) -> None:
    for ahead_s in (2.5, 8.0, 20.0):  # on a machine that stands still it may be up too late, or miss a tick
        async with OtlpSink() as one, OtlpSink() as two:
            start, ready, metrics = await whole_run(tmp_path, one, two, ahead_s)
        if ready and metrics and len(one.payloads) == len(two.payloads) == 10:
            break
        route.samples.clear()
    assert ready
    assert re.search(r"^phoenix_loadgen_expected_streams \d+", metrics, re.M)
    assert re.search(r'^phoenix_loadgen_points_total\{outcome="acked",target="candidate"\} [1-9]', metrics, re.M)
    assert one.payloads == two.payloads
    assert len(one.payloads) == 10
    for sink in (one, two):
        assert min(sink.arrived_s) - time.monotonic() + time.time() >= start / 1e9 - 0.001, "nothing before startAt"
    baseline, candidate = route.of("baseline"), route.of("candidate")
    windows = [(start + n * 2 * INTERVAL_NS, start + (n + 1) * 2 * INTERVAL_NS) for n in range(5)]
    assert [(s.window_start, s.window_end) for s in baseline] == windows
    assert [s.digest for s in baseline] == [s.digest for s in candidate]
    for number, (ours, theirs) in enumerate(zip(baseline, candidate, strict=True)):
        mine = b"".join(one.payloads[2 * number : 2 * number + 2])
        assert ours.digest == xxhash.xxh64_hexdigest(mine)
        assert ours.bytes == len(mine)
        assert ours.ticks == ours.requests == 2
        assert ours.planned_points == ours.sent_points == ours.acked_points > 0
        assert (ours.sent_first, theirs.sent_first) == (1, 1)
        assert (ours.run, ours.host, ours.instance) == (1, "host-a", theirs.instance)


async def answers(client: aiohttp.ClientSession, health: str) -> bool:
    try:
        async with client.get(health) as answer:
            assert answer.status in (200, 503)
            return answer.status == 200
    except aiohttp.ClientError:
        return False


async def test_a_stalled_sink_does_not_touch_the_other(tmp_path: Path, route: SamplesRoute[InputSample]) -> None:
    async with OtlpSink() as sound, OtlpSink() as stalled:
        stalled.flow.clear()
        config = write_config(tmp_path, sound, stalled, maxDurationSeconds=1)
        async with loadgen(config) as process:
            await until(lambda: len(sound.payloads) == 6)
            stalled.flow.set()
            _, log = await asyncio.wait_for(process.communicate(), 40)
        assert process.returncode == 0
    assert len(sound.payloads) == 10
    assert set(stalled.payloads) < set(sound.payloads), "what did arrive is the same bytes"
    assert all(s.sent_points == s.planned_points for s in route.of("baseline"))
    theirs = route.of("candidate")
    assert sum(s.planned_points for s in theirs) == sum(s.planned_points for s in route.of("baseline"))
    assert sum(s.sent_points for s in theirs) < sum(s.planned_points for s in theirs)
    assert [s.digest for s in theirs] != [s.digest for s in route.of("baseline")]
    assert b"payload missed target=candidate" in log


async def test_sigterm_reports_the_last_window(tmp_path: Path, route: SamplesRoute[InputSample]) -> None:
    async with OtlpSink() as one, OtlpSink() as two, loadgen(write_config(tmp_path, one, two)) as process:
        await until(lambda: len(one.payloads) >= 3)
        process.send_signal(signal.SIGTERM)
        before = time.monotonic()
        assert await asyncio.wait_for(process.wait(), 40) == 0
        assert time.monotonic() - before < 20
    assert one.payloads == two.payloads
    assert sum(s.requests for s in route.of("baseline")) == len(one.payloads)
    assert sum(s.bytes for s in route.of("candidate")) == sum(map(len, two.payloads))


async def test_ticks_that_were_due_before_it_started_are_missed(
    tmp_path: Path, route: SamplesRoute[InputSample]
) -> None:
    async with OtlpSink() as one:
        start = window_soon(0) - 10 * INTERVAL_NS
        config = write_config(tmp_path, one, startAtUnixNano=start, maxDurationSeconds=8)
        async with loadgen(config) as process:
            assert await asyncio.wait_for(process.wait(), 40) == 0
    samples = route.of("baseline")
    missing = samples[0]
    assert (missing.ticks, missing.sent_points) == (0, 0)
    assert missing.planned_points > 0
    planned = sum(s.planned_points for s in samples)
    assert planned == 80 * missing.planned_points / 2
    assert 0 < len(one.payloads) <= 72, "missed ticks are not caught up on"


async def test_a_suspended_generator_misses_ticks_and_sends_none_late(
    tmp_path: Path, route: SamplesRoute[InputSample]
) -> None:
    async with OtlpSink() as one, loadgen(write_config(tmp_path, one, maxDurationSeconds=1.5)) as process:
        await until(lambda: len(one.payloads) >= 3)
        process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(0.5)
        process.send_signal(signal.SIGCONT)
        assert await asyncio.wait_for(process.wait(), 40) == 0
    samples = route.of("baseline")
    planned_ticks = sum(s.planned_points for s in samples) / one_tick(samples)
    assert planned_ticks == 15
    assert len(one.payloads) == sum(s.ticks for s in samples)
    assert 3 <= len(one.payloads) <= 12, "of five ticks the first may still be sent in its interval, as may the last"
    to_wall_s = time.time() - time.monotonic()
    for payload, arrived_s in zip(one.payloads, one.arrived_s, strict=True):
        tick = next(points([payload])).value.time_unix_nano
        assert arrived_s + to_wall_s - tick / 1e9 < 2 * INTERVAL_NS / 1e9


def one_tick(samples: list[InputSample]) -> float:
    """Points of one tick, from a window that missed nothing."""
    return next(s.sent_points / s.ticks for s in samples if s.sent_points == s.planned_points)


async def test_a_bad_config_is_named_and_nothing_starts(tmp_path: Path) -> None:
    faulty = {"otlp": {"size": "XL"}, "targets": [{"name": "a", "endpoint": "127.0.0.1:4318"}]}
    async with loadgen(write_config(tmp_path, **faulty)) as process:
        _, errors = await asyncio.wait_for(process.communicate(), 40)
    assert process.returncode == 2
    path = str(tmp_path / "config.json")
    assert errors.decode().splitlines() == [
        f"{path}: otlp.size: 'XL' is not known; use one of S, M, L",
        f"{path}: targets[0].endpoint: want http://HOST:PORT, have '127.0.0.1:4318'",
    ]


async def test_a_health_address_in_use_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        async with loadgen(write_config(tmp_path, healthAddress=address)) as process:
            _, errors = await asyncio.wait_for(process.communicate(), 40)
    assert process.returncode == 1
    assert f"healthAddress: cannot listen on {address}" in errors.decode()


def test_describe_prints_what_the_load_amounts_to(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--config", str(write_config(tmp_path, otlp={"size": "S"})), "--describe"]) == 0
    described = json.loads(capsys.readouterr().out)
    assert described["streams"] == 2502
    assert described["activeSeries"] == 21322
    assert described["pointsPerSecond"] == pytest.approx(25020)


@pytest.mark.parametrize(
    ("argv", "code"), [(["--config", "/nowhere/config.json"], 2), (["--what"], 2), (["--help"], 0)]
)
def test_usage(argv: list[str], code: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(argv) == code
    assert "".join(capsys.readouterr())
