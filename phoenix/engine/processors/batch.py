"""The `batch` processor: collects requests by size and time, and lays their bytes end to end.

An asynchronous boundary: the sender got its answer when the batch took the data; what the next consumer then refuses is
lost and logged, as in the collector. Its queue is bounded; a full one makes senders wait.
"""

from __future__ import annotations

import asyncio
import math
import os
from dataclasses import dataclass

from phoenix.engine.component import Consumer, Processor, ProcessorFactory, Settings
from phoenix.engine.config.section import Section
from phoenix.engine.data import Metrics
from phoenix.engine.errors import ConsumeError
from phoenix.engine.processors.split import split_points
from phoenix.engine.tasks import TaskOwner

_QUEUE_REQUESTS = max(2, os.cpu_count() or 2)


@dataclass(frozen=True, slots=True)
class Config:
    """When to send. Sizes are data points; `max_size` 0 is no limit; `timeout_s` 0 sends every request at once."""

    size: int
    max_size: int
    timeout_s: float


def parse(section: Section) -> Config:
    """Read the batch processor's keys."""
    config = Config(
        section.integer("send_batch_size", 8192, minimum=0),
        section.integer("send_batch_max_size", 0, minimum=0),
        section.duration_s("timeout", 0.2),
    )
    if config.max_size and config.max_size < config.size:
        message = "send_batch_max_size must be greater or equal to send_batch_size"
        section.fault("send_batch_max_size", message, f"write {config.size} or more, or 0 for no limit")
    section.unsupported("metadata_keys")
    section.raw("metadata_cardinality_limit")
    section.close()
    return config


class BatchProcessor:
    """One worker task owns the batch; nobody else touches it."""

    mutates = False

    def __init__(self, settings: Settings, config: Config, next_consumer: Consumer) -> None:
        self._config = config
        self._next = next_consumer
        self._log = settings.log
        self._queue: asyncio.Queue[Metrics | None] = asyncio.Queue(_QUEUE_REQUESTS)
        self._tasks = TaskOwner(settings.fail)
        self._held: list[Metrics] = []
        self._held_points = 0
        self._running = False
        self._by_size = settings.telemetry.counter(
            "otelcol_processor_batch_batch_size_trigger_send", processor=str(settings.id)
        )
        self._by_timeout = settings.telemetry.counter(
            "otelcol_processor_batch_timeout_trigger_send", processor=str(settings.id)
        )

    async def start(self) -> None:
        """Start the worker."""
        self._running = True
        self._tasks.spawn(self._work(), name="batch")

    async def consume(self, metrics: Metrics) -> None:
        """Take the metrics into the batch, waiting while the queue is full."""
        if not self._running:
            msg = "the batch processor is shut down"
            raise ConsumeError(msg)
        await self._queue.put(metrics)

    async def shutdown(self) -> None:
        """Send what is held."""
        try:
            if self._running:
                self._running = False
                await self._queue.put(None)
                await self._tasks.join()
        finally:
            await self._tasks.close()

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time() + self._config.timeout_s
        while True:
            item = await self._next_item(due)
            if item is None and not self._running and self._queue.empty():
                await self._flush()
                return
            if item is None:
                if self._held:
                    self._by_timeout.add(1)
                    await self._flush()
                due = self._next_due(due, loop.time())
                continue
            if not self._held:
                due = self._next_due(due, loop.time())
            self._held.append(item)
            self._held_points += item.points
            if self._held_points >= self._config.size or not self._config.timeout_s:
                self._by_size.add(1)
                await self._flush()
                due = loop.time() + self._config.timeout_s

    def _next_due(self, due: float, now: float) -> float:
        """The timer runs freely with its period, as the collector's does: the next firing after `now`."""
        period_s = self._config.timeout_s
        return due + max(0, math.ceil((now - due) / period_s)) * period_s if period_s else now

    async def _next_item(self, due: float) -> Metrics | None:
        """The next request, or None when the timer ran out or the end was reached."""
        if self._held and asyncio.get_running_loop().time() >= due:
            return None
        if not self._queue.empty():
            return self._queue.get_nowait()
        if not self._running:
            return None
        try:
            if not self._held:  # nothing to send, so no timer to keep; it starts with the first request
                return await self._queue.get()
            async with asyncio.timeout_at(due):
                return await self._queue.get()
        except TimeoutError:
            return None

    async def _flush(self) -> None:
        if not self._held:
            return
        held, self._held, self._held_points = self._held, [], 0
        batch = held[0] if len(held) == 1 else Metrics.joined(held)
        limit = self._config.max_size
        for part in split_points(batch, limit) if limit and batch.points > limit else (batch,):
            try:
                await self._next.consume(part)
            except ConsumeError as error:
                self._log.warning("batch lost points=%d error=%s", part.points, error)


def create(settings: Settings, config: Config, next_consumer: Consumer) -> Processor:
    """Make the processor."""
    return BatchProcessor(settings, config, next_consumer)


FACTORY = ProcessorFactory(("batch",), parse, create)
