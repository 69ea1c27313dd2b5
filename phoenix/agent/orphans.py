"""Workloads whose shim is gone: watched and ended through pidfds, since nobody here is their parent.

Their exit code goes to init; what is left to say is `Unknown`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable

from phoenix.agent import procfs
from phoenix.agent.records import Identity
from phoenix.aio.tasks import wait_readable

_POLL_S = 0.02
_KILL_PATIENCE_S = 10.0


async def wait_ended(identity: Identity) -> None:
    """Return once that very process has ended and what it left in its session is killed."""
    try:
        pidfd = os.pidfd_open(identity.pid)
    except ProcessLookupError:
        pidfd = -1
    try:
        if pidfd >= 0 and identity.runs():  # NB: opened first, then checked: from here on the pidfd is that process
            await wait_readable(pidfd)
    finally:
        if pidfd >= 0:
            os.close(pidfd)
    await _kill_session(identity.pid)


async def end(identity: Identity, grace_s: float) -> None:
    """Ask the session to end, wait `grace_s`, kill it, verify it is gone."""
    if identity.runs():
        for number in (signal.SIGTERM, signal.SIGCONT):
            _signal_session(identity.pid, number)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(grace_s):
            await _polled(lambda: not (procfs.members(identity.pid) and identity.runs()))
    await _kill_session(identity.pid)


async def _kill_session(session: int) -> None:
    async with asyncio.timeout(_KILL_PATIENCE_S):
        await _polled(lambda: not _signal_session(session, signal.SIGKILL))


async def _polled(check: Callable[[], bool]) -> None:
    """NB: there is no event for "the last member of a session has ended"; it is looked for while one is being ended."""
    while True:
        if check():
            return
        await asyncio.sleep(_POLL_S)


def _signal_session(session: int, number: int) -> int:
    """Signal each process of the session, looked at again through its pidfd; returns how many."""
    count = 0
    for stat in procfs.members(session):
        with contextlib.suppress(ProcessLookupError):
            pidfd = os.pidfd_open(stat.pid)
            try:
                again = procfs.read_stat(stat.pid)
                if again is not None and again.start_time == stat.start_time:
                    signal.pidfd_send_signal(pidfd, number)
                    count += 1
            finally:
                os.close(pidfd)
    return count
