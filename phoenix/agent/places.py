"""The two places of one object on disk and in the process table: what is in them, and putting something in.

Between the worker, which decides, and the workloads, which do. Never decides.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
from pathlib import Path
from uuid import uuid4

from phoenix.agent.errors import AgentError, ConfigRejected, ShimRefused
from phoenix.agent.launch import HostFacts, Launch
from phoenix.agent.lifecycle import Seen
from phoenix.agent.logs import last_lines
from phoenix.agent.objectrecord import ObjectRecord
from phoenix.agent.ports import Ports
from phoenix.agent.probe import Prober
from phoenix.agent.records import ALT, Identity, StateFolder
from phoenix.agent.shimwire import StartRequest
from phoenix.agent.workloads import Workloads

_log = logging.getLogger(__name__)
_LAST_LINES = 5
_WITHOUT_PROBE_S = 1.0


class Places:
    """The processes of one object.

    Args:
        record: the agent's memory of the object; changed and saved here.
    """

    def __init__(
        self, record: ObjectRecord, state: StateFolder, workloads: Workloads, ports: Ports, prober: Prober
    ) -> None:
        self.record = record
        self._state, self._workloads, self._ports, self._prober = state, workloads, ports, prober
        self._refused: dict[str, str] = {}
        self._log_start: dict[str, int] = {}
        ports.keep(port for place in record.ports.values() for port in place.values())

    @property
    def folder(self) -> Path:
        """The object's folder."""
        return self._state.workload(self.record.uid)

    @property
    def identity(self) -> Identity | None:
        """The active process, if it runs."""
        return self._workloads.running.get(self.record.active)

    async def see(self, workload: str, *, probe: bool) -> Seen:
        """What is in a place now; `probe`: also ask whether it is ready."""
        identity = self._workloads.running.get(workload)
        if identity is not None:
            ready, lacks = await self._readiness(workload) if probe else (False, "")
            words = "" if ready else await self._last_words(workload)
            return Seen(alive=True, ready=ready, lacks=lacks, last_words=words)
        if refused := self._refused.get(workload):
            return Seen(refused=refused)
        ended = self._workloads.ended.get(workload)
        if ended is None:
            return Seen()
        return Seen(exit=ended.exit, last_words=await self._last_words(workload))

    async def start(self, workload: str, launch: Launch, facts: HostFacts, *, kept: dict[str, int] | None) -> None:
        """Run a launch in a place: ports, file, process. `kept`: ports to use again where they are free.

        What cannot be started is seen as `refused` afterwards. Raises ShimError: no shim; try again.
        """
        self._refused.pop(workload, None)
        self._workloads.ended.pop(workload, None)
        slot = workload.removeprefix(self.record.uid)
        folder = self._state.workload(workload)
        try:
            self.record.ports[slot] = self._ports.take(launch.ports, kept)
            content = launch.content(facts, self.record.ports[slot])
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.record.save(self.folder)
            path = folder / launch.file
            path.write_bytes(content)
            path.chmod(0o600)
            self._log_start[workload] = self._log_size()
            request = StartRequest(
                workload, uuid4().hex, launch.program, ["--config", str(path)], launch.config_hash, launch.path
            )
            identity = await self._workloads.start(request)
        except (ConfigRejected, ShimRefused, OSError) as error:
            self._refused[workload] = str(error)
            _log.warning("not started workload=%s: %s", workload, error)
        except AgentError as error:
            if workload not in self._workloads.running:
                raise
            _log.warning("started, but: workload=%s: %s", workload, error)
        else:
            _log.info("started workload=%s pid=%d program=%s", workload, identity.pid, launch.program)

    async def stop(self, workload: str, grace_s: float) -> None:
        """End what is in a place, verified; an empty place is fine."""
        await self._workloads.stop(workload, grace_s)
        self._refused.pop(workload, None)

    def promote(self) -> None:
        """Make beside the active place, durably."""
        self.record.swap()
        self.record.save(self.folder)

    def forget(self, workload: str) -> None:
        """The place is empty and its ports are free for others."""
        slot = workload.removeprefix(self.record.uid)
        released = self.record.ports.pop(slot, {})
        self._ports.release(released.values())
        self._ports.keep(port for place in self.record.ports.values() for port in place.values())
        self._workloads.ended.pop(workload, None)
        self._refused.pop(workload, None)

    async def remove(self) -> None:
        """Remove the object's folder and memory; its processes must be gone."""
        for workload in (self.record.uid, self.record.uid + ALT):
            self.forget(workload)
        await asyncio.to_thread(shutil.rmtree, self.folder, ignore_errors=True)

    async def _readiness(self, workload: str) -> tuple[bool, str]:
        slot = workload.removeprefix(self.record.uid)
        port = self.record.ports.get(slot, {}).get("health")
        if port is None:
            # A configuration without our health port says nothing of itself: ready is to have stayed for a second.
            return self.age_s(workload) >= _WITHOUT_PROBE_S, ""
        return await self._prober.readiness(self._ports.address, port)

    def age_s(self, workload: str) -> float:
        """How long its process has run, seconds; 0 where there is none."""
        identity = self._workloads.running.get(workload)
        return identity.age_s() if identity else 0.0

    async def _last_words(self, workload: str) -> str:
        since = self._log_start.get(workload, 0)
        lines = await asyncio.to_thread(last_lines, self._state.log(self.record.uid), _LAST_LINES, since_bytes=since)
        return " | ".join(line.strip() for line in lines if line.strip())

    def _log_size(self) -> int:
        try:
            return self._state.log(self.record.uid).stat().st_size
        except FileNotFoundError:
            return 0
