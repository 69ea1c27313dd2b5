"""The store on SQLite: group commit inline on the event loop, reads and watches from memory.

Writes queue up; the loop's next turn commits all that is ready in one transaction, capped by measured time, and then
answers each. This is the one named exception to "nothing blocks the loop": measured, committing inline beats handing
over to a thread by 1.1 to 1.6 times and keeps a group to a few milliseconds. Opening and closing happen in a thread.
Optimistic checks are made at commit time, against the cache and what the same group has staged.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from phoenix.store.cache import WatchCache
from phoenix.store.compaction import Compactor, Retention
from phoenix.store.errors import StoreClosed, TooManyWrites, WriteFailed
from phoenix.store.interface import (
    Encode,
    EventType,
    KeyExists,
    KeyNotFound,
    Record,
    RevisionConflict,
    StoreError,
    StoreEvent,
)
from phoenix.store.lock import FileLock
from phoenix.store.log import AppendLog, Row
from phoenix.store.recovery import recover
from phoenix.store.watch import Watcher, WatchHub

_LOGGER = logging.getLogger(__name__)
_CHUNK_ROWS = 16  # rows between two looks at the clock


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """How a store behaves; the defaults suit one server.

    Args:
        retention: how much history compaction keeps.
        group_s: seconds of encoding and inserting after which a group is committed.
        group_rows: most rows in a group.
        max_pending_writes: writes that may wait; one more raises TooManyWrites.
        max_watch_events: undelivered events after which a watcher is closed as overflowed.
        max_file_bytes: size the database file may reach; None: the disk's.
        now: Unix seconds, for the age of history.
    """

    retention: Retention = field(default_factory=Retention)
    group_s: float = 0.002
    group_rows: int = 256
    max_pending_writes: int = 10_000
    max_watch_events: int = 10_000
    max_file_bytes: int | None = None
    now: Callable[[], float] = time.time


@dataclass(frozen=True, slots=True)
class StoreStatistics:
    """What the store is doing; counters run from its opening."""

    revision: int
    compacted_revision: int
    objects: int
    log_rows: int
    watchers: int
    overflowed_watchers: int
    pending_writes: int
    commit_groups: int
    commit_rows: int
    commit_seconds: float
    failed_groups: int
    compaction_batches: int
    compaction_seconds: float


class _Write:
    """A write that waits for its group."""

    __slots__ = ("encode", "expected", "future", "key", "type")

    def __init__(
        self, type_: EventType, key: str, encode: Encode, expected: int, future: asyncio.Future[Record]
    ) -> None:
        self.type, self.key, self.encode, self.expected, self.future = type_, key, encode, expected, future


class _Group:
    """What one transaction holds before it is durable."""

    def __init__(self) -> None:
        self.writes: list[_Write] = []
        self.rows: list[Row] = []
        self.events: list[StoreEvent] = []
        self.outcomes: list[tuple[_Write, Record | Exception]] = []
        self.staged: dict[str, Record | None] = {}


class SqliteStore:
    """`phoenix.store.interface.Store` on one file. Use `async with open_store(path) as store`."""

    def __init__(self, path: Path, settings: StoreSettings) -> None:
        self._settings = settings
        self._lock = FileLock(path)
        self._log = AppendLog(path, max_file_bytes=settings.max_file_bytes)
        self._cache = WatchCache()
        self._hub = WatchHub(settings.max_watch_events)
        self._compactor = Compactor(self._log, self._cache, settings.retention, settings.now)
        self._pending: deque[_Write] = deque()
        self._turn: asyncio.Handle | None = None
        self._open = False
        self._log_rows = 0
        self._commit_groups = self._commit_rows = self._failed_groups = 0
        self._commit_s = 0.0

    async def open(self) -> None:
        """Take the lock, read the log, start compaction. Raises StoreLocked, StoreUnusable."""
        self._lock.acquire()
        loading = asyncio.ensure_future(asyncio.to_thread(self._load))
        try:
            self._log_rows = await asyncio.shield(loading)
        except BaseException:
            await asyncio.wait([loading])  # a cancelled opening must not leave its thread with the file
            loading.exception()
            self._log.close()
            self._lock.release()
            raise
        self._open = True
        self._compactor.start()

    def _load(self) -> int:
        self._log.open()
        recovered = recover(self._log)
        self._cache.load(recovered.records, recovered.events, recovered.floor)
        self._compactor.load(recovered.marks)
        return recovered.log_rows

    async def close(self) -> None:
        """Commit what waits, end every watcher, close the file, give the lock back; may be called twice."""
        if not self._open:
            return
        while self._pending:
            self._commit_group()
        self._open = False
        if self._turn is not None:
            self._turn.cancel()
            self._turn = None
        self._hub.close()
        await self._compactor.stop()
        try:
            await asyncio.to_thread(self._log.close)
        finally:
            self._lock.release()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()

    @property
    def revision(self) -> int:
        """Latest acknowledged revision; 0 for an empty store."""
        return self._cache.revision

    def get(self, key: str) -> Record | None:
        """The live record or None."""
        return self._cache.get(key)

    def list(self, prefix: str) -> Sequence[Record]:
        """Live records whose key begins with prefix, in key order, as of `revision`."""
        return self._cache.under(prefix)

    async def create(self, key: str, encode: Encode) -> Record:
        """Write a new key. Raises KeyExists, and what `errors` lists for any write."""
        return await self._submit(EventType.ADDED, key, encode, 0)

    async def update(self, key: str, encode: Encode, *, expected_revision: int) -> Record:
        """Write over a key that is still at expected_revision. Raises KeyNotFound, RevisionConflict."""
        return await self._submit(EventType.MODIFIED, key, encode, expected_revision)

    async def delete(self, key: str, encode: Encode, *, expected_revision: int) -> Record:
        """Remove a key that is still at expected_revision. Raises KeyNotFound, RevisionConflict."""
        return await self._submit(EventType.DELETED, key, encode, expected_revision)

    def watch(self, prefix: str, *, after_revision: int) -> Watcher:
        """History after a revision, then live events. Raises Compacted, FutureRevision, StoreClosed."""
        if not self._open:
            raise StoreClosed("the store is not open")
        return self._hub.subscribe(prefix, self._cache.since(prefix, after_revision))

    def statistics(self) -> StoreStatistics:
        """Figures for /metrics."""
        return StoreStatistics(
            revision=self._cache.revision,
            compacted_revision=self._cache.floor,
            objects=len(self._cache),
            log_rows=self._log_rows - self._compactor.deleted_rows,
            watchers=self._hub.watchers,
            overflowed_watchers=self._hub.overflowed,
            pending_writes=len(self._pending),
            commit_groups=self._commit_groups,
            commit_rows=self._commit_rows,
            commit_seconds=self._commit_s,
            failed_groups=self._failed_groups,
            compaction_batches=self._compactor.batches,
            compaction_seconds=self._compactor.seconds,
        )

    async def compact(self) -> None:
        """Compact now, as far as retention allows. Raises WriteFailed."""
        await self._compactor.run_once()

    def _submit(self, type_: EventType, key: str, encode: Encode, expected: int) -> asyncio.Future[Record]:
        if not self._open:
            raise StoreClosed("the store is not open")
        if len(self._pending) >= self._settings.max_pending_writes:
            msg = f"{len(self._pending)} writes wait for the disk already: try again"
            raise TooManyWrites(msg)
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Record] = loop.create_future()
        self._pending.append(_Write(type_, key, encode, expected, future))
        if self._turn is None:
            self._turn = loop.call_soon(self._run_turn)
        return future

    def _run_turn(self) -> None:
        # One group a turn: between two groups the loop serves everyone else.
        self._turn = None
        self._commit_group()
        if self._pending:
            self._turn = asyncio.get_running_loop().call_soon(self._run_turn)

    def _commit_group(self) -> None:
        group = _Group()
        began = time.perf_counter()
        try:
            self._log.begin()
            self._fill(group, began + self._settings.group_s)
            if group.rows:
                self._log.commit()
            else:
                self._log.rollback()
        except WriteFailed as error:
            self._fail(group, error)
            return
        except Exception as error:  # a defect: whoever waits is told, and the store goes on
            self._log.rollback()
            _LOGGER.exception("a commit group failed")
            self._fail(group, WriteFailed(f"the write failed inside the store: {error!r}"))
            return
        if group.rows:
            self._commit_groups += 1
            self._commit_rows += len(group.rows)
            self._log_rows += len(group.rows)
            self._commit_s += time.perf_counter() - began
            self._publish(group)
        for write, outcome in group.outcomes:
            if write.future.done():  # its caller was cancelled
                continue
            if isinstance(outcome, Record):
                write.future.set_result(outcome)
            else:
                write.future.set_exception(outcome)

    def _fill(self, group: _Group, until: float) -> None:
        """Take writes from the queue into the transaction until the time or the rows are used up."""
        pending, written_at, sent = self._pending, int(self._settings.now()), 0
        while pending and len(group.rows) < self._settings.group_rows:
            for _ in range(min(_CHUNK_ROWS, len(pending))):
                write = pending.popleft()
                if write.future.done():
                    continue
                group.writes.append(write)
                group.outcomes.append((write, self._stage(group, write, written_at)))
            self._log.append(group.rows[sent:])
            sent = len(group.rows)
            if time.perf_counter() >= until:
                break

    def _stage(self, group: _Group, write: _Write, written_at: int) -> Record | Exception:
        """Check one write and add its row and event; returns the error where it is refused."""
        key = write.key
        current = group.staged[key] if key in group.staged else self._cache.get(key)
        refused = _refusal(write, current)
        if refused is not None:
            return refused
        revision = self._cache.revision + len(group.rows) + 1
        try:
            value = write.encode(revision)
            if not isinstance(value, bytes):
                msg = f"encode gave {type(value).__name__} for {key}: the store keeps bytes"
                return TypeError(msg)
        except Exception as error:  # noqa: BLE001  # the caller's own code: its error is the answer to its write
            return error
        created, previous = (current.created_revision, current.revision) if current else (revision, 0)
        record = Record(key, value, revision, created)
        group.staged[key] = None if write.type == EventType.DELETED else record
        group.rows.append(Row(revision, key, write.type, created, previous, written_at, value))
        group.events.append(StoreEvent(write.type, key, value, revision, current.value if current else None))
        return record

    def _publish(self, group: _Group) -> None:
        for event, row in zip(group.events, group.rows, strict=True):
            self._cache.apply(event, Record(row.key, row.value, row.revision, row.created_revision))
        self._compactor.note(group.rows[-1].revision, group.rows[-1].written_at)
        self._hub.publish(group.events)

    def _fail(self, group: _Group, error: WriteFailed) -> None:
        """Answer every write of a group that did not become durable, refusals too: they may rest on staged writes."""
        self._failed_groups += 1
        writes = group.writes
        if not writes:  # the transaction could not even begin: fail what is ready, else it would be tried for ever
            writes = [self._pending.popleft() for _ in range(min(len(self._pending), self._settings.group_rows))]
        for write in writes:
            if not write.future.done():
                failure = WriteFailed(*error.args)
                failure.__cause__ = error.__cause__
                write.future.set_exception(failure)


def _refusal(write: _Write, current: Record | None) -> StoreError | None:
    if write.type == EventType.ADDED:
        return KeyExists(f"{write.key} exists") if current is not None else None
    if current is None:
        return KeyNotFound(f"{write.key} does not exist")
    return RevisionConflict(current) if current.revision != write.expected else None


def open_store(path: str | Path, settings: StoreSettings | None = None) -> SqliteStore:
    """The store of a file, not yet open: `async with open_store(path) as store`, or `open()` and `close()`.

    Opening raises StoreLocked (someone has it open) and StoreUnusable (not a store, damaged, not writable).
    """
    return SqliteStore(Path(path), settings or StoreSettings())
