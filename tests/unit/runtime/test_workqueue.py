"""The queue's promises: once waiting, never twice at work, nothing lost, bounded by keys."""

from __future__ import annotations

import asyncio
import random

from phoenix.aio.tasks import cancel_and_wait
from phoenix.aio.testing import ManualClock
from phoenix.runtime.workqueue import WorkQueue


async def test_adds_are_coalesced_and_ordered():
    queue: WorkQueue[str] = WorkQueue()
    for key in ("a", "b", "a", "c", "b"):
        queue.add(key)
    assert [await queue.get() for _ in range(3)] == ["a", "b", "c"]
    assert len(queue) == 0


async def test_a_key_added_while_worked_on_waits_for_done():
    queue: WorkQueue[str] = WorkQueue()
    queue.add("a")
    assert await queue.get() == "a"
    queue.add("a")
    queue.add("a")
    assert len(queue) == 0
    queue.done("a")
    assert await queue.get() == "a"
    queue.done("a")
    assert queue.idle


async def test_get_waits_and_a_cancelled_getter_loses_no_key():
    queue: WorkQueue[str] = WorkQueue()
    first, second = asyncio.create_task(queue.get()), asyncio.create_task(queue.get())
    await asyncio.sleep(0)
    queue.add("a")
    first.cancel()  # woken and cancelled in the same turn
    async with asyncio.timeout(5):
        assert await second == "a"
    assert first.cancelled() or first.exception() is None


async def test_delays_and_the_earliest_counts():
    clock = ManualClock()
    queue: WorkQueue[str] = WorkQueue(clock=clock)
    runner = asyncio.create_task(queue.run())
    queue.add_after("a", 10)
    queue.add_after("a", 3)
    queue.add_after("a", 7)
    queue.add_after("b", 5)
    assert queue.delayed == 2
    await clock.advance(2.9)
    assert len(queue) == 0
    await clock.advance(0.2)
    assert await queue.get() == "a"
    queue.done("a")
    await clock.advance(20)
    assert await queue.get() == "b"
    assert len(queue) == 0, "the later delays of a were dropped"
    await cancel_and_wait(runner)


async def test_backoff_doubles_per_key_and_forget_resets():
    clock = ManualClock()
    queue: WorkQueue[str] = WorkQueue(clock=clock, initial_backoff_s=1, max_backoff_s=4, rng=random.Random(1))
    delays = [queue.add_rate_limited("a") for _ in range(4)]
    for delay_s, full_s in zip(delays, [1, 2, 4, 4], strict=True):
        assert 0.9 * full_s <= delay_s <= full_s
    assert queue.failures("a") == 4
    assert queue.add_rate_limited("b") <= 1
    queue.forget("a")
    assert queue.add_rate_limited("a") <= 1


async def test_memory_is_bounded_by_the_keys():
    clock = ManualClock()
    queue: WorkQueue[int] = WorkQueue(clock=clock)
    for number in range(10_000):
        queue.add_after(number % 10, 20_000 - number)
    assert queue.delayed == 10
    assert len(queue._heap) <= 2 * 10 + 65


async def test_many_workers_never_share_a_key_and_see_every_change():
    queue: WorkQueue[int] = WorkQueue()
    rng = random.Random(3)
    wanted, seen = [0] * 8, [0] * 8
    at_work: set[int] = set()

    async def work() -> None:
        while True:
            key = await queue.get()
            assert key not in at_work
            at_work.add(key)
            version = wanted[key]
            for _ in range(rng.randrange(3)):
                await asyncio.sleep(0)
            seen[key] = max(seen[key], version)
            at_work.discard(key)
            queue.done(key)

    async with asyncio.TaskGroup() as group:
        workers = [group.create_task(work()) for _ in range(4)]
        for _ in range(2000):
            key = rng.randrange(8)
            wanted[key] += 1
            queue.add(key)
            if rng.random() < 0.3:
                await asyncio.sleep(0)
        while not queue.idle:  # noqa: ASYNC110
            await asyncio.sleep(0)
        await cancel_and_wait(*workers)
    assert seen == wanted
