"""Time as an argument: loops get a Clock, so that tests need not wait."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What a loop may ask of time.

    Guarantees: `monotonic` never goes back and is for durations; `now` is aware UTC and is for timestamps.
    """

    def monotonic(self) -> float:
        """Seconds since an arbitrary start."""
        ...

    def now(self) -> datetime:
        """Aware UTC."""
        ...

    async def sleep(self, delay_s: float) -> None:
        """Return after `delay_s` seconds; zero or less still yields to the loop once."""
        ...


class SystemClock:
    """The machine's clocks."""

    def monotonic(self) -> float:
        """Seconds of CLOCK_MONOTONIC."""
        return time.monotonic()

    def now(self) -> datetime:
        """The wall clock, aware UTC."""
        return datetime.now(UTC)

    async def sleep(self, delay_s: float) -> None:
        """Sleep on the running loop."""
        await asyncio.sleep(max(0.0, delay_s))


SYSTEM_CLOCK = SystemClock()
"""The default where a clock is an optional argument."""
