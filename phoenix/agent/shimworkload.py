"""One workload as the shim sees it: forked, released, running, asked to stop, ended, its group verified gone.

The leader's zombie is kept until its whole session is gone: as long as it is there the kernel cannot give its pid, and
so its group's and session's number, to anybody else, and signalling the group is safe.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
from dataclasses import dataclass, field

from phoenix.agent import procfs
from phoenix.agent.errors import ShimRefused
from phoenix.agent.records import ExitRecord, Identity, StateFolder, now_text
from phoenix.agent.shimchild import PREPARED, RELEASED, Child, become
from phoenix.agent.shimwire import StartRequest

_PREPARE_TIMEOUT_S = 10.0


@dataclass(slots=True)
class Workload:
    """A started child of the shim.

    `kill_at`: monotonic time of the SIGKILL once it was asked to stop; None: it was not. `exit`: set when the leader
    ended; the workload is gone only when `settle` says so.
    """

    identity: Identity
    pidfd: int
    kill_at: float | None = None
    exit: ExitRecord | None = None
    waiting: list[tuple[int, int]] = field(default_factory=list)

    def ask(self, kill_at: float) -> None:
        """Ask the whole group to end by `kill_at`; asking again can only bring that forward."""
        first = self.kill_at is None
        self.kill_at = kill_at if self.kill_at is None else min(self.kill_at, kill_at)
        if first:
            for number in (signal.SIGTERM, signal.SIGCONT):  # NB: a stopped process cannot hear SIGTERM
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self.identity.pid, number)

    def settle(self, now: float) -> bool:
        """Take the next step of the ladder; True once leader and session are gone and the leader is reaped."""
        pid = self.identity.pid
        if self.exit is None:
            self._see_exit()
        if self.exit is None:
            if self.kill_at is not None and now >= self.kill_at:
                kill_session(pid)
            return False
        left = [stat for stat in procfs.members(pid) if stat.pid != pid]
        if left and (self.kill_at is None or now >= self.kill_at):
            kill_session(pid)  # what a leader leaves behind is nobody's any more
        if left:
            return False
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, 0)
        os.close(self.pidfd)
        return True

    def _see_exit(self) -> None:
        result = os.waitid(os.P_PID, self.identity.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if result is None:
            return
        if result.si_code == os.CLD_EXITED:
            self.exit = ExitRecord.of(self.identity.start_id, code=result.si_status)
        else:
            self.exit = ExitRecord.of(self.identity.start_id, signal=result.si_status)


def kill_session(session: int) -> None:
    """SIGKILL to every process of the session, whichever group it made for itself."""
    for stat in procfs.members(session):
        with contextlib.suppress(ProcessLookupError):
            os.kill(stat.pid, signal.SIGKILL)


def start(request: StartRequest, child: Child, state: StateFolder, libc: ctypes.CDLL) -> Workload:
    """Fork, let the child prepare, write its identity durably, release it.

    Raises:
        ShimRefused: the child could not prepare, or its identity could not be written; no process is left.
    """
    state.exit(request.workload).unlink(missing_ok=True)
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        become(child, theirs.fileno(), libc)
    theirs.close()
    with ours:
        try:
            ours.settimeout(_PREPARE_TIMEOUT_S)
            answer = ours.recv(4096)
            if answer != PREPARED:
                raise _refusal(request, answer[1:].decode(errors="replace") or "it ended")
            identity = _identify(request, pid)
            identity.save(state.identity(request.workload))
            pidfd = os.pidfd_open(pid)
            ours.sendall(RELEASED)
        except (OSError, ShimRefused) as error:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            raise error if isinstance(error, ShimRefused) else _refusal(request, str(error)) from error
    return Workload(identity, pidfd)


def _refusal(request: StartRequest, why: str) -> ShimRefused:
    return ShimRefused(f"workload {request.workload} ({request.program}) could not be prepared: {why}")


def _identify(request: StartRequest, pid: int) -> Identity:
    stat = procfs.read_stat(pid)
    if stat is None or stat.ended:
        msg = f"workload {request.workload} ({request.program}) ended before it was released"
        raise ShimRefused(msg)
    return Identity(
        workload=request.workload,
        start_id=request.start_id,
        pid=pid,
        start_time=stat.start_time,
        boot_id=procfs.boot_id(),
        program=request.program,
        config_hash=request.config_hash,
        started_at=now_text(),
    )
