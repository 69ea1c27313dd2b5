"""Windows that wait for answers: in order, bounded, and none kept back when the meter ends."""

from __future__ import annotations

import asyncio

import numpy as np

from phoenix.meter.backlog import MAX_WAITING, Backlog
from phoenix.promql.vectors import Range
from phoenix.samples.model import OutputSample
from tests.harness.eventually import eventually
from tests.unit.meter.test_variant import WINDOW, gauges, only, variant

NOTHING = Range([], np.zeros(1, np.int64), np.empty(0, np.int64), np.empty(0))


class Answers:
    """Answers when it is let to."""

    def __init__(self) -> None:
        self.free = asyncio.Event()

    async def complete(self, sample: OutputSample, points: Range) -> OutputSample:
        await self.free.wait()
        return sample.model_copy(update={"signals": {"q": {"": 1.0}}})


def windows(count: int) -> list[OutputSample]:
    first = only(variant(), gauges({"a": "x"}))
    return [first.model_copy(update={"window_start": at * WINDOW}) for at in range(count)]


async def reported(told: list[OutputSample], count: int) -> None:
    async def look() -> int:
        return len(told)

    await eventually(look, lambda found: found >= count, within_s=40, what=f"{count} windows reported", every_s=0.001)


async def test_windows_are_reported_in_order_once_they_are_answered() -> None:
    answers, told = Answers(), list[OutputSample]()
    async with Backlog(answers, told.append) as backlog:  # type: ignore[arg-type]
        for sample in windows(3):
            backlog.put(sample, NOTHING)
        await asyncio.sleep(0)
        assert told == []
        answers.free.set()
        await reported(told, 3)
        backlog.put(windows(4)[3], NOTHING)  # a worker that ran out of work is replaced
        await reported(told, 4)
    assert [sample.window_start // WINDOW for sample in told] == [0, 1, 2, 3]
    assert all(sample.signals and not sample.problem for sample in told)


async def test_what_is_too_much_or_too_late_is_told_with_its_problem() -> None:
    answers, told = Answers(), list[OutputSample]()
    async with Backlog(answers, told.append) as backlog:  # type: ignore[arg-type]
        for sample in windows(MAX_WAITING + 1):
            backlog.put(sample, NOTHING)
        (beyond,) = told
        assert beyond.window_start // WINDOW == MAX_WAITING
        assert "longer intervals help" in beyond.problem
    assert len(told) == MAX_WAITING + 1
    assert all("ended before Prometheus answered" in sample.problem for sample in told[1:])
