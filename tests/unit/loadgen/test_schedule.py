"""When ticks are due."""

from __future__ import annotations

import pytest

from phoenix.loadgen.schedule import Schedule, SteadyClock

SECOND = 1_000_000_000


def plan(
    now: int = 0, start: int | None = None, end: int | None = None, interval: int = SECOND, most: int = 3600 * SECOND
) -> Schedule:
    return Schedule.plan(now=now, start_at=start, end_at=end, interval_ns=interval, max_duration_ns=most)


def ticks(schedule: Schedule) -> list[int]:
    found, tick = [], schedule.first if schedule.ticks else None
    while tick is not None:
        found.append(tick)
        tick = schedule.after(tick)
    return found


def test_ticks_are_at_multiples_of_the_interval_and_end_before_the_end() -> None:
    schedule = plan(now=5, start=3 * SECOND + 1, end=7 * SECOND)
    assert ticks(schedule) == [4 * SECOND, 5 * SECOND, 6 * SECOND]
    assert schedule.ticks == 3


def test_without_a_start_the_next_tick_is_the_first() -> None:
    assert plan(now=41 * SECOND + 5).first == 42 * SECOND
    assert plan(now=42 * SECOND).first == 42 * SECOND


def test_a_start_in_the_past_stays() -> None:
    assert plan(now=100 * SECOND, start=90 * SECOND).first == 90 * SECOND


@pytest.mark.parametrize(("end", "most", "count"), [(None, 5, 5), (10, 5, 5), (3, 5, 3), (0, 5, 0)])
def test_the_earlier_of_end_and_longest_duration_ends_it(end: int | None, most: int, count: int) -> None:
    schedule = plan(start=0, end=None if end is None else end * SECOND, most=most * SECOND)
    assert schedule.ticks == len(ticks(schedule)) == count


def test_a_tick_is_late_when_the_next_is_due() -> None:
    schedule = plan(start=0)
    assert not schedule.is_late(SECOND, 2 * SECOND - 1)
    assert schedule.is_late(SECOND, 2 * SECOND)


def test_a_stepped_wall_clock_moves_nothing() -> None:
    wall, monotonic = [1_000 * SECOND], [7 * SECOND]
    clock = SteadyClock(lambda: wall[0], lambda: monotonic[0])
    wall[0] -= 500 * SECOND
    monotonic[0] += SECOND
    assert clock.now() == 1_001 * SECOND
