"""Owned tasks: every task has somebody who cancels it and waits for it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self

from phoenix.aio.clock import SYSTEM_CLOCK, Clock

_log = logging.getLogger(__name__)


async def cancel_and_wait(*tasks: asyncio.Task[Any]) -> None:
    """Cancel the tasks and wait until all have ended; their errors are logged, not raised.

    Cancellation: the tasks are cancelled all the same; the wait for them is given up.
    """
    for task in tasks:
        task.cancel()
    for task, outcome in zip(tasks, await asyncio.gather(*tasks, return_exceptions=True), strict=True):
        if isinstance(outcome, Exception):
            _log.error("task failed while being stopped", extra={"task": task.get_name()}, exc_info=outcome)


async def wait_for_event(event: asyncio.Event, delay_s: float, *, clock: Clock = SYSTEM_CLOCK) -> bool:
    """Wait for the event at most `delay_s` seconds; whether it is set."""
    if event.is_set():
        return True
    sleeper = asyncio.ensure_future(clock.sleep(delay_s))
    waiter = asyncio.ensure_future(event.wait())
    try:
        await asyncio.wait({sleeper, waiter}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await cancel_and_wait(sleeper, waiter)
    return event.is_set()


async def wait_readable(fd: int) -> None:
    """Wait until a descriptor has something to read, or, a pidfd, until its process has ended."""
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(fd, readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(fd)


class TaskOwner:
    """Tasks that come and go, all of which end with their owner.

    For tasks whose number changes while the owner lives (one a process, one a connection); where it is fixed, use
    asyncio.TaskGroup. A task that fails is logged with its name and does not end the others.

        async with TaskOwner() as tasks:
            tasks.start(work(), name="work")
    """

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()
        self._closed = False

    def start(self, coroutine: Coroutine[Any, Any, Any], *, name: str) -> asyncio.Task[Any]:
        """Run a coroutine as a task of this owner. Raises RuntimeError once the owner is closed."""
        if self._closed:
            coroutine.close()
            msg = f"cannot start task {name}: its owner is closed"
            raise RuntimeError(msg)
        task = asyncio.create_task(coroutine, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None and not self._closed:
            _log.error("task failed", extra={"task": task.get_name()}, exc_info=error)

    def __len__(self) -> int:
        return len(self._tasks)

    async def close(self) -> None:
        """Cancel what runs and wait for it; may be called twice."""
        self._closed = True
        await cancel_and_wait(*self._tasks)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
