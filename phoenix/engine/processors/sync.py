"""The frame of processors that turn one request into another by computing alone.

Large requests are worked on in the engine's worker thread, so that the event loop keeps answering health checks; small
ones in place, where a hand-over would cost more than the work.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from phoenix.engine.component import Consumer, Processor, ProcessorFactory, Settings, Work
from phoenix.engine.config.section import Section
from phoenix.engine.data import Metrics

T = TypeVar("T")
_INLINE_POINTS = 200


def computing(
    types: tuple[str, ...], parse: Callable[[Section], Any], work: Callable[[Settings, Any], Work]
) -> ProcessorFactory:
    """The factory of processors that only compute."""

    def create(settings: Settings, config: Any, next_consumer: Consumer) -> Processor:
        return ComputingProcessor(settings, next_consumer, work(settings, config))

    return ProcessorFactory(types, parse, create, work)


class ComputingProcessor:
    """Runs `work` on each request and hands the result on.

    When it raises ConsumeError nothing is handed on and the sender hears of it.
    """

    mutates = True

    def __init__(self, settings: Settings, next_consumer: Consumer, work: Work) -> None:
        self._workers = settings.workers
        self._next = next_consumer
        self._work = work
        self._one_at_a_time = asyncio.Lock()

    async def start(self) -> None:
        """Nothing to start."""

    async def shutdown(self) -> None:
        """Nothing is held."""

    async def alone(self, act: Callable[[], T]) -> T:
        """What `act` gives, while the work is not running."""
        async with self._one_at_a_time:
            return act()

    async def consume(self, metrics: Metrics) -> None:
        """Work on the metrics and hand the result on.

        Raises:
            ConsumeError: the work or the next consumer refused.
        """
        async with self._one_at_a_time:
            before = metrics.points
            if before < _INLINE_POINTS:
                result = self._work.do(metrics)
            else:
                result = await asyncio.get_running_loop().run_in_executor(self._workers, self._work.do, metrics)
        self._work.passed(before, result.points if result else 0)
        if result is not None:
            await self._next.consume(result)
