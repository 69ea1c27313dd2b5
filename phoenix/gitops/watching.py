"""Tells when a directory changed, or may have: by inotify, and by looking where that does not reach.

Only a hint goes out, never what happened: whoever gets it scans. So nothing is lost with an event: a queue that
overflowed, a file system without events, a directory that was moved away and made anew all end in a scan, at the latest
after `SAFETY_S`.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from pathlib import Path

from watchfiles import awatch

from phoenix.aio.clock import SYSTEM_CLOCK, Clock

SAFETY_S = 30.0
"""A scan at least so often."""
POLL_S = 1.0
"""Between scans where there are no events: the directory is gone, or cannot be watched."""
_STEP_MS = 20
_LONGEST_BURST_MS = 500
_LOOK_MS = 1000

_log = logging.getLogger(__name__)


async def hints(root: Path, *, recurse: bool = True, clock: Clock = SYSTEM_CLOCK) -> AsyncGenerator[None, None]:
    """Yields whenever the directory may have changed. Never ends; close with `aclosing`."""
    while True:
        identity = _identity(root)
        if identity is not None:
            try:
                async with aclosing(_watched(root, identity, recurse=recurse, clock=clock)) as changes:
                    async for _ in changes:
                        yield
            except (OSError, RuntimeError) as error:
                # Also watchfiles' own error: no watches left, or the directory went between the look and the watch.
                _log.warning("%s cannot be watched, and is looked at every %g s: %s", root, POLL_S, error)
        yield
        await clock.sleep(POLL_S)
        yield


async def _watched(root: Path, identity: tuple[int, int], *, recurse: bool, clock: Clock) -> AsyncGenerator[None, None]:
    """Hints while the path is still the directory that is watched."""
    last_s = clock.monotonic() - SAFETY_S  # what changed before the watch began shows at its first look
    batches = awatch(
        root, watch_filter=None, debounce=_LONGEST_BURST_MS, step=_STEP_MS, rust_timeout=_LOOK_MS,
        yield_on_timeout=True, recursive=recurse, ignore_permission_denied=True,
    )  # fmt: skip
    async with aclosing(batches):
        async for changes in batches:
            now_s = clock.monotonic()
            if changes or now_s - last_s >= SAFETY_S:
                last_s = now_s
                yield
            if _identity(root) != identity:
                return


def _identity(root: Path) -> tuple[int, int] | None:
    """NB: one stat of a local path; a directory on a file system that hangs would hang its scans all the same."""
    try:
        state = os.stat(root)
    except OSError:
        return None
    return state.st_dev, state.st_ino


async def follow(root: Path, changed: Callable[[], None], *, recurse: bool = True, clock: Clock = SYSTEM_CLOCK) -> None:
    """Call `changed` for each hint, until cancelled."""
    async with aclosing(hints(root, recurse=recurse, clock=clock)) as changes:
        async for _ in changes:
            changed()
            await asyncio.sleep(0)


async def poll(changed: Callable[[], None], *, clock: Clock = SYSTEM_CLOCK) -> None:
    """Call `changed` every `POLL_S` seconds, until cancelled."""
    while True:
        await clock.sleep(POLL_S)
        changed()
