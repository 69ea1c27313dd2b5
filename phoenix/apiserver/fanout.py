"""Fan-out of changes to watchers: cost by the group, not by the watcher.

Watchers that would see the same bytes (collection, selector, form, framing) are a group. A change is matched and
encoded once a group and joins its pending bytes; a flush frames them once and writes the same bytes object to every
transport of the group. Then the hub rests in proportion to what the flush cost, so that an idle server delivers at
once and a busy one in larger batches. There is no queue and no task a watcher: who reads too slowly shows in its
transport's write buffer and is cut off there; its client goes on from the last version it saw.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from phoenix.apimachinery.errors import ServiceUnavailable
from phoenix.apimachinery.meta import Resource
from phoenix.apiserver.events import Change, Form, bookmark_line
from phoenix.apiserver.framing import HEARTBEAT, Framing, frame
from phoenix.apiserver.selection import Selection
from phoenix.apiserver.target import kind_prefix
from phoenix.store.interface import Store, StoreEvent

_LOGGER = logging.getLogger(__name__)
_RECENT = 4096  # changes kept to join a watcher without a gap; older starts are read from the store
_REST_RATIO = 2.5  # rest this many times what a flush took: at most 29 % of the loop goes to flushing
_MAX_REST_S = 0.04
BEHIND = "behind"
"""Why a watcher ended that has not seen everything up to `Fanout.revision`."""
_HEARTBEAT_INTERVAL_S = 15.0  # proxies commonly close what is silent for 30 s or more


@dataclass(frozen=True, slots=True)
class Scope:
    """What a watcher sees, and how. Watchers of equal scopes share every byte."""

    kind: type[Resource]
    prefix: str
    selection: Selection
    form: Form
    framing: Framing
    bookmarks: bool


class Watcher:
    """One connection. `ended` is done when nothing more will come; its result says why."""

    __slots__ = ("ended", "transport")

    def __init__(self, transport: asyncio.WriteTransport, loop: asyncio.AbstractEventLoop) -> None:
        self.transport = transport
        self.ended: asyncio.Future[str] = loop.create_future()

    def end(self, reason: str) -> None:
        """Let its handler finish; may be called twice."""
        if not self.ended.done():
            self.ended.set_result(reason)


@dataclass(slots=True)
class FanoutStatistics:
    """Counters since the start."""

    events: int = 0
    deliveries: int = 0
    flushes: int = 0
    slow_closed: int = 0


class _Group:
    """Watchers of one scope and the lines that wait for the next flush."""

    __slots__ = ("pending", "scope", "watchers")

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.watchers: dict[Watcher, None] = {}
        self.pending: list[bytes] = []

    def flush(self, buffer_limit: int, statistics: FanoutStatistics) -> None:
        """Write what is pending to everyone; cut off who does not keep up."""
        if not self.pending:
            return
        count = len(self.pending)
        data = frame(self.scope.framing, self.pending)
        self.pending.clear()
        statistics.deliveries += count * len(self.watchers)
        statistics.flushes += 1
        for watcher in list(self.watchers):
            transport = watcher.transport
            if transport.is_closing():
                continue
            transport.write(data)
            if transport.get_write_buffer_size() > buffer_limit:
                statistics.slow_closed += 1
                del self.watchers[watcher]
                watcher.end("slow")
                transport.abort()


class Fanout:
    """All groups, fed by one watch of the whole store.

    Use on one event loop: `start()`, then `join` and `leave`, then `stop()`. Owns one task and three timers.
    """

    def __init__(
        self,
        store: Store,
        *,
        now: Callable[[], datetime],
        buffer_limit_bytes: int,
        bookmark_interval_s: float,
    ) -> None:
        self._store = store
        self._now = now
        self._buffer_limit = buffer_limit_bytes
        self._bookmark_interval_s = bookmark_interval_s
        self._groups: dict[str, dict[Scope, _Group]] = {}
        self._dirty: dict[_Group, None] = {}
        self._recent: deque[StoreEvent] = deque(maxlen=_RECENT)
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []
        self._pump: asyncio.Task[None] | None = None
        self._flush_timer: asyncio.Handle | None = None
        self._bookmark_timer: asyncio.TimerHandle | None = None
        self._heartbeat_timer: asyncio.TimerHandle | None = None
        self._heartbeat_interval_s = _HEARTBEAT_INTERVAL_S
        self._rest_until = 0.0
        self._closed = False
        self.revision = store.revision
        self.statistics = FanoutStatistics()
        self.listeners: list[Callable[[StoreEvent], None]] = []

    @property
    def watchers(self) -> int:
        """Watchers joined now."""
        return sum(len(group.watchers) for groups in self._groups.values() for group in groups.values())

    @property
    def floor(self) -> int:
        """Oldest revision a watcher can join at without reading from the store."""
        return self._recent[0].revision - 1 if self._recent else self.revision

    def start(self) -> None:
        """Begin with the store's present revision."""
        self.revision = self._store.revision
        self._pump = asyncio.create_task(self._follow(), name="apiserver-fanout")
        self._schedule_bookmarks()
        self._schedule_heartbeats()

    def beat_every(self, interval_s: float) -> None:
        """Send event streams a heartbeat so often from now on."""
        if self._heartbeat_timer is not None:
            self._heartbeat_timer.cancel()
        self._heartbeat_interval_s = interval_s
        self._schedule_heartbeats()

    def end_watches(self) -> None:
        """End every watcher after what it was given, and each that joins from now on."""
        self._closed = True
        self._flush()
        for _, group in self._every_group():
            for watcher in group.watchers:
                watcher.end("stopping")
        for _, reached in self._waiting:
            if not reached.done():
                reached.set_exception(ServiceUnavailable("the server is stopping: watch again from the last version"))

    async def stop(self) -> None:
        """End every watcher, then the task and the timers."""
        self.end_watches()
        for timer in (self._flush_timer, self._bookmark_timer, self._heartbeat_timer):
            if timer is not None:
                timer.cancel()
        if self._pump is not None:
            self._pump.cancel()
            await asyncio.wait([self._pump])

    async def reach(self, revision: int) -> None:
        """Wait until changes up to a revision were taken in. The revision must be one the store has."""
        if revision <= self.revision:
            return
        reached = asyncio.get_running_loop().create_future()
        self._waiting.append((revision, reached))
        await reached

    def join(self, scope: Scope, watcher: Watcher, after: int) -> bytes:
        """Make a watcher part of its group, without a gap or a repeat.

        Args:
            after: revision the watcher has seen; must be between `floor` and `revision`.

        Returns:
            Framed events after that revision, to be written to it before anything else (at once: no await between).
        """
        assert self.floor <= after <= self.revision, (self.floor, after, self.revision)
        groups = self._groups.setdefault(kind_prefix(scope.kind), {})
        group = groups.get(scope)
        if group is None:
            group = groups[scope] = _Group(scope)
        group.flush(self._buffer_limit, self.statistics)  # else it would get pending lines twice
        group.watchers[watcher] = None
        if self._closed:
            watcher.end("stopping")
        missed = itertools.takewhile(lambda event: event.revision > after, reversed(self._recent))
        lines = [line for event in missed if (line := self._line(scope, Change(event))) is not None]
        lines.reverse()
        return frame(scope.framing, lines) if lines else b""

    def leave(self, scope: Scope, watcher: Watcher) -> None:
        """Forget a watcher; the last one takes its group with it. May be called twice."""
        groups = self._groups.get(kind_prefix(scope.kind), {})
        group = groups.get(scope)
        if group is None:
            return
        group.watchers.pop(watcher, None)
        if not group.watchers:
            del groups[scope]
            self._dirty.pop(group, None)

    def flush_scope(self, scope: Scope) -> None:
        """Write what is pending for a scope now."""
        group = self._groups.get(kind_prefix(scope.kind), {}).get(scope)
        if group is not None:
            group.flush(self._buffer_limit, self.statistics)

    async def _follow(self) -> None:
        while True:
            stream = self._store.watch("/", after_revision=self.revision)
            try:
                async for batch in stream:
                    for event in batch:
                        self._take(event)
                    self._progress()
            except Exception:
                # A defect in one change must not silence all watches for ever: it is passed over, and said.
                _LOGGER.exception("a change could not be taken in revision=%d", self.revision)
            else:
                if not stream.overflowed:
                    return  # the store is closed
                self.revision = self._store.revision
            finally:
                stream.close()
            self._cut_off()

    def _take(self, event: StoreEvent) -> None:
        self.revision = event.revision
        self._recent.append(event)
        self.statistics.events += 1
        for listener in self.listeners:
            listener(event)
        key = event.key
        groups = self._groups.get(key[: key.index("/", key.index("/", 1) + 1) + 1])
        if not groups:
            return
        change = Change(event)
        for scope, group in groups.items():
            line = self._line(scope, change)
            if line is not None:
                group.pending.append(line)
                self._dirty[group] = None
        if self._dirty and self._flush_timer is None:
            self._schedule_flush()

    def _line(self, scope: Scope, change: Change) -> bytes | None:
        if not change.event.key.startswith(scope.prefix):
            return None
        seen = change.seen_by(scope.selection)
        if seen is None:
            return None
        return scope.framing.record(change.line(seen, scope.kind, scope.form, self._now()), change.event.revision)

    def _progress(self) -> None:
        if self._waiting:
            still = [(revision, reached) for revision, reached in self._waiting if revision > self.revision]
            for revision, reached in self._waiting:
                if revision <= self.revision and not reached.done():
                    reached.set_result(None)
            self._waiting = still

    def _schedule_flush(self) -> None:
        loop = asyncio.get_running_loop()
        rest_s = self._rest_until - loop.time()
        self._flush_timer = loop.call_later(rest_s, self._flush) if rest_s > 0 else loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flush_timer = None
        began = time.perf_counter()
        dirty, self._dirty = self._dirty, {}
        for group in dirty:
            group.flush(self._buffer_limit, self.statistics)
        took_s = time.perf_counter() - began
        self._rest_until = asyncio.get_running_loop().time() + min(_MAX_REST_S, took_s * _REST_RATIO)

    def _schedule_bookmarks(self) -> None:
        loop = asyncio.get_running_loop()
        self._bookmark_timer = loop.call_later(self._bookmark_interval_s, self._bookmark)

    def _bookmark(self) -> None:
        for scope, group in self._every_group():
            if scope.bookmarks:
                line = bookmark_line(scope.kind, scope.form, self.revision)
                group.pending.append(scope.framing.record(line, self.revision))
                group.flush(self._buffer_limit, self.statistics)
        self._schedule_bookmarks()

    def _schedule_heartbeats(self) -> None:
        loop = asyncio.get_running_loop()
        self._heartbeat_timer = loop.call_later(self._heartbeat_interval_s, self._heartbeat)

    def _heartbeat(self) -> None:
        for scope, group in self._every_group():
            if scope.framing is Framing.EVENT_STREAM:
                group.pending.append(HEARTBEAT)
                group.flush(self._buffer_limit, self.statistics)
        self._schedule_heartbeats()

    def _every_group(self) -> list[tuple[Scope, _Group]]:
        return [item for groups in self._groups.values() for item in groups.items()]

    def _cut_off(self) -> None:
        """End every watcher where it is, since a change is missing from here on: each goes on from what it saw."""
        self._recent.clear()
        for _, group in self._every_group():
            group.pending.clear()
            for watcher in group.watchers:
                watcher.end(BEHIND)
            group.watchers.clear()  # NB: their handlers run later, and what came until then would hide the gap
        self._progress()
