"""A whole Phoenix in a child process, on a state folder of the test's own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any, TypeVar

from phoenix.api.collector import Collector
from phoenix.api.core import Event
from phoenix.api.experiment import Experiment
from phoenix.api.results import Verdict
from phoenix.apimachinery.errors import NotFound
from phoenix.apimachinery.meta import Resource
from phoenix.apimachinery.names import LABEL_EXPERIMENT
from phoenix.client.apply import apply
from phoenix.client.config import ClientConfig
from phoenix.client.http import HttpClient
from phoenix.manifest.loader import load_file
from phoenix.runtime.events import data_of
from tests.harness.eventually import eventually
from tests.harness.leftovers import Leftover, groups_of, processes_of
from tests.harness.lifeline import LIFELINE

R = TypeVar("R", bound=Resource)
ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "resources" / "examples"
FAST_TIMING = {"warmup": "8s", "duration": "6s", "interval": "500ms"}
"""The examples ask for rates over 5 s; those must not reach back to the first seconds, which may come late."""


def example(name: str, timing: dict[str, str] | None = None) -> dict[str, Any]:
    """An example; an experiment with its timing overlaid."""
    (found,) = load_file(EXAMPLES / name)
    if found.wire["kind"] != "Experiment":
        return dict(found.wire)
    return {**found.wire, "spec": {**found.wire["spec"], "timing": timing or FAST_TIMING}}


class Cluster:
    """Start, stop, kill; a client; the CLI; and what is left at the end."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.process: asyncio.subprocess.Process | None = None
        self._client: HttpClient | None = None
        self._groups: frozenset[int] = frozenset()

    @property
    def client(self) -> HttpClient:
        """Speaks to the running server."""
        assert self._client is not None, "start() first"
        return self._client

    @property
    def pid(self) -> int:
        """Of the `up` process."""
        assert self.process is not None
        return self.process.pid

    async def start(self, *arguments: str, within_s: float = 30, program: str = "phoenix.up") -> None:
        """Start Phoenix and wait until it says ready. `program`: the module, `phoenix.serve` without an agent."""
        self.state.mkdir(parents=True, exist_ok=True)
        log = (self.state.parent / f"{self.state.name}-up.log").open("ab")
        with log:
            self.process = await asyncio.create_subprocess_exec(
                *LIFELINE, sys.executable, "-m", program, "--state", str(self.state), *arguments,
                cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=log, stdin=asyncio.subprocess.DEVNULL,
                start_new_session=True,
            )  # fmt: skip
        assert self.process.stdout is not None
        async with asyncio.timeout(within_s):
            line = await self.process.stdout.readline()
        assert b"ready" in line, f"Phoenix did not start: {line!r}; see {self.log_text()}"
        self._client = HttpClient(ClientConfig.from_endpoint_file(self.state / "endpoint.json"))
        self.remember()

    def log_text(self) -> str:
        """What `up` wrote to stderr."""
        path = self.state.parent / f"{self.state.name}-up.log"
        return path.read_text(errors="replace")[-6000:] if path.exists() else ""

    def remember(self) -> None:
        """Remember process groups that run now, to look for them at the end."""
        self._groups |= groups_of(self.state)

    async def stop(self) -> int:
        """SIGTERM and wait; the exit code."""
        self.remember()
        return await self._end(signal.SIGTERM)

    async def kill(self) -> None:
        """SIGKILL `up` alone."""
        self.remember()
        await self._end(signal.SIGKILL)

    async def _end(self, number: signal.Signals) -> int:
        if self._client is not None:
            await self._client.close()
            self._client = None
        assert self.process is not None
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)
        async with asyncio.timeout(40):
            await self.process.communicate()
        assert self.process.returncode is not None
        return self.process.returncode

    def leftovers(self) -> list[Leftover]:
        """Everything of this Phoenix that runs now."""
        return processes_of(self.state, self._groups)

    async def apply(self, wire: dict[str, Any]) -> None:
        """Apply an object as `phoenixctl apply` does."""
        await apply(self.client, wire, field_manager="tests")

    async def apply_example(self, name: str, timing: dict[str, str] | None = None) -> str:
        """Apply an example with its timing overlaid; the object's name."""
        wire = example(name, timing)
        await self.apply(wire)
        return str(wire["metadata"]["name"])

    async def ctl(self, *arguments: str, stdin: bytes | None = None, within_s: float = 60) -> tuple[int, str, str]:
        """Run phoenixctl; exit code, stdout, stderr."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "phoenix.cli", "--state", str(self.state), *arguments,
            cwd=ROOT, stdin=asyncio.subprocess.PIPE if stdin is not None else asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "COLUMNS": "80", "NO_COLOR": "1"},
        )  # fmt: skip
        async with asyncio.timeout(within_s):
            out, err = await process.communicate(stdin)
        assert process.returncode is not None
        return process.returncode, out.decode(), err.decode()

    async def experiment(self, name: str) -> Experiment:
        """The experiment as it is now."""
        return await self.client.get(Experiment, name, "default")

    async def until(self, name: str, phases: Iterable[str], within_s: float = 60) -> Experiment:
        """Wait until the experiment is in one of the phases."""
        wanted = set(phases)

        async def look() -> Experiment:
            self.remember()
            return await self.experiment(name)

        return await eventually(
            look, lambda found: found.status.phase in wanted, within_s=within_s, what=f"{name} is {sorted(wanted)}"
        )

    async def judged(self, wire: dict[str, Any], within_s: float = 90) -> Experiment:
        """Apply an experiment; its end. What a machine that stood still made Invalid is run again, twice at most."""
        name = str(wire["metadata"]["name"])
        for last in (False, False, True):
            await self.apply(wire)
            done = await self.until(name, {"Completed", "Failed"}, within_s=within_s)
            if last or done.status.verdict is not Verdict.INVALID:
                break
            await self.client.delete(Experiment, name, "default")
            await self.gone(Experiment, name, within_s=60)
        return done

    async def gone(self, kind: type[R], name: str, within_s: float = 30) -> None:
        """Wait until the object is gone."""

        async def look() -> R | None:
            try:
                return await self.client.get(kind, name, "default")
            except NotFound:
                return None

        await eventually(look, lambda found: found is None, within_s=within_s, what=f"{name} is gone")

    async def events_of(self, name: str) -> list[tuple[str, dict[str, str]]]:
        """(reason, data) of an object's events, in order of revision."""
        found = await self.client.list(Event, "default", field_selector=f"involvedObject.name={name}")
        ordered = sorted(found.items, key=lambda event: int(event.metadata.resource_version))
        return [(event.reason, data_of(event)) for event in ordered]

    async def told(self, name: str, reason: str) -> list[str]:
        """The reasons of an object's events once this one is there: an event follows what it tells of."""

        async def look() -> list[str]:
            return [reason for reason, _ in await self.events_of(name)]

        return await eventually(look, lambda found: reason in found, within_s=40, what=f"{name} has {reason}")

    async def quiet(self, *, within_s: float = 40.0) -> None:
        """Wait until no process of any experiment runs (those of plain deployments may)."""

        async def look() -> list[str]:
            self.remember()
            plain = {
                item.metadata.uid
                for item in (await self.client.list(Collector)).items
                if LABEL_EXPERIMENT not in item.metadata.labels
            }
            return sorted(set(self.workloads()) - plain)

        await eventually(look, lambda found: not found, within_s=within_s, what="no workload is left")

    def workloads(self) -> list[str]:
        """Object uids that have a process: a workload, forked or exec'd, works in its object's folder."""
        folder = (self.state / "processes").resolve()
        found: list[str] = []
        for item in self.leftovers():
            with contextlib.suppress(OSError, ValueError):
                found.append(Path(os.readlink(f"/proc/{item.pid}/cwd")).relative_to(folder).parts[0])
        return found


@contextlib.asynccontextmanager
async def cluster(tmp_path: Path, *arguments: str, program: str = "phoenix.up") -> AsyncIterator[Cluster]:
    """A started Phoenix; at the end it is stopped and nothing may be left."""
    found = Cluster(tmp_path / "state")
    await found.start(*arguments, program=program)
    try:
        yield found
    finally:
        if found.process is not None and found.process.returncode is None:
            await found.stop()
        left = found.leftovers()
        for item in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(item.pid, signal.SIGKILL)
    assert not left, f"left behind: {left}"
