"""A run of processors as one: by its plan where there is one, else one after the other as they are."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from phoenix.engine.component import Consumer, Settings, Work
from phoenix.engine.config.ids import ComponentId
from phoenix.engine.data import Metrics
from phoenix.engine.errors import ConsumeError
from phoenix.engine.plan.learn import learn
from phoenix.engine.plan.shape import Shape, Shapes
from phoenix.engine.plan.template import Template
from phoenix.engine.plan.trace import Untraceable, numbered, numbers_of, points_of_request, tracing
from phoenix.engine.telemetry import Counter, Telemetry

_INLINE_POINTS = 200
_INLINE_PLANNED_POINTS = 10_000
"""About 2 ms by a template; an ordinary run takes longer for 200."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One processor of the run, with its counters."""

    work: Work
    tracer: Work
    """the same work with a state of its own, for traces, which run beside it"""
    incoming: Counter
    outgoing: Counter

    @classmethod
    def of(cls, make: Callable[[], Work], processor: ComponentId, telemetry: Telemetry) -> Stage:
        """With the counters every processor has; `make` makes the processor's work."""
        name = str(processor)
        return cls(
            make(),
            make(),
            telemetry.counter("otelcol_processor_incoming_items", processor=name, otel_signal="metrics"),
            telemetry.counter("otelcol_processor_outgoing_items", processor=name, otel_signal="metrics"),
        )

    def count(self, before: int, after: int) -> None:
        """Count one run."""
        self.incoming.add(before)
        self.outgoing.add(after)
        self.work.passed(before, after)


class PlannedRun:
    """Processors that decide by identity, one behind the other. It never runs twice at once.

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
        self._stages = tuple(stages)
        self._next = next_consumer
        self._later = settings.later
        self._shapes = Shapes(settings.later) if plan else None
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
            shape = metrics.shape
            known = shape is not None and isinstance(shape.plans.get(self), Template)
            if metrics.points < (_INLINE_PLANNED_POINTS if known else _INLINE_POINTS):
                result = self._work(metrics)
            else:
                result = await asyncio.get_running_loop().run_in_executor(self._workers, self._work, metrics)
        if result is not None:
            await self._next.consume(result)

    def _work(self, metrics: Metrics) -> Metrics | None:
        shape = None if self._shapes is None else metrics.shape or self._shapes.find(metrics.encoded())
        if shape is None:
            return self._ordinary(metrics)[0]
        if self not in shape.plans:
            shape.plans[self] = None
            data = metrics.encoded()
            result, points = self._ordinary(metrics)
            left = result.encoded() if result else None
            self._later(lambda: self._learn(shape, data, left, points))
            return result
        template: Template | None = shape.plans[self]
        if template is None:
            return self._ordinary(metrics)[0]
        done, out = template.apply(metrics.encoded())
        if not done:
            return self._ordinary(metrics)[0]
        for stage, before, after in zip(self._stages, template.points, template.points[1:], strict=False):
            stage.count(before, after)
        self._planned.add(template.points[0])
        return None if out is None else Metrics(out, None, template.points[-1], template.left)

    def _ordinary(self, metrics: Metrics) -> tuple[Metrics | None, tuple[int, ...]]:
        """(what is left, points before the first, between and behind the processors)."""
        points = [metrics.points]
        result: Metrics | None = metrics
        for stage in self._stages:
            if result is None:
                break
            before = points[-1]
            stage.incoming.add(before)
            result = stage.work.do(result)
            points.append(result.points if result else 0)
            stage.outgoing.add(points[-1])
            stage.work.passed(before, points[-1])
        return result, tuple(points)

    def _learn(self, shape: Shape, data: bytes, left: bytes | None, points: tuple[int, ...]) -> None:
        """Make the plan for payloads of the shape from one of them and what was left of it."""
        traced: Metrics | None = Metrics.of(numbered(data))
        try:
            with tracing() as merged:
                for stage in self._stages:
                    traced = stage.tracer.do(traced) if traced else None
        except (Untraceable, ConsumeError):
            return
        message = traced.message() if traced else None
        stayed = points_of_request(message) if message else ()
        if merged.difference(number for point, _ in stayed for number in numbers_of(point)):
            return  # merged and then dropped: no template would see that their times differ, and counts would be wrong
        shape.plans[self] = learn(data, shape, left, message, points)
