"""Compaction: forget old events, a few milliseconds at a time.

What may go is a pure function of retention, marks and `now`. The current revision never expires: someone who has just
listed must be able to watch from there, else clients list again in a hot loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass

from phoenix.aio.tasks import cancel_and_wait
from phoenix.store.cache import WatchCache
from phoenix.store.errors import WriteFailed
from phoenix.store.log import AppendLog

_LOGGER = logging.getLogger(__name__)
_BATCH_S = 0.003  # time a batch should take on the loop
_REST_S = 0.005  # time left to everyone else between two batches
_FIRST_BATCH, _LEAST_BATCH, _LARGEST_BATCH = 100, 10, 5_000


@dataclass(frozen=True, slots=True)
class Retention:
    """Events that stay watchable.

    Args:
        min_events: the latest this many always stay.
        max_events: no more than this many stay (beyond min_events), however young.
        max_age_s: older ones go (but for min_events).
        check_s: seconds between two looks.
    """

    min_events: int = 1_000
    max_events: int = 20_000
    max_age_s: float = 3600.0
    check_s: float = 30.0


def target(retention: Retention, revision: int, marks: list[tuple[int, int]], now_unix_s: float) -> int:
    """The revision up to which events may be forgotten; may be below the floor, never above `revision`."""
    by_count = revision - retention.max_events
    aged = bisect_right(marks, now_unix_s - retention.max_age_s, key=lambda mark: mark[1])
    by_age = marks[aged - 1][0] if aged else 0
    return min(max(by_count, by_age), revision - max(0, retention.min_events))


class Compactor:
    """Owns the task that compacts from time to time, and sooner when there is much to do."""

    def __init__(
        self, log: AppendLog, cache: WatchCache, retention: Retention, now: Callable[[], float] = time.time
    ) -> None:
        self._log, self._cache, self._retention, self._now = log, cache, retention, now
        self._marks: list[tuple[int, int]] = []
        self._batch = _FIRST_BATCH
        self._due = asyncio.Event()
        self._busy = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self.batches = self.deleted_rows = 0
        self.seconds = 0.0

    def load(self, marks: list[tuple[int, int]]) -> None:
        """Take the marks read from the log."""
        self._marks = marks

    def note(self, revision: int, written_at: int) -> None:
        """A group up to `revision` was committed at this time (Unix seconds)."""
        if self._marks and self._marks[-1][1] >= written_at:  # one mark a second, and clocks may step back
            self._marks[-1] = (revision, self._marks[-1][1])
        else:
            self._marks.append((revision, written_at))
        most = max(self._retention.max_events, self._retention.min_events)
        if revision - self._cache.floor > most * 1.25:
            self._due.set()

    def start(self) -> None:
        """Begin to compact in the background."""
        self._task = asyncio.create_task(self._run(), name="store-compaction")

    async def stop(self) -> None:
        """End the background task; a batch is never cut in two."""
        if self._task is not None:
            task, self._task = self._task, None
            await cancel_and_wait(task)

    async def _run(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._retention.check_s):
                    await self._due.wait()
            self._due.clear()
            try:
                await self.run_once()
            except WriteFailed as error:
                _LOGGER.warning("compaction failed, will try again: %s", error)
                await asyncio.sleep(self._retention.check_s)
            except Exception:  # a defect: without compaction the file would grow for ever, and nobody would know why
                _LOGGER.exception("compaction failed, will try again")
                await asyncio.sleep(self._retention.check_s)

    async def run_once(self) -> None:
        """Compact as far as retention allows. Raises WriteFailed; batches done before stay done.

        Cancellation: between two batches; what is left waits for the next time.
        """
        async with self._busy:
            goal = target(self._retention, self._cache.revision, self._marks, self._now())
            while self._cache.floor < goal:
                self._compact_batch(goal)
                await asyncio.sleep(_REST_S)

    def _compact_batch(self, goal: int) -> None:
        began = time.perf_counter()
        upto = min(goal, self._cache.floor + self._batch)
        self._log.begin()
        deleted = self._log.compact(self._cache.floor, upto)
        took_s = time.perf_counter() - began
        self._log.commit()
        self.deleted_rows += deleted
        self._cache.forget(upto)
        del self._marks[: bisect_right(self._marks, upto, key=lambda mark: mark[0])]
        self.batches += 1
        self.seconds += time.perf_counter() - began
        # NB: by the work alone: a slow disk takes as long to make ten rows durable, and would never be caught up with.
        wanted = round(self._batch * min(2.0, _BATCH_S / max(took_s, 1e-6)))
        self._batch = max(_LEAST_BATCH, min(_LARGEST_BATCH, wanted))
