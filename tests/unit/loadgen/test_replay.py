"""Replay: what is read ahead ends when it is told to, and what was not needed is not reported."""

from __future__ import annotations

import asyncio
import gc
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from phoenix.loadgen import replay as module
from phoenix.loadgen.config import read_config
from phoenix.loadgen.readahead import Due, ReadAhead
from phoenix.loadgen.recording import Frame, Recording, RecordingError
from phoenix.loadgen.replay import Replayer
from tests.harness.eventually import eventually
from tests.unit.loadgen.test_recording import T0, lines, request


class _Long(Recording):
    """One request, then for most of a minute none with points."""

    def frames(self) -> Iterator[Frame]:
        yield from super().frames()
        until, number = time.monotonic() + 50, 1
        while time.monotonic() < until:
            yield Frame(number := number + 1, b'{"resourceSpans": []}\n')


async def test_it_stops_where_a_recording_goes_on_without_points(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "Recording", _Long)
    monkeypatch.setattr(module, "_LOOK_AT_MOST_S", 0.05)
    (tmp_path / "a.jsonl").write_bytes(lines(request(T0)))
    wire = {"replay": {"folder": str(tmp_path), "path": "a.jsonl", "speed": 1, "loop": False}, "targets": []}
    config = read_config(json.dumps(wire).encode())
    assert config.replay is not None
    replayer, stop = Replayer(config, config.replay, None, instance="x"), asyncio.Event()

    async def ready() -> bool:
        return replayer.ready

    async with asyncio.timeout(40):
        running = asyncio.create_task(replayer.run(stop))
        await eventually(ready, bool, within_s=30, what="the first request is read")
        stop.set()
        await running
        await asyncio.get_running_loop().shutdown_default_executor()  # as at the end of the program


async def test_a_fault_behind_what_was_needed_is_nobodys() -> None:
    def source() -> Iterator[Due]:
        yield Due(b"1", 1, 1)
        raise RecordingError("line 2")

    said: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: said.append(context))
    async with ReadAhead(source()) as ahead:
        assert await ahead.next() == Due(b"1", 1, 1)

        async def reading() -> bool:
            return any(task.get_name() == "read-ahead" for task in asyncio.all_tasks())

        await eventually(reading, lambda going: not going, within_s=30, what="the fault is read")
    del ahead
    gc.collect()
    assert said == []
