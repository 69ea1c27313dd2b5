"""Clock, backoff, owned tasks, signals."""

from __future__ import annotations

import asyncio
import os
import random
import signal

import pytest

from phoenix.aio.backoff import Backoff, delay_for
from phoenix.aio.clock import SystemClock
from phoenix.aio.signals import shutdown_event
from phoenix.aio.tasks import TaskOwner, cancel_and_wait, wait_for_event
from phoenix.aio.testing import ManualClock


def test_backoff_doubles_to_the_cap_and_resets():
    backoff = Backoff(0.5, 3, jitter_ratio=0)
    assert [backoff.next_s() for _ in range(4)] == [0.5, 1, 2, 3]
    backoff.reset()
    assert backoff.next_s() == 0.5


def test_backoff_jitter_is_seeded_and_stays_below_the_delay():
    one = Backoff(1, 8, jitter_ratio=0.5, rng=random.Random(1))
    two = Backoff(1, 8, jitter_ratio=0.5, rng=random.Random(1))
    delays = [one.next_s() for _ in range(6)]
    assert delays == [two.next_s() for _ in range(6)]
    assert all(0.5 * full <= delay <= full for delay, full in zip(delays, [1, 2, 4, 8, 8, 8], strict=True))


def test_delay_never_overflows():
    assert delay_for(100_000, 1, 60) == 60


def test_backoff_refuses_nonsense():
    with pytest.raises(ValueError, match="initial_s"):
        Backoff(0)


async def test_manual_clock_wakes_in_order_of_deadlines():
    clock, woken = ManualClock(), []

    async def sleep(delay_s: float) -> None:
        await clock.sleep(delay_s)
        woken.append((delay_s, clock.monotonic()))

    async with asyncio.TaskGroup() as group:
        for delay_s in (3.0, 1.0, 2.0):
            group.create_task(sleep(delay_s))
        await clock.advance(2.5)
        assert woken == [(1.0, 1.0), (2.0, 2.0)]
        await clock.advance(1)
    assert (clock.now() - ManualClock().now()).total_seconds() == 3.5


async def test_system_clock_is_utc_and_moves():
    clock = SystemClock()
    before = clock.monotonic()
    await clock.sleep(0.001)
    assert clock.monotonic() > before
    assert clock.now().utcoffset() is not None


async def test_owner_ends_its_tasks_and_a_failure_spares_the_others(caplog):
    ended = asyncio.Event()

    async def forever() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def fail() -> None:
        raise ValueError("broken")

    async with TaskOwner() as tasks:
        tasks.start(forever(), name="forever")
        failing = tasks.start(fail(), name="failing")
        await asyncio.wait({failing})
        assert len(tasks) == 1
    assert ended.is_set()
    assert "broken" in caplog.text
    with pytest.raises(RuntimeError, match="closed"):
        tasks.start(forever(), name="late")


async def test_cancel_and_wait_waits_for_clean_up():
    order: list[str] = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            order.append("cleaned")

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    await cancel_and_wait(task)
    assert order == ["cleaned"]


async def test_wait_for_event_is_ended_by_either():
    clock, event = ManualClock(), asyncio.Event()
    waiting = asyncio.create_task(wait_for_event(event, 5, clock=clock))
    await clock.advance(5)
    assert await waiting is False
    waiting = asyncio.create_task(wait_for_event(event, 5, clock=clock))
    await clock.settle()
    event.set()
    assert await waiting is True


async def test_shutdown_event_is_set_by_sigterm_and_gives_the_signals_back():
    event = shutdown_event()
    os.kill(os.getpid(), signal.SIGTERM)
    async with asyncio.timeout(5):
        await event.wait()
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
