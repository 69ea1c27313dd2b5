"""The meter itself: payloads to one worker thread, closed windows to the reporter.

All accounting is owned by one worker thread, so that the event loop stays free for health checks and for reading the
next body, and so that nothing needs a lock. Overflow rule: at most `_MAX_WAITING_BYTES` of bodies wait for the thread;
more are refused (`Overloaded`, which the sender sees as 503). Contributions are ranked in threads of their own, at most
every ten seconds and at the end.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from phoenix.aio.tasks import wait_for_event
from phoenix.meter.backlog import Backlog
from phoenix.meter.config import Config
from phoenix.meter.contributions import rank
from phoenix.meter.variant import Overloaded, Stamp, Totals, Variant
from phoenix.otlp.errors import MalformedPayload
from phoenix.samples.model import OutputSample
from phoenix.samples.reporter import SampleSink

_LOG = logging.getLogger("phoenix.meter")
_MAX_WAITING_BYTES = 512 << 20
_CONTRIBUTIONS_EVERY_S = 10.0
T = TypeVar("T")


def stamp_of(config: Config, instance: str) -> Stamp:
    """What the samples of a meter carry; `instance` differs for each start of it."""
    report = config.report
    return Stamp(report.run if report else 1, report.host if report else "", instance)


class Meter:
    """Counts for all variants of one run. Call from one event loop; `aclose` when done."""

    def __init__(
        self, config: Config, sink: SampleSink | None, *, instance: str, backlog: Backlog | None = None
    ) -> None:
        """`backlog`: takes the windows whose queries somebody else answers, and reports them."""
        stamp = stamp_of(config, instance)
        self._config, self._sink, self._backlog = config, sink, backlog
        self._variants = {name: Variant(name, config, stamp) for name in config.variants}
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="meter")
        self._waiting_bytes = 0
        self._closing = asyncio.Lock()
        self._ranked_s: dict[str, float] = {}

    @property
    def variants(self) -> Iterable[str]:
        """Names."""
        return self._variants.keys()

    def totals(self) -> dict[str, Totals]:
        """Figures since the start, by variant; a moment old."""
        return {name: variant.totals for name, variant in self._variants.items()}

    async def accept(self, variant: str, body: bytes) -> int:
        """Count one uncompressed payload that has just arrived; returns its points when it is counted.

        Raises:
            KeyError: there is no such variant.
            MalformedPayload: it cannot be read; nothing of it is counted.
            Overloaded: too much waits already.
        """
        one, arrived_ns = self._variants[variant], time.time_ns()
        if self._waiting_bytes + len(body) > _MAX_WAITING_BYTES:
            raise Overloaded(f"{self._waiting_bytes} bytes of payloads wait to be counted")
        self._waiting_bytes += len(body)
        try:
            return await self._in_thread(lambda: one.accept(body, arrived_ns))
        except MalformedPayload as error:
            one.totals.malformed += 1
            _LOG.warning("payload refused variant=%s bytes=%d error=%r", variant, len(body), str(error))
            raise
        finally:
            self._waiting_bytes -= len(body)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def run(self, stop: asyncio.Event) -> None:
        """Close windows when they are due, until `stop`. What is open then stays open."""
        length_ns, grace_ns = self._config.window_ns, self._config.grace_ns
        while not stop.is_set():
            now_ns = time.time_ns()
            due_ns = ((now_ns - grace_ns) // length_ns + 1) * length_ns + grace_ns
            await wait_for_event(stop, (due_ns - now_ns) / 1e9)
            await self.close(time.time_ns())

    async def close(self, now_ns: int | None = None) -> int:
        """Close and report the windows that are due, or all of them; returns how many."""
        async with self._closing:
            closed = 0
            span = await self._in_thread(lambda: self._span(now_ns))
            for variant in self._variants.values():
                closed += await self._close(variant, now_ns, span)
            return closed

    def _span(self, now_ns: int | None) -> tuple[int, int] | None:
        due = [index for variant in self._variants.values() for index in variant.due(now_ns)]
        return (min(due), max(due)) if due else None

    async def _close(self, variant: Variant, now_ns: int | None, span: tuple[int, int] | None) -> int:
        samples = await self._in_thread(lambda: variant.close(now_ns, span=span))
        if not samples:
            return 0
        due = time.monotonic() - self._ranked_s.get(variant.name, -_CONTRIBUTIONS_EVERY_S) >= _CONTRIBUTIONS_EVERY_S
        if now_ns is None or due:
            samples[-1] = await self._with_contributions(variant, samples[-1])
        for sample in samples:
            self._hand_on(variant, sample)
        return len(samples)

    async def _with_contributions(self, variant: Variant, sample: OutputSample) -> OutputSample:
        self._ranked_s[variant.name] = time.monotonic()
        frozen = await self._in_thread(variant.freeze_contributions)
        rows = await asyncio.to_thread(rank, frozen)
        return sample.model_copy(update={"contributions": rows})

    def _hand_on(self, variant: Variant, sample: OutputSample) -> None:
        points = variant.take_points(sample.window_start)
        if points is not None and self._backlog is not None:
            self._backlog.put(sample, points)
        elif self._sink is not None:
            self._sink.put([sample])

    async def aclose(self) -> None:
        """End the thread, when what it does is done. Closes no window."""
        await asyncio.to_thread(self._thread.shutdown)
