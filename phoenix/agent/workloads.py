"""All workloads of the host, whoever their parent is: started through the shim, adopted after a crash, ended for sure.

Why it exists: the rest of the agent must not care whether a shim died or the agent was restarted in between. From: the
object workers. To: shim, pidfds, `processes/`. It never decides what should run.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass

from phoenix.agent import orphans, procfs, shimstart, shimwire
from phoenix.agent.errors import ShimError, StateLocked
from phoenix.agent.records import ALT, ExitRecord, Identity, StateFolder
from phoenix.agent.shimclient import ShimClient
from phoenix.agent.shimstart import ShimOptions
from phoenix.agent.shimwire import StartRequest

_log = logging.getLogger(__name__)
_START_PATIENCE_S = 60.0
_RETRY_S = 1.0

ExitCallback = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Ended:
    """A start that is over."""

    identity: Identity
    exit: ExitRecord


class Workloads:
    """The running and ended workloads by id.

    Guarantees: `running` holds only what was verified to run by pid, start time and boot id when it was put there;
    when a workload leaves it, its whole session is gone and `ended` says how. `on_exit(workload)` is called then, on
    the loop. Callers must run `keep()` while they use it.
    """

    def __init__(self, state: StateFolder, options: ShimOptions, on_exit: ExitCallback) -> None:
        self.running: dict[str, Identity] = {}
        self.ended: dict[str, Ended] = {}
        self._state, self._options, self._on_exit = state, options, on_exit
        self._client: ShimClient | None = None
        self._connected = asyncio.Event()
        self._watched: dict[str, asyncio.Task[None]] = {}
        self._lock_fd: int | None = None

    @property
    def shim_pid(self) -> int | None:
        """Pid of the shim, while connected."""
        return self._client.pid if self._client else None

    async def open(self) -> None:
        """Take the state folder, get a shim, adopt what runs.

        Raises:
            StateLocked: another agent works here.
            ShimError: no shim can be had.
        """
        self._state.create()
        path = self._state.shim / "agent.lock"
        self._lock_fd = shimwire.lock(path)
        if self._lock_fd is None:
            msg = (
                f"another agent (pid {shimwire.lock_holder(path)}) works on state folder {self._state.root}: "
                "stop it, or give this one a state folder of its own"
            )
            raise StateLocked(msg)
        await self._connect()

    async def keep(self) -> None:
        """Replace the shim whenever it is lost; runs until cancelled."""
        while True:
            lost, client = 0, self._client
            if client is not None:
                await client.closed.wait()
                _log.warning("shim lost pid=%s workloads=%d", client.pid, len(self.running))
                self._connected.clear()
                self._client = None
                lost = client.pid
                await client.close()
            try:
                await self._connect()
                _reap(lost)
            except ShimError as error:
                _log.error("no shim: %s", error)
                await asyncio.sleep(_RETRY_S)

    async def start(self, request: StartRequest) -> Identity:
        """Start a workload that does not run.

        Raises:
            ShimRefused: nothing was started.
            ShimError: no shim, or no answer: look at `running` once there is one again.
        """
        client = await self._shim()
        self.ended.pop(request.workload, None)
        identity = await client.start(request)
        already = self.ended.get(request.workload)  # NB: the exit may have overtaken us
        if already is None or already.exit.start_id != request.start_id:
            self.running[request.workload] = identity
        else:
            self.ended[request.workload] = Ended(identity, already.exit)
        return identity

    async def stop(self, workload: str, grace_s: float) -> None:
        """End a workload and all of its session; returns when verified gone. Not running: returns at once.

        Raises:
            ShimError: no answer; asking again is safe.
        """
        identity = self.running.get(workload)
        if identity is None:
            return
        if (watch := self._watched.get(workload)) is not None:
            await orphans.end(identity, grace_s)
            await asyncio.wait([watch])
            return
        client = await self._shim()
        if workload in self._watched:  # the shim was replaced while we waited
            await self.stop(workload, grace_s)
            return
        record = await client.stop(workload, grace_s)
        if workload in self.running:
            self._left(workload, record or self._record_of(identity))

    async def close(self, *, stop_workloads: bool, grace_s: float = 10.0) -> None:
        """Let go. `stop_workloads`: end all workloads and the shim first, verified; else they go on for adoption."""
        try:
            if stop_workloads:
                await self._stop_all(grace_s)
        finally:
            watched = list(self._watched.values())
            for task in watched:
                task.cancel()
            await asyncio.gather(*watched, return_exceptions=True)
            if self._client is not None:
                pid = self._client.pid
                await self._client.close()
                self._client = None
                if stop_workloads:
                    await _ended(pid)
            if self._lock_fd is not None:
                shimwire.unlock(self._lock_fd)
                self._lock_fd = None

    async def _stop_all(self, grace_s: float) -> None:
        alone = [orphans.end(self.running[workload], grace_s) for workload in list(self._watched)]
        await asyncio.gather(*alone)
        with contextlib.suppress(ShimError):
            if self._client is not None:
                await self._client.shutdown(grace_s)
        # What a lost shim left, or one that died just now.
        left = [identity for identity in self.running.values() if identity.runs()]
        await asyncio.gather(*(orphans.end(identity, grace_s) for identity in left))

    async def _shim(self) -> ShimClient:
        try:
            async with asyncio.timeout(_START_PATIENCE_S):
                await self._connected.wait()
        except TimeoutError as error:
            msg = f"no shim for {_START_PATIENCE_S:g}s; its log is {self._state.shim / 'log'}"
            raise ShimError(msg) from error
        assert self._client is not None
        return self._client

    async def _connect(self) -> None:
        client = await shimstart.obtain(self._state, self._options, self._exited)
        self._client = client
        self._adopt(client)
        self._connected.set()

    def _adopt(self, client: ShimClient) -> None:
        """Sort every known workload: the shim's, an orphan that runs, or ended."""
        known = dict(self.running)
        for workload in self._recorded():
            identity = Identity.load(self._state.identity(workload))
            if identity is not None:
                known.setdefault(workload, identity)
        for workload, identity in {**known, **client.workloads}.items():
            if workload in client.workloads:
                self.running[workload] = identity
            elif identity.runs():
                self.running[workload] = identity
                self._watch(workload, identity)
            elif workload in self.running:
                self._left(workload, self._record_of(identity))
            else:
                self.ended[workload] = Ended(identity, self._record_of(identity))

    def _recorded(self) -> list[str]:
        paths = [*self._state.processes.glob("*/identity.json"), *self._state.processes.glob(f"*{ALT}/identity.json")]
        return [str(path.parent.relative_to(self._state.processes)) for path in paths]

    def _watch(self, workload: str, identity: Identity) -> None:
        if workload in self._watched:
            return
        _log.info("adopting by pidfd workload=%s pid=%d", workload, identity.pid)
        task = asyncio.create_task(self._watch_orphan(workload, identity), name=f"orphan-{workload}")
        self._watched[workload] = task

    async def _watch_orphan(self, workload: str, identity: Identity) -> None:
        await orphans.wait_ended(identity)
        del self._watched[workload]
        self._left(workload, self._record_of(identity))

    def _record_of(self, identity: Identity) -> ExitRecord:
        """The recorded exit of this very start, else Unknown, which is recorded then."""
        path = self._state.exit(identity.workload)
        record = ExitRecord.load(path)
        if record is None or record.start_id != identity.start_id:
            record = ExitRecord.of(identity.start_id)
            with contextlib.suppress(OSError):  # the folder is gone: nobody will ask
                record.save(path)
        return record

    def _exited(self, workload: str, record: ExitRecord) -> None:
        identity = self.running.get(workload)
        if identity is None or identity.start_id != record.start_id:
            identity = Identity.load(self._state.identity(workload))
        if identity is not None and identity.start_id == record.start_id:
            self._left(workload, record, identity)

    def _left(self, workload: str, record: ExitRecord, identity: Identity | None = None) -> None:
        found = self.running.pop(workload, None) or identity
        if found is not None:
            self.ended[workload] = Ended(found, record)
            self._on_exit(workload)


def _reap(pid: int) -> bool:
    """Reap a shim that was our child; True when it is none (any more)."""
    try:
        return pid <= 0 or os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return True


async def _ended(pid: int) -> None:
    """Wait until a shim that was told to end has ended, whoever its parent is. Raises TimeoutError after 10 s."""
    async with asyncio.timeout(10.0):
        while True:
            _reap(pid)
            stat = procfs.read_stat(pid)
            if stat is None or stat.ended:
                return
            await asyncio.sleep(0.01)
