"""What otlp receivers share, whatever requests come by: bytes into the pipeline, counted by transport."""

from __future__ import annotations

import asyncio

from phoenix.engine.component import Consumer, Settings
from phoenix.engine.data import Metrics
from phoenix.engine.errors import BadData, ConsumeError
from phoenix.engine.plan.shape import Shapes

INLINE_BYTES = 32 << 10
"""Bodies up to this size are read on the event loop, larger ones in the pipeline's thread."""


class Unreadable(BadData):
    """A body that is no metrics request, found before any pipeline saw it."""


class Intake:
    """Takes requests of one transport."""

    def __init__(self, settings: Settings, next_consumer: Consumer, transport: str) -> None:
        self._next = next_consumer
        self._workers = settings.workers
        self._shapes = Shapes(settings.later)
        labels = {"receiver": str(settings.id), "transport": transport}
        self._accepted = settings.telemetry.counter("otelcol_receiver_accepted_metric_points", **labels)
        self._refused = settings.telemetry.counter("otelcol_receiver_refused_metric_points", **labels)

    async def read(self, body: bytes) -> Metrics:
        """A body's metrics.

        Raises:
            Unreadable: it is no metrics request.
        """
        try:
            if len(body) < INLINE_BYTES:
                return self._received(body)
            return await asyncio.get_running_loop().run_in_executor(self._workers, self._received, body)
        except BadData as error:
            raise Unreadable(str(error)) from error

    def _received(self, body: bytes) -> Metrics:
        shape = self._shapes.find(body)
        if shape is None or self in shape.plans:
            return Metrics.received(body, shape)
        metrics = Metrics.received(body)  # NB: a shape may be read from what does not decode
        metrics.shape, shape.plans[self] = shape, True
        return metrics

    async def hand_on(self, metrics: Metrics) -> None:
        """Give them to the pipeline, unless there are none.

        Raises:
            ConsumeError: the pipeline refused them; BadData where they are at fault.
        """
        points = metrics.points
        if points:
            try:
                await self._next.consume(metrics)
            except ConsumeError:
                self._refused.add(points)
                raise
        self._accepted.add(points)
