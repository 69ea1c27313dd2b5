"""Emitter: what it orders when it comes late. The processes themselves: tests/process/loadgen."""

from __future__ import annotations

import asyncio
import json
import sys
import time

import pytest

from phoenix.loadgen.config import read_config
from phoenix.loadgen.emitter import Emitter, EmitterError
from tests.harness.eventually import eventually

LATE_TICKS = 2000


class _Ordering(Emitter):
    """Notes what it orders."""

    starts = stops = 0

    async def _open(self) -> None:
        pass

    async def _close(self) -> None:
        pass

    async def _order(self, order: dict[str, object]) -> None:
        self.starts += "start" in order
        self.stops += "stop" in order


async def test_ticks_that_are_over_are_missed_and_not_caught_up_on() -> None:
    groups = [{"names": ["stays"], "count": 3}, {"names": ["comes", "goes"], "count": 4, "lifetime": "100s"}]
    now_s = time.time_ns() // 1_000_000_000
    wire = {
        "processes": {"groups": groups},
        "startAtUnixNano": (now_s - LATE_TICKS) * 1_000_000_000,
        "endAtUnixNano": (now_s + 600) * 1_000_000_000,
        "targets": [],
    }
    config = read_config(json.dumps(wire).encode())
    assert config.processes is not None
    emitter, stop = _Ordering(config, config.processes, instance="x"), asyncio.Event()
    running = asyncio.create_task(emitter.run(stop))

    async def ticks() -> int:
        return emitter.sent_ticks

    await eventually(ticks, lambda sent: sent > 0, within_s=30, what="a tick in time")
    stop.set()
    await running
    assert emitter.missed_ticks >= LATE_TICKS - 1
    assert emitter.starts - emitter.stops == 7
    assert emitter.stops <= 4 * (1 + emitter.sent_ticks), "those of now, and none of the generations before"


class _Refused(Emitter):
    """Its spawner may not fork."""

    async def _open(self) -> None:
        script = (
            "import os, sys\n"
            "from phoenix.loadgen import spawner\n"
            "def fork(): raise BlockingIOError(11, 'Resource temporarily unavailable')\n"
            "os.fork = fork\n"
            "sys.exit(spawner.main(os.getppid()))"
        )
        pipe = asyncio.subprocess.PIPE
        self._process = await asyncio.create_subprocess_exec(sys.executable, "-c", script, stdin=pipe, stdout=pipe)


async def test_a_host_that_has_no_room_for_a_process_is_told_of() -> None:
    config = read_config(json.dumps({"processes": {"groups": [{"names": ["a"]}]}, "targets": []}).encode())
    assert config.processes is not None
    emitter = _Refused(config, config.processes, instance="x")
    async with asyncio.timeout(40):
        with pytest.raises(
            EmitterError, match="'a' cannot be started: Resource temporarily unavailable: use a smaller"
        ):
            await emitter.run(asyncio.Event())
