"""Agents as programs of their own: each with its state folder, joined to a server by what a person would type."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from tests.harness.cluster import ROOT, Cluster
from tests.harness.leftovers import groups_of, processes_of
from tests.harness.lifeline import LIFELINE


class AgentHost:
    """One host's agent, and what runs there."""

    def __init__(self, name: str, state: Path, command: Sequence[str]) -> None:
        self.name, self.state = name, state
        self._command = command
        self._process: asyncio.subprocess.Process | None = None
        self._groups: frozenset[int] = frozenset()

    @property
    def log_path(self) -> Path:
        """What the agent writes to stderr."""
        return self.state.parent / f"{self.name}-agent.log"

    async def start(self, *, within_s: float = 30) -> None:
        """Start it and wait until it says ready."""
        with self.log_path.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *LIFELINE, *self._command, cwd=ROOT, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
                stderr=log, start_new_session=True,
            )  # fmt: skip
        assert self._process.stdout is not None
        async with asyncio.timeout(within_s):
            line = await self._process.stdout.readline()
        assert line.startswith(f"Host {self.name} is ready at".encode()), self.log_path.read_text()[-3000:]

    def remember(self) -> None:
        """Remember what runs, to look for it at the end."""
        self._groups |= groups_of(self.state)

    async def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Signal the agent alone and wait for it; its exit code."""
        self.remember()
        process, self._process = self._process, None
        assert process is not None
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(number)
        async with asyncio.timeout(40):
            await process.communicate()
        assert process.returncode is not None
        return process.returncode

    async def close(self) -> None:
        """End it; nothing may be left."""
        if self._process is not None:
            await self.end()
        left = processes_of(self.state, self._groups)
        for item in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(item.pid, signal.SIGKILL)
        assert left == []


async def host_token(server: Cluster, name: str) -> str:
    """A token good for this host's agent alone, as `phoenixctl auth create-token --agent` makes it."""
    answer = await server.client.request("POST", f"/apis/phoenix.io/v1alpha1/hosts/{name}/token", body=b"{}")
    assert answer.status == 201, answer.body
    return str(json.loads(answer.body)["status"]["token"])


@contextlib.asynccontextmanager
async def agent_host(
    server: Cluster, name: str, *arguments: str, url: str = "", through: Sequence[str] = (), address: str = ""
) -> AsyncIterator[AgentHost]:
    """A host joined to the server; ended with its workloads, of which none may be left.

    Args:
        url: the server's address as this host has it; empty: as it says itself.
        through: words before the command, such as those that enter a network namespace.
        address: its own address; empty: as it finds out.
    """
    state = server.state.parent / f"host-{name}"
    token = server.state.parent / f"{name}.token"
    token.write_text(await host_token(server, name))
    found = AgentHost(
        name,
        state,
        [
            *through, sys.executable, "-m", "phoenix.agent", "--state", str(state), "--host-name", name,
            "--server", url or server.client.server, "--ca-file", str(server.state / "ca.crt"),
            "--token-file", str(token), "--stop-workloads",
            *(("--advertise-address", address) if address else ()), *arguments,
        ],
    )  # fmt: skip
    await found.start()
    try:
        yield found
    finally:
        await found.close()
