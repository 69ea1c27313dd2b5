"""kill -9 of a whole agent process, and of one that has forked children of its own."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

import pytest

from phoenix.agent.records import StateFolder
from phoenix.agent.shimstart import ShimOptions
from tests.harness.samples_route import free_port
from tests.process.agent.conftest import until_ready
from tests.process.agent.test_shim import opened, start

pytestmark = pytest.mark.process

_AGENT = """
import asyncio, json, os, sys, time
from pathlib import Path
from phoenix.agent.records import StateFolder
from phoenix.agent.shimstart import ShimOptions
from phoenix.agent.workloads import Workloads
from phoenix.agent.shimwire import StartRequest
from tests.harness.samples_route import free_port
from tests.process.agent.conftest import TEST_PROGRAMS, prepare

async def main():
    state = StateFolder(Path(sys.argv[1]))
    workloads = Workloads(state, ShimOptions(20.0, TEST_PROGRAMS), lambda _: None)
    await workloads.open()
    identity = await workloads.start(StartRequest("a", "1", "ready", prepare(state, "a", int(sys.argv[2]))))
    child = os.fork()          # what a process pool does; it keeps every descriptor that is not closed for it
    if child == 0:
        os.close(1)
        time.sleep(60)
        os._exit(0)
    print(json.dumps([identity.pid, child, workloads.shim_pid]), flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


async def test_killed_agent_leaves_work_to_the_next(state: StateFolder, options: ShimOptions) -> None:
    port = free_port()
    agent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _AGENT, str(state.root), str(port), stdout=asyncio.subprocess.PIPE
    )
    assert agent.stdout is not None
    child = 0
    try:
        async with asyncio.timeout(40):
            pid, child, shim = (int(part) for part in (await agent.stdout.readline()).strip(b"[]\n").split(b","))
        await until_ready(port)
        agent.send_signal(signal.SIGKILL)
        await agent.wait()
        async with opened(state, options) as workloads:
            assert workloads.shim_pid == shim
            assert workloads.running["a"].pid == pid
            _, other = await start(workloads, state, "b")
            await until_ready(other)
    finally:
        if child:
            os.kill(child, signal.SIGKILL)
        if agent.returncode is None:
            agent.kill()
            await agent.wait()
