"""A queue of keys: each waits once, none is worked on twice at the same time, failures wait longer each time.

The semantics are those of client-go's workqueue. Memory is bounded by the number of distinct keys: what is added while
it waits is coalesced, what is added while it is worked on is worked on once more afterwards.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import random
from collections import deque
from collections.abc import Hashable
from typing import Generic, TypeVar

from phoenix.aio.backoff import delay_for
from phoenix.aio.clock import SYSTEM_CLOCK, Clock
from phoenix.aio.tasks import wait_for_event
from phoenix.runtime.metrics import QUEUE_ADDS, QUEUE_DEPTH, QUEUE_RETRIES

K = TypeVar("K", bound=Hashable)


class WorkQueue(Generic[K]):
    """Keys to work on.

    Guarantees: a key that was added is given out after the add, at least once, to one worker at a time, in the order
    of first adds. Of several delays for one key the earliest counts.
    Callers must: call `done` for every key that `get` gave; run `run()` for delayed adds to become due; use it on one
    event loop.

    Args:
        name: label of the queue's metrics.
        initial_backoff_s, max_backoff_s: of `add_rate_limited`, per key, doubling with each failure.
        rng: source of jitter (up to a tenth).
    """

    def __init__(
        self,
        name: str = "",
        *,
        clock: Clock = SYSTEM_CLOCK,
        initial_backoff_s: float = 0.05,
        max_backoff_s: float = 60.0,
        rng: random.Random | None = None,
    ) -> None:
        self._clock = clock
        self._initial_s, self._max_s = initial_backoff_s, max_backoff_s
        self._rng = rng or random.Random()
        self._waiting: deque[K] = deque()
        self._dirty: set[K] = set()
        self._processing: set[K] = set()
        self._failures: dict[K, int] = {}
        self._due: dict[K, float] = {}
        self._heap: list[tuple[float, int, K]] = []
        self._order = itertools.count()
        self._getters: deque[asyncio.Future[None]] = deque()
        self._delays_changed = asyncio.Event()
        self._depth = QUEUE_DEPTH.labels(name)
        self._adds = QUEUE_ADDS.labels(name)
        self._retries = QUEUE_RETRIES.labels(name)

    def add(self, key: K) -> None:
        """Have the key worked on; nothing where it waits already."""
        if key in self._dirty:
            return
        self._dirty.add(key)
        self._adds.inc()
        if key not in self._processing:
            self._enqueue(key)

    def _enqueue(self, key: K) -> None:
        self._waiting.append(key)
        self._depth.set(len(self._waiting))
        self._wake()

    def _wake(self) -> None:
        while self._getters:
            getter = self._getters.popleft()
            if not getter.done():
                getter.set_result(None)
                return

    async def get(self) -> K:
        """The next key, waiting for one; call `done` with it afterwards.

        Cancellation: no key is lost.
        """
        while not self._waiting:
            getter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._getters.append(getter)
            try:
                await getter
            except asyncio.CancelledError:
                # NB: a getter that was woken and cancelled in the same turn took a wake-up meant for a key.
                if getter.done() and not getter.cancelled() and self._waiting:
                    self._wake()
                raise
        key = self._waiting.popleft()
        self._depth.set(len(self._waiting))
        self._processing.add(key)
        self._dirty.discard(key)
        return key

    def done(self, key: K) -> None:
        """The work on a key has ended; if it was added meanwhile, it waits again."""
        self._processing.discard(key)
        if key in self._dirty:
            self._enqueue(key)

    def add_after(self, key: K, delay_s: float) -> None:
        """Add the key after `delay_s` seconds, or when an earlier delay of its is over."""
        if delay_s <= 0:
            self.add(key)
            return
        due = self._clock.monotonic() + delay_s
        if due >= self._due.get(key, float("inf")):
            return
        self._due[key] = due
        heapq.heappush(self._heap, (due, next(self._order), key))
        if len(self._heap) > 2 * len(self._due) + 64:
            # NB: each earlier delay leaves its later one behind; without this the heap is not bounded by the keys.
            self._heap = [(due, next(self._order), key) for key, due in self._due.items()]
            heapq.heapify(self._heap)
        self._delays_changed.set()

    def add_rate_limited(self, key: K) -> float:
        """Add the key after its backoff, counting one more failure; the delay, seconds."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        delay_s = delay_for(failures, self._initial_s, self._max_s) * (1 - 0.1 * self._rng.random())
        self._retries.inc()
        self.add_after(key, delay_s)
        return delay_s

    def forget(self, key: K) -> None:
        """It worked: the next failure of the key starts from the first delay."""
        self._failures.pop(key, None)

    def failures(self, key: K) -> int:
        """Failures since the last `forget`."""
        return self._failures.get(key, 0)

    def __len__(self) -> int:
        """Keys waiting, delayed ones not counted."""
        return len(self._waiting)

    @property
    def delayed(self) -> int:
        """Keys whose delay is not over."""
        return len(self._due)

    @property
    def idle(self) -> bool:
        """Whether nothing waits and nothing is worked on (delayed keys may be left)."""
        return not self._waiting and not self._processing

    async def run(self) -> None:
        """Make delayed keys due, until cancelled. Run it as one task beside the workers."""
        while True:
            self._delays_changed.clear()
            self._release_due()
            if self._heap:
                await wait_for_event(
                    self._delays_changed, self._heap[0][0] - self._clock.monotonic(), clock=self._clock
                )
            else:
                await self._delays_changed.wait()

    def _release_due(self) -> None:
        now = self._clock.monotonic()
        while self._heap and self._heap[0][0] <= now:
            due, _, key = heapq.heappop(self._heap)
            if self._due.get(key) == due:
                del self._due[key]
                self.add(key)
