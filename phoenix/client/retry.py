"""Read, change, write again when somebody else was faster."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from phoenix.aio.backoff import Backoff
from phoenix.aio.clock import SYSTEM_CLOCK, Clock
from phoenix.apimachinery.errors import AlreadyExists, Conflict

T = TypeVar("T")


async def on_conflict(
    attempt: Callable[[], Awaitable[T]],
    *,
    attempts: int = 5,
    clock: Clock = SYSTEM_CLOCK,
) -> T:
    """Call `attempt`, which reads, changes and writes, until it meets no Conflict; its result.

    AlreadyExists counts as one: the object came between the read and the create.

    Raises:
        Conflict, AlreadyExists: that of the last attempt.
    """
    wait = Backoff(0.01, 1.0)
    for _ in range(attempts - 1):
        try:
            return await attempt()
        except (Conflict, AlreadyExists):
            await clock.sleep(wait.next_s())
    return await attempt()
