"""What exporters share: a bounded sending queue, retry with backoff, and the counters of what was sent and lost.

Overflow of the queue: the newest request is refused and counted as an enqueue failure (or its sender waits, with
block_on_overflow). At shutdown the queue is sent without further retries; what is then left is counted as failed.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from phoenix.engine.component import Settings
from phoenix.engine.config.section import Section
from phoenix.engine.data import Metrics
from phoenix.engine.errors import ConsumeError
from phoenix.engine.tasks import TaskOwner


@dataclass(frozen=True, slots=True)
class QueueConfig:
    """`sending_queue`: capacity in requests, or in data points with `by_items`."""

    enabled: bool
    capacity: int
    consumers: int
    block_on_overflow: bool
    wait_for_result: bool
    by_items: bool


@dataclass(frozen=True, slots=True)
class RetryConfig:
    """`retry_on_failure`, times in seconds; `max_elapsed_s` 0 is for ever."""

    enabled: bool
    initial_s: float
    max_interval_s: float
    max_elapsed_s: float
    multiplier: float
    jitter_ratio: float


def parse_queue(section: Section) -> QueueConfig:
    """Read `sending_queue`."""
    sizer = section.choice("sizer", ("requests", "items"), "requests")
    config = QueueConfig(
        section.boolean("enabled", True),
        section.integer("queue_size", 1000, minimum=1),
        section.integer("num_consumers", 10, minimum=1),
        section.boolean("block_on_overflow", False),
        section.boolean("wait_for_result", False),
        sizer == "items",
    )
    section.unsupported("storage", "batch")
    section.close()
    return config


def parse_retry(section: Section, *, initial_s: float = 5.0) -> RetryConfig:
    """Read `retry_on_failure`, with the exporter's own default of the first interval."""
    config = RetryConfig(
        section.boolean("enabled", True),
        section.duration_s("initial_interval", initial_s),
        section.duration_s("max_interval", 30.0),
        section.duration_s("max_elapsed_time", 300.0),
        section.number("multiplier", 1.5),
        section.number("randomization_factor", 0.5),
    )
    section.close()
    return config


class SendError(ConsumeError):
    """A request was not delivered. `after_s`: how long the receiver asked to be left alone."""

    def __init__(self, reason: str, *, retryable: bool, after_s: float = 0.0) -> None:
        super().__init__(reason, retryable=retryable)
        self.after_s = after_s


class Sender(Protocol):
    """Delivers requests one by one, each as one body or several."""

    async def start(self) -> None:
        """Become ready to send."""

    async def encode(self, metrics: Metrics) -> Sequence[bytes]:
        """The bodies that a request is sent as, in order; made once, however often they are tried.

        Raises:
            ConsumeError: the request cannot be read.
        """

    async def send(self, body: bytes) -> None:
        """Deliver one body.

        Raises:
            SendError: it was not delivered.
        """

    async def close(self) -> None:
        """Free everything; safe twice and unstarted."""


@dataclass(frozen=True, slots=True)
class _Item:
    metrics: Metrics
    points: int
    done: asyncio.Future[None] | None

    def give_up(self) -> None:
        """Tell whoever still waits for the outcome that there is none."""
        if self.done is not None and not self.done.done():
            self.done.set_exception(ConsumeError("the exporter was shut down before this was sent"))


class QueuedExporter:
    """Queue, retry and sender in one lifecycle: an exporter that sends over a network."""

    mutates = False

    def __init__(self, settings: Settings, queue: QueueConfig, retry: RetryConfig, sender: Sender) -> None:
        self._queue, self._retry, self._sender, self._chance = queue, retry, sender, random.Random()
        self._log = settings.log
        self._tasks = TaskOwner(settings.fail)
        self._items: deque[_Item] = deque()
        self._size = 0
        self._changed = asyncio.Condition()
        self._running = False
        self._stopping = asyncio.Event()
        name, telemetry = str(settings.id), settings.telemetry
        self._sent = telemetry.counter("otelcol_exporter_sent_metric_points", exporter=name)
        self._failed = telemetry.counter("otelcol_exporter_send_failed_metric_points", exporter=name)
        self._overflowed = telemetry.counter("otelcol_exporter_enqueue_failed_metric_points", exporter=name)
        if queue.enabled:
            telemetry.gauge("otelcol_exporter_queue_size", lambda: self._size, data_type="metrics", exporter=name)
            telemetry.gauge(
                "otelcol_exporter_queue_capacity", lambda: queue.capacity, data_type="metrics", exporter=name
            )

    async def start(self) -> None:
        """Start the sender and the consumers of the queue."""
        await self._sender.start()
        self._running = True
        if self._queue.enabled:
            for number in range(self._queue.consumers):
                self._tasks.spawn(self._work(), name=f"send-{number}")

    async def consume(self, metrics: Metrics) -> None:
        """Take the metrics into the queue, or send them now where there is none.

        Raises:
            ConsumeError: the queue is full, or sending (without a queue) failed.
        """
        if not self._running:
            msg = "the exporter is shut down"
            raise ConsumeError(msg)
        points = metrics.points
        if not self._queue.enabled:
            await self._deliver(metrics, points)
            return
        done = asyncio.get_running_loop().create_future() if self._queue.wait_for_result else None
        cost = points if self._queue.by_items else 1
        async with self._changed:
            while self._size + cost > self._queue.capacity:
                if not self._queue.block_on_overflow or cost > self._queue.capacity or not self._running:
                    self._overflowed.add(points)
                    msg = "sending queue is full"
                    raise ConsumeError(msg)
                await self._changed.wait()
            self._items.append(_Item(metrics, points, done))
            self._size += cost
            self._changed.notify_all()
        if done is not None:
            await done

    async def shutdown(self) -> None:
        """Send what is queued, once each, then close the sender; safe twice.

        Cancellation: what is still queued is counted as failed.
        """
        try:
            await self._drain()
        finally:
            await self._sender.close()

    async def _drain(self) -> None:
        self._running = False
        self._stopping.set()
        try:
            async with self._changed:
                self._changed.notify_all()
            await self._tasks.join()
        finally:
            await self._tasks.close()
            if self._items:
                lost = sum(item.points for item in self._items)
                for item in self._items:
                    item.give_up()
                self._items.clear()
                self._size = 0
                self._failed.add(lost)
                self._log.error("queue lost at shutdown points=%d", lost)

    async def _work(self) -> None:
        while True:
            async with self._changed:
                while not self._items and self._running:
                    await self._changed.wait()
                if not self._items:
                    return
                item = self._items.popleft()
            try:
                await self._deliver(item.metrics, item.points)
                if item.done is not None and not item.done.done():
                    item.done.set_result(None)
            except ConsumeError as error:
                if item.done is not None and not item.done.done():
                    item.done.set_exception(error)
                else:
                    self._log.error("export failed points=%d error=%s", item.points, error)
            finally:
                item.give_up()  # nothing, but where this was cancelled
                # Only now: an item counts against the capacity until it is delivered or given up.
                async with self._changed:
                    self._size -= item.points if self._queue.by_items else 1
                    self._changed.notify_all()

    async def _deliver(self, metrics: Metrics, points: int) -> None:
        """Send each body with retries, none again that was taken; counts the outcome of the whole.

        A body that is refused for good does not keep those after it from being sent.

        Raises:
            ConsumeError: not all of it was delivered.
        """
        started_s, delivered = asyncio.get_running_loop().time(), False
        refused: SendError | None = None
        try:
            for body in await self._sender.encode(metrics):
                try:
                    await self._send(body, started_s)
                except SendError as error:
                    if error.retryable:
                        raise
                    refused = error
            if refused is not None:
                raise refused
            delivered = True
        finally:
            (self._sent if delivered else self._failed).add(points)

    async def _send(self, body: bytes, started_s: float) -> None:
        """Send one body until it is taken, refused for good, or the time for the whole request is over.

        Raises:
            SendError: it was given up.
        """
        loop, wait_s = asyncio.get_running_loop(), self._retry.initial_s
        while True:
            try:
                await self._sender.send(body)
            except SendError as error:
                pause_s = max(wait_s * (1 + self._retry.jitter_ratio * (2 * self._chance.random() - 1)), error.after_s)
                if not self._may_retry(error, loop.time() + pause_s - started_s):
                    raise
                self._log.warning("export will be retried in_s=%.3f error=%s", pause_s, error)
            else:
                return
            wait_s = min(wait_s * self._retry.multiplier, self._retry.max_interval_s)
            await self._pause(pause_s)

    def _may_retry(self, error: SendError, elapsed_s: float) -> bool:
        limit_s = self._retry.max_elapsed_s
        return (
            self._retry.enabled
            and error.retryable
            and not self._stopping.is_set()
            and (limit_s == 0 or elapsed_s <= limit_s)
        )

    async def _pause(self, seconds: float) -> None:
        """Wait, but no longer than until shutdown begins."""
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return
