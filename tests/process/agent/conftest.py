"""A state folder of its own for each test, and the proof that nothing is left after it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from phoenix.agent import procfs
from phoenix.agent.records import Identity, StateFolder
from phoenix.agent.shimstart import ShimOptions
from tests.process.agent.world import World, serving

TEST_PROGRAMS = {
    name: f"tests.harness.children.{name}" for name in ("ready", "deaf_to_term", "crash_loop", "slow_start")
}


@pytest.fixture
def options() -> ShimOptions:
    return ShimOptions(orphan_timeout_s=20.0, programs=TEST_PROGRAMS)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[StateFolder]:
    """Fails the test when any process that was ever recorded here, or its session, still runs at its end."""
    folder = StateFolder(tmp_path / "state")
    folder.create()
    seen: dict[int, Identity] = {}

    yield folder

    for path in folder.root.rglob("identity.json"):
        if identity := Identity.load(path):
            seen[identity.pid] = identity
    left = sorted(
        stat.pid
        for stat in procfs.processes()
        if not stat.ended and (_cwd(stat.pid).startswith(str(folder.root)) or _has_open(stat.pid, folder.root))
        and stat.pid != os.getpid()
    )  # fmt: skip
    left += [pid for pid, identity in seen.items() if identity.runs() or procfs.members(pid)]
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert not left, f"left running: {left}"


def _cwd(pid: int) -> str:
    try:
        return os.readlink(f"/proc/{pid}/cwd")
    except OSError:
        return ""


def _has_open(pid: int, folder: Path) -> bool:
    """Whether its output goes to this folder: true of the shim and of all workloads, whatever they did since."""
    try:
        return os.readlink(f"/proc/{pid}/fd/1").startswith(str(folder))
    except OSError:
        return False


async def eventually(check: Callable[[], object], *, within_s: float = 40.0, what: str = "") -> None:
    deadline = time.monotonic() + within_s
    while not check():
        assert time.monotonic() < deadline, f"not within {within_s}s: {what or check}"
        await asyncio.sleep(0.01)


def prepare(state: StateFolder, workload: str, port: int, **test: object) -> list[str]:
    """Write a child's configuration; returns its argv."""
    folder = state.workload(workload)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps({"healthAddress": f"127.0.0.1:{port}", "test": test}))
    return ["--config", str(folder / "config.json")]


async def answers(port: int) -> bool:
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.write(b"GET / HTTP/1.0\r\n\r\n")
    status = await reader.readline()
    writer.close()
    return b" 200 " in status


async def until_ready(port: int, within_s: float = 40.0) -> None:
    async with asyncio.timeout(within_s):
        while True:
            if await answers(port):
                return
            await asyncio.sleep(0.002)


@pytest.fixture
async def world(state: StateFolder) -> AsyncIterator[World]:
    async with serving(state.root) as client:
        found = World(client, state)
        try:
            yield found
        finally:
            await found.stop()
