"""Reads a recording ahead of when it is due, in a thread, as far as a bound in bytes."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from phoenix.aio.tasks import cancel_and_wait

AHEAD_BYTES, AHEAD_REQUESTS = 32 << 20, 512
"""What waits at most, decoded, moved and encoded again; one request more than either is on its way."""


@dataclass(frozen=True, slots=True)
class Due:
    """One request to send: its bytes, points, and when, Unix nanoseconds.

    `strays`: points further from then than the run is long, in no window of it.
    """

    data: bytes
    points: int
    due_unix_nano: int
    strays: int = 0


class ReadAhead:
    """Takes from an iterator that blocks; `next` waits for what it gives. Errors of it are raised by `next`, in order.

    Use as a context manager: leaving it ends the reading.
    """

    def __init__(self, source: Iterator[Due]) -> None:
        self._source = source
        self._ready: deque[Due] = deque()
        self._bytes = 0
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._read(), name="read-ahead")
        self._task.add_done_callback(lambda _: self._changed.set())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        task, self._task = self._task, None
        if task is None:
            return
        if not task.done():
            await cancel_and_wait(task)
        elif not task.cancelled():
            task.exception()  # a fault behind what was needed is nobody's, and asyncio need not say so

    async def next(self) -> Due | None:
        """The next request; None: there is no more. Raises what the iterator raised."""
        task = self._task
        assert task is not None, "enter the context first"
        while not self._ready:
            if task.done():
                task.result()
                return None
            self._changed.clear()
            await self._changed.wait()
        found = self._ready.popleft()
        self._bytes -= len(found.data)
        self._changed.set()
        return found

    async def _read(self) -> None:
        while (found := await asyncio.to_thread(next, self._source, None)) is not None:
            self._ready.append(found)
            self._bytes += len(found.data)
            self._changed.set()
            while self._bytes > AHEAD_BYTES or len(self._ready) > AHEAD_REQUESTS:
                self._changed.clear()
                await self._changed.wait()
