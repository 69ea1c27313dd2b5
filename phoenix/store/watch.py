"""Fan-out: committed events to watchers, cheaply for many of them.

Watchers of one prefix share a group. An event is matched once a group, a flush hands every watcher of the group the
same tuple and wakes it at most once, and after a dear flush the hub rests in proportion (up to `MAX_REST_S`), so that
under load events are delivered in larger batches rather than with more wake-ups. When idle there is no delay.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Self

from phoenix.store.interface import StoreEvent

MAX_REST_S = 0.02
_REST_RATIO = 2.0  # rest this many times what the last flush and the tasks it woke took: a third of the loop at most
_CHEAP_S = 0.0005


class Watcher:
    """One watcher's events (`phoenix.store.interface.WatchStream`). One task at a time may iterate.

    Overflow rule: more than `limit` undelivered events close the watcher with `overflowed`, its events being dropped.
    """

    def __init__(self, group: _Group, history: tuple[StoreEvent, ...], limit: int) -> None:
        self.overflowed = False
        self._group = group
        self._batches: list[tuple[StoreEvent, ...]] = [history] if history else []
        self._waiting = len(history)
        self._limit = limit + len(history)
        self._closed = False
        self._wake: asyncio.Future[None] | None = None

    def offer(self, batch: tuple[StoreEvent, ...]) -> bool:
        """Take a batch, or overflow. Returns whether the watcher still lives."""
        self._waiting += len(batch)
        if self._waiting > self._limit:
            self.overflowed = True
            self._batches.clear()
            self.end()
            return False
        self._batches.append(batch)
        self._rouse()
        return True

    def end(self) -> None:
        """No more events will come; what is here is still delivered."""
        self._closed = True
        self._rouse()

    def _rouse(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    def close(self) -> None:
        """Stop at once; may be called twice."""
        self._batches.clear()
        self._group.leave(self)
        self.end()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Sequence[StoreEvent]:
        """Everything that is ready, in order, as one batch.

        Cancellation: loses no event; iterating again goes on where it was.
        """
        while not self._batches:
            if self._closed:
                raise StopAsyncIteration
            self._wake = asyncio.get_running_loop().create_future()
            try:
                await self._wake
            finally:
                self._wake = None
        batches, self._batches = self._batches, []
        self._waiting = 0
        if len(batches) == 1:
            return batches[0]
        return tuple(event for batch in batches for event in batch)


class _Group:
    """The watchers of one prefix."""

    def __init__(self, hub: WatchHub, prefix: str) -> None:
        self.prefix = prefix
        self.pending: list[StoreEvent] = []
        self.watchers: dict[Watcher, None] = {}
        self._hub = hub

    def flush(self) -> None:
        """Hand what is pending to every watcher."""
        if not self.pending:
            return
        batch = tuple(self.pending)
        self.pending.clear()
        for watcher in [watcher for watcher in self.watchers if not watcher.offer(batch)]:
            self._hub.overflowed += 1
            self.leave(watcher)

    def leave(self, watcher: Watcher) -> None:
        """Forget a watcher; the last one takes the group with it."""
        self.watchers.pop(watcher, None)
        if not self.watchers:
            self._hub.drop(self)


class WatchHub:
    """All groups. Used on one event loop; owns at most one timer, cancelled by `close`."""

    def __init__(self, limit: int) -> None:
        self.overflowed = 0
        self._limit = limit
        self._groups: dict[str, _Group] = {}
        self._timer: asyncio.Handle | None = None
        self._rest_until = 0.0

    @property
    def watchers(self) -> int:
        """Watchers open now."""
        return sum(len(group.watchers) for group in self._groups.values())

    def subscribe(self, prefix: str, history: tuple[StoreEvent, ...]) -> Watcher:
        """A new watcher that gets `history`, then every event published from now on."""
        group = self._groups.get(prefix)
        if group is None:
            group = self._groups[prefix] = _Group(self, prefix)
        group.flush()  # else the new watcher would get pending events twice: they are part of its history
        group = self._groups.setdefault(prefix, group)  # the flush may have emptied and dropped the group
        watcher = Watcher(group, history, self._limit)
        group.watchers[watcher] = None
        return watcher

    def drop(self, group: _Group) -> None:
        """Forget a group without watchers."""
        if self._groups.get(group.prefix) is group:
            del self._groups[group.prefix]

    def publish(self, events: Sequence[StoreEvent]) -> None:
        """Queue committed events; they are delivered by the next flush. Bounded by the watchers' limits."""
        matched = False
        for group in self._groups.values():
            mine = [event for event in events if event.key.startswith(group.prefix)]
            if mine:
                group.pending += mine
                matched = True
        if matched and self._timer is None:
            loop = asyncio.get_running_loop()
            rest_s = self._rest_until - loop.time()
            self._timer = loop.call_later(rest_s, self._flush) if rest_s > 0 else loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._timer = None
        loop = asyncio.get_running_loop()
        began = loop.time()
        for group in list(self._groups.values()):
            group.flush()
        # The woken tasks run before this callback does, since the loop is first in, first out.
        loop.call_soon(self._rest, began)

    def _rest(self, began: float) -> None:
        now = asyncio.get_running_loop().time()
        took_s = now - began
        self._rest_until = now + min(MAX_REST_S, took_s * _REST_RATIO) if took_s > _CHEAP_S else 0.0

    def close(self) -> None:
        """End every watcher after what it was given."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for group in list(self._groups.values()):
            group.flush()
            for watcher in list(group.watchers):
                watcher.end()
        self._groups.clear()
