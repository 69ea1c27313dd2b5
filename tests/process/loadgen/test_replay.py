"""The real generator process replays recordings: pace, times, targets, loops, and what it refuses."""

from __future__ import annotations

import asyncio
import gzip
import json
import time
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from phoenix.samples.model import InputSample
from tests.harness.otlp_sink import OtlpSink
from tests.harness.samples_route import SamplesRoute
from tests.process.loadgen.test_loadgen import loadgen, route, write_config
from tests.unit.loadgen.test_recording import lines, request

__all__ = ["route"]  # a fixture
pytestmark = pytest.mark.process
T0 = 1_600_000_000_123_456_789
INTERVAL_NS = 500_000_000  # long, so that a busy machine misses no tick
TICKS = 6


def newest(payload: bytes) -> int:
    (resource,) = ExportMetricsServiceRequest.FromString(payload).resource_metrics
    return int(resource.scope_metrics[0].metrics[0].sum.data_points[-1].time_unix_nano)


def soon() -> int:
    """A window's start, late enough for the process to be up."""
    return -(-(time.time_ns() + 2_000_000_000) // (2 * INTERVAL_NS)) * 2 * INTERVAL_NS


def assert_on_ticks(sink: OtlpSink) -> None:
    """Each at a tick of its own, in order; a busy machine may miss some, and none is made up for."""
    found = [newest(payload) for payload in sink.payloads]
    assert found
    assert found == sorted(set(found))
    assert all(time % INTERVAL_NS == 0 for time in found)
    assert found[-1] - found[0] < TICKS * INTERVAL_NS


def config_for(below: Path, start: int | None, *sinks: OtlpSink, **replay: Any) -> Path:
    """`start` None: whenever the process is up, for so many ticks."""
    wire = {"folder": str(below), "path": "a.jsonl.gz", "speed": 1.0, "loop": False} | replay
    end = start + TICKS * INTERVAL_NS if start is not None else None
    lasts_s = TICKS * INTERVAL_NS / 1e9
    path = write_config(
        below, *sinks, startAtUnixNano=start, endAtUnixNano=end, maxDurationSeconds=lasts_s, replay=wire,
        intervalSeconds=0.5,
    )  # fmt: skip
    config = json.loads(path.read_text())
    if (below / "endpoint.json").exists():
        config["report"]["windowSeconds"] = 1.0
    else:
        config["report"] = None
    path.write_text(json.dumps(config))
    return path


async def played(config: Path) -> tuple[int | None, str]:
    async with loadgen(config) as process:
        _, log = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode, log.decode()


async def test_a_recording_is_sent_at_its_own_pace(tmp_path: Path, route: SamplesRoute[InputSample]) -> None:
    every = [request(T0 + n * INTERVAL_NS, T0 + n * INTERVAL_NS, start=T0 - 5) for n in range(12)]
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(lines(*every)))
    async with OtlpSink() as one, OtlpSink() as two:
        code, log = await played(config_for(tmp_path, None, one, two))
    assert code == 0, log
    assert one.payloads == two.payloads
    assert_on_ticks(one)
    baseline, candidate = route.of("baseline"), route.of("candidate")
    assert all(sample.window_start % (2 * INTERVAL_NS) == 0 for sample in baseline)
    assert [sample.digest for sample in baseline] == [sample.digest for sample in candidate]
    assert sum(sample.planned_points for sample in baseline) == 2 * TICKS, "missed ones are planned, too"
    assert sum(sample.sent_points for sample in baseline) == 2 * len(one.payloads)
    assert all(sample.sent_points == sample.acked_points for sample in baseline)


async def test_a_loop_at_double_speed(tmp_path: Path) -> None:
    every = [request(T0 + n * 2 * INTERVAL_NS) for n in range(4)]
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(lines(*every)))
    async with OtlpSink() as one:
        code, log = await played(config_for(tmp_path, None, one, speed=2, loop=True))
    assert code == 0, log
    assert_on_ticks(one)
    assert f"planned_points={TICKS} " in log, "two more than were recorded"


async def test_times_that_are_far_off_neither_end_it_nor_hold_it_up(tmp_path: Path) -> None:
    day = 86_400 * 1_000_000_000
    # Beside each tick's two points one of a day ahead; and senders with wrong clocks at the start and in the middle.
    every = [request(T0 + n * INTERVAL_NS + day, *(T0 + n * INTERVAL_NS,) * 2) for n in range(12)]
    every[3:3] = [request(T0 + day), request(T0 - day)]
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(lines(request(T0 - day), *every)))
    async with OtlpSink() as one:
        code, log = await played(config_for(tmp_path, None, one))
        near = [at for at in map(newest, one.payloads) if abs(at - time.time_ns()) < day / 2]
    assert code == 0, log
    assert near == sorted(set(near))
    assert all(at % INTERVAL_NS == 0 for at in near)
    assert f"planned_points={3 * TICKS + 3} " in log, "missed ones are planned, too"
    if "ticks_missed=0" in log:
        assert len(near) == TICKS
        assert f"stray_points={TICKS + 3}" in log


async def test_one_that_is_shorter_than_the_run_is_refused_before_it_begins(tmp_path: Path) -> None:
    every = [request(T0 + n * INTERVAL_NS) for n in range(5)]
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(lines(*every, request(T0 + 3600 * 1_000_000_000))))
    async with OtlpSink() as one:
        code, log = await played(config_for(tmp_path, soon(), one))
        assert one.payloads == []
    assert code == 2
    assert "its last request is 2 s after its first at speed 1, but the run needs input for 3 s" in log
    assert "set loop: true" in log


async def test_a_fault_in_the_middle_ends_it_with_its_line(tmp_path: Path) -> None:
    whole = lines(*(request(T0 + n * INTERVAL_NS) for n in range(12))).splitlines(keepends=True)
    whole[4] = b"no json\n"
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(b"".join(whole)))
    async with OtlpSink() as one:
        code, log = await played(config_for(tmp_path, soon(), one))
        assert len(one.payloads) <= 4
    assert code == 2
    assert "a.jsonl.gz: line 5 is no OTLP metrics request" in log


@pytest.mark.parametrize(
    ("replay", "said"),
    [
        ({"path": "../a.jsonl.gz"}, "leads out of the recordings folder"),
        ({"path": "b.jsonl"}, "b.jsonl: cannot be read from the recordings folder"),
        ({"speed": 0}, "replay.speed: want a number from 0.001 to 1000"),
        ({"loop": "yes"}, "replay.loop: want true or false"),
        ({"folder": ""}, "replay: want a folder and a path in it"),
    ],
)
async def test_what_cannot_be_replayed_is_said(tmp_path: Path, replay: dict[str, Any], said: str) -> None:
    code, log = await played(config_for(tmp_path, soon(), **replay))
    assert code == 2
    assert said in log
