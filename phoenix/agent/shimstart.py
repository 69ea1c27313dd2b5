"""Getting a shim: connect to the one that is there, else start one; one that hangs is ended and replaced."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import phoenix
from phoenix.agent import shimwire
from phoenix.agent.errors import ShimError, ShimRefused
from phoenix.agent.records import Identity, StateFolder
from phoenix.agent.shimclient import ExitListener, ShimClient
from phoenix.aio.tasks import wait_readable

_READY_TIMEOUT_S = 45.0
_MODULE = "phoenix.shim"


@dataclass(frozen=True, slots=True)
class ShimOptions:
    """How a shim is started. `programs`: replaces the table program → module (tests only); empty: the real one."""

    orphan_timeout_s: float = 60.0
    programs: Mapping[str, str] | None = None


async def obtain(state: StateFolder, options: ShimOptions, on_exit: ExitListener) -> ShimClient:
    """A connection to this state folder's shim, starting one where needed.

    Raises:
        ShimRefused: the running shim is of another version.
        ShimError: it cannot be started; the message has its last words.
    """
    try:
        return await ShimClient.connect(state, on_exit)
    except ShimRefused:
        raise
    except ShimError:
        _end_hung(state)
    await _spawn(state, options)
    return await ShimClient.connect(state, on_exit)


def _end_hung(state: StateFolder) -> None:
    """SIGKILL a shim that lives without answering. Its workloads go on and are adopted."""
    identity = Identity.load(state.shim / "identity.json")
    if identity is None or not (state.shim / "socket").exists():
        return  # none, or one that is ending by itself: the new one waits for its lock
    with contextlib.suppress(ProcessLookupError):
        pidfd = os.pidfd_open(identity.pid)
        try:
            if identity.runs():
                signal.pidfd_send_signal(pidfd, signal.SIGKILL)
        finally:
            os.close(pidfd)


async def _spawn(state: StateFolder, options: ShimOptions) -> None:
    ready_read, ready_write = os.pipe()
    log = state.shim / "log"
    try:
        try:
            pid = _run(state, options, log, ready_write)
        finally:
            os.close(ready_write)
        said = b""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_READY_TIMEOUT_S):
                await wait_readable(ready_read)
                said = os.read(ready_read, 1)
        if said != b"R":
            last = await asyncio.to_thread(_bury, pid, log)
            msg = f"the shim did not start ({_MODULE}, log {log}): {last or 'it wrote nothing'}"
            raise ShimError(msg)
    finally:
        os.close(ready_read)


def _run(state: StateFolder, options: ShimOptions, log: Path, ready: int) -> int:
    """NB: posix_spawn and no Popen: about a millisecond, and no object that complains when the agent ends first."""
    return os.posix_spawn(
        sys.executable,
        [
            *(sys.executable, "-m", _MODULE, "--state", str(state.root), "--ready-fd", "3"),
            *("--orphan-timeout", str(options.orphan_timeout_s)),
        ],
        _environment(options),
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(log), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
            (os.POSIX_SPAWN_DUP2, ready, 3),
        ],
        setsid=True,
    )


def _bury(pid: int, log: Path) -> str:
    """End and reap a shim that did not become ready; returns its last words."""
    with contextlib.suppress(ProcessLookupError, ChildProcessError):
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    return " | ".join(log.read_text(errors="replace").splitlines()[-5:])


def _environment(options: ShimOptions) -> dict[str, str]:
    environment = dict(os.environ)
    root = str(Path(phoenix.__file__).parent.parent)
    environment["PYTHONPATH"] = os.pathsep.join(part for part in (root, os.environ.get("PYTHONPATH", "")) if part)
    if options.programs is not None:
        environment[shimwire.PROGRAMS_VARIABLE] = json.dumps(dict(options.programs))
    return environment
