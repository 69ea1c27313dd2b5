"""A run of processors as one: by its plans where there are some, else one after the other as they are."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from phoenix.engine.component import Consumer, Settings
from phoenix.engine.data import Metrics
from phoenix.engine.plan.segment import Stage, segments
from phoenix.engine.plan.shape import MAX_BYTES

_INLINE_POINTS = 200
_INLINE_PLANNED_POINTS = 10_000
"""About 2 ms by a template; an ordinary run takes longer for 200."""


class PlannedRun:
    """Processors that can be planned, one behind the other. It never runs twice at once.

    A plan is made after what it was made from has been handed on: no payload waits for it.

    Large requests are worked on in the engine's worker thread, small ones in place, where a hand-over would cost more
    than the work.

    Args:
        settings: of the first processor; its path names the run.
        stages: the processors in order.
        next_consumer: gets what is left.
        plan: False: never by plan.
    """

    mutates = True

    def __init__(self, settings: Settings, stages: Sequence[Stage], next_consumer: Consumer, plan: bool = True) -> None:
        self._workers = settings.workers
        self._segments = segments(stages, settings, MAX_BYTES, plan)
        self._light = all(stage.work.of_resources for stage in stages)
        self._next = next_consumer
        self._one_at_a_time = asyncio.Lock()
        self._planned = settings.telemetry.counter("phoenix_engine_planned_points", component=settings.path)

    async def start(self) -> None:
        """Nothing to start."""

    async def shutdown(self) -> None:
        """Nothing is held."""

    async def consume(self, metrics: Metrics) -> None:
        """Work on the metrics and hand the result on.

        Raises:
            ConsumeError: a processor or the next consumer refused.
        """
        async with self._one_at_a_time:
            known = self._light or (metrics.shape is not None and metrics.shape.plans.get(self, False))
            if metrics.points < (_INLINE_PLANNED_POINTS if known else _INLINE_POINTS):
                result = self._work(metrics)
            else:
                result = await asyncio.get_running_loop().run_in_executor(self._workers, self._work, metrics)
        if result is not None:
            await self._next.consume(result)

    def _work(self, metrics: Metrics) -> Metrics | None:
        points, shape, by_plan = metrics.points, metrics.shape, True
        left: Metrics | None = metrics
        for segment in self._segments:
            if left is None:
                break
            left, planned = segment.do(left)
            by_plan = by_plan and planned
        if shape is not None:
            shape.plans[self] = by_plan  # all of the way, not only its first segment's
        if by_plan:
            self._planned.add(points)
        return left
