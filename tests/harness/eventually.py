"""Waiting with a deadline, for the state of the world."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def eventually(
    look: Callable[[], Awaitable[T]], holds: Callable[[T], bool], *, within_s: float, what: str, every_s: float = 0.1
) -> T:
    """Look until it holds; the value for which it did. Fails with the last value seen."""
    deadline = time.monotonic() + within_s
    while True:
        value = await look()
        if holds(value):
            return value
        if time.monotonic() > deadline:
            msg = f"not within {within_s:g}s: {what}; last seen: {value!r:.3000}"
            raise AssertionError(msg)
        await asyncio.sleep(every_s)
