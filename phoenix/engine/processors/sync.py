"""The frame of processors that turn one request into another by computing alone.

Large requests are worked on in the engine's worker thread, so that the event loop keeps answering health checks; small
ones in place, where a hand-over would cost more than the work.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from phoenix.engine.component import Consumer, Settings
from phoenix.engine.data import Metrics

_INLINE_POINTS = 200


class ComputingProcessor:
    """Runs `work` on each request and hands the result on; None: nothing is left to hand on.

    `work` may raise ConsumeError; then nothing is handed on and the sender hears of it. It never runs twice at once.
    """

    mutates = True

    def __init__(self, settings: Settings, next_consumer: Consumer, work: Callable[[Metrics], Metrics | None]) -> None:
        self._workers = settings.workers
        self._next = next_consumer
        self._work = work
        self._one_at_a_time = asyncio.Lock()

    async def start(self) -> None:
        """Nothing to start."""

    async def shutdown(self) -> None:
        """Nothing is held."""

    async def consume(self, metrics: Metrics) -> None:
        """Work on the metrics and hand the result on.

        Raises:
            ConsumeError: the work or the next consumer refused.
        """
        async with self._one_at_a_time:
            if metrics.points < _INLINE_POINTS:
                result = self._work(metrics)
            else:
                result = await asyncio.get_running_loop().run_in_executor(self._workers, self._work, metrics)
        if result is not None:
            await self._next.consume(result)
