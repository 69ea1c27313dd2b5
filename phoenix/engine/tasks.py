"""Background tasks of one component, with an owner: named, watched for failure, ended and awaited by it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine


class TaskOwner:
    """Owns tasks that run until they end by themselves or are closed.

    A task that fails is reported to `fail` at once; one that is cancelled is not.
    """

    def __init__(self, fail: Callable[[BaseException], None]) -> None:
        self._fail = fail
        self._tasks: set[asyncio.Task[None]] = set()

    def spawn(self, work: Coroutine[object, object, None], *, name: str) -> None:
        """Run `work` as a task of this owner."""
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._fail(error)

    async def join(self) -> None:
        """Wait until all tasks have ended by themselves."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def close(self) -> None:
        """Cancel and await all tasks. Safe twice.

        Cancellation: the tasks are cancelled all the same.
        """
        for task in list(self._tasks):
            task.cancel()
        await self.join()
