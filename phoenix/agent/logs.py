"""Reading the logs of workloads: the last lines, and lines as they come."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator
from pathlib import Path

from phoenix.agent.records import StateFolder

_CHUNK_BYTES = 64 << 10
_POLL_S = 0.2
_LINE_LIMIT_BYTES = 1 << 20


def log_path(state_dir: Path, uid: str) -> Path:
    """The log of an object's process. Raises ValueError: not a uid."""
    return StateFolder(state_dir).log(uid)


def last_lines(path: Path, count: int, *, since_bytes: int = 0) -> list[str]:
    """At most the last `count` lines written after `since_bytes`; none where there is no file. Blocks for a read."""
    try:
        with path.open("rb") as file:
            end = file.seek(0, os.SEEK_END)
            file.seek(max(since_bytes, end - max(_CHUNK_BYTES, 200 * count)))
            lines = file.read().decode(errors="replace").splitlines()
    except FileNotFoundError:
        return []
    return lines[-count:] if count else []


async def follow(path: Path, *, tail_lines: int = 100, follow: bool = False) -> AsyncGenerator[str, None]:
    """Lines of a log without their ends: the last `tail_lines`, then, with `follow`, each as it is written.

    Ends at the end of the log, or with `follow` when the log is removed (its object is gone). A log that is not there
    yet is waited for with `follow`, else empty. Polls five times a second; use with `aclosing`.
    """
    position, rest = 0, b""
    tail = await asyncio.to_thread(_tail, path, tail_lines)
    if tail is not None:
        lines, position, rest = tail
        for known in lines:
            yield known
    elif not follow:
        return
    seen = tail is not None
    while follow:
        chunk = await asyncio.to_thread(_read, path, position)
        if chunk is None:
            if seen:
                break
        else:
            seen = True
            position += len(chunk)
            *whole, rest = (rest + chunk).split(b"\n")
            for line in whole:
                yield line.decode(errors="replace")
            rest = rest[-_LINE_LIMIT_BYTES:]
        if not chunk:
            await asyncio.sleep(_POLL_S)
    if rest:
        yield rest.decode(errors="replace")


_follow = follow  # an argument of that name hides it below


class LocalLogs:
    """The logs of this host's processes by the uid of their object, as the API server serves them."""

    def __init__(self, state_dir: Path) -> None:
        self._state_dir = state_dir

    def lines(self, uid: str, *, tail_lines: int, follow: bool) -> AsyncGenerator[str, None] | None:
        """See `follow`; None: nothing of that object was started on this host. Raises ValueError: not a uid."""
        path = log_path(self._state_dir, uid)
        return _follow(path, tail_lines=tail_lines, follow=follow) if path.exists() else None


def _tail(path: Path, count: int) -> tuple[list[str], int, bytes] | None:
    """The last whole lines, the position after what was read, and the unfinished line."""
    try:
        with path.open("rb") as file:
            end = file.seek(0, os.SEEK_END)
            start, newlines = end, 0
            while start > 0 and newlines <= count:
                start = max(0, start - _CHUNK_BYTES)
                file.seek(start)
                newlines += file.read(min(_CHUNK_BYTES, end - start)).count(b"\n")
            file.seek(start)
            *whole, rest = file.read(end - start).split(b"\n")
    except FileNotFoundError:
        return None
    return [line.decode(errors="replace") for line in whole[-count:]] if count else [], end, rest


def _read(path: Path, position: int) -> bytes | None:
    try:
        with path.open("rb") as file:
            file.seek(position)
            return file.read(_CHUNK_BYTES)
    except FileNotFoundError:
        return None
