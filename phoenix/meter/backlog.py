"""Closed windows whose queries a Prometheus is still to answer: counting goes on while it thinks.

Each variant's windows are answered in order by one worker, the variants at once. Bounded: `MAX_WAITING` windows a
variant; beyond that a window is reported without answers and with its `problem`, which makes the run Invalid.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Self

from phoenix.aio.tasks import TaskOwner
from phoenix.meter.answering import Answering
from phoenix.promql.vectors import Range
from phoenix.samples.model import OutputSample

MAX_WAITING = 64
_DRAIN_S = 1.5
"""At the end, before its process is killed."""


class Backlog:
    """Takes windows, and gives each to `report` once it is answered. Use it as a context manager."""

    def __init__(self, answering: Answering, report: Callable[[OutputSample], None]) -> None:
        self._answering, self._report = answering, report
        self._waiting: dict[str, deque[tuple[OutputSample, Range]]] = {}
        self._workers: dict[str, asyncio.Task[None]] = {}
        self._owner = TaskOwner()

    def put(self, sample: OutputSample, points: Range) -> None:
        """Take the next window of its variant."""
        variant = sample.variant
        waiting = self._waiting.setdefault(variant, deque())
        if len(waiting) >= MAX_WAITING:
            self._report(
                _without(sample, f"{MAX_WAITING} windows wait for Prometheus to answer: longer intervals help")
            )
            return
        waiting.append((sample, points))
        worker = self._workers.get(variant)
        if worker is None or worker.done():
            self._workers[variant] = self._owner.start(self._work(variant), name=f"answering {variant}")

    async def _work(self, variant: str) -> None:
        waiting = self._waiting[variant]
        while waiting:
            sample, points = waiting[0]
            self._report(await self._answering.complete(sample, points))
            waiting.popleft()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._workers:
            await asyncio.wait(self._workers.values(), timeout=_DRAIN_S)
        await self._owner.close()
        for waiting in self._waiting.values():
            for sample, _ in waiting:
                self._report(_without(sample, "the meter ended before Prometheus answered"))


def _without(sample: OutputSample, problem: str) -> OutputSample:
    return sample.model_copy(update={"problem": problem})
