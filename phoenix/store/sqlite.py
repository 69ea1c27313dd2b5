"""The store on SQLite: group commit on the event loop, reads and watches from memory.

The doors only: `log` has the file, `commit` the writes, `cache` what is live, `watch` the fan-out, `compaction` the
forgetting. Opening and closing happen in a thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from phoenix.store.cache import WatchCache
from phoenix.store.commit import GroupCommitter
from phoenix.store.compaction import Compactor
from phoenix.store.errors import StoreClosed
from phoenix.store.interface import Encode, EventType, Record, StoreEvent
from phoenix.store.lock import FileLock
from phoenix.store.log import AppendLog
from phoenix.store.recovery import recover
from phoenix.store.settings import StoreSettings, StoreStatistics
from phoenix.store.watch import Watcher, WatchHub

__all__ = ["SqliteStore", "StoreSettings", "StoreStatistics", "open_store"]


class SqliteStore:
    """`phoenix.store.interface.Store` on one file. Use `async with open_store(path) as store`."""

    def __init__(self, path: Path, settings: StoreSettings) -> None:
        self._lock = FileLock(path)
        self._log = AppendLog(path, max_file_bytes=settings.max_file_bytes)
        self._cache = WatchCache()
        self._hub = WatchHub(settings.max_watch_events)
        self._compactor = Compactor(self._log, self._cache, settings.retention, settings.now)
        self._committer = GroupCommitter(self._log, self._cache, settings, self._committed)
        self._open = False
        self._loaded_rows = 0

    async def open(self) -> None:
        """Take the lock, read the log, start compaction. Raises StoreLocked, StoreUnusable."""
        self._lock.acquire()
        loading = asyncio.ensure_future(asyncio.to_thread(self._load))
        try:
            self._loaded_rows = await asyncio.shield(loading)
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
        self._committer.drain()
        self._open = False
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

    def history(self, prefix: str, *, after_revision: int) -> Sequence[StoreEvent]:
        """Events after a revision, as they are kept. Raises Compacted, FutureRevision, StoreClosed."""
        self._check_open()
        return self._cache.since(prefix, after_revision)

    def watch(self, prefix: str, *, after_revision: int) -> Watcher:
        """History after a revision, then live events. Raises Compacted, FutureRevision, StoreClosed."""
        self._check_open()
        return self._hub.subscribe(prefix, self._cache.since(prefix, after_revision))

    def statistics(self) -> StoreStatistics:
        """Figures for /metrics."""
        return StoreStatistics(
            revision=self._cache.revision,
            compacted_revision=self._cache.floor,
            objects=len(self._cache),
            log_rows=self._loaded_rows + self._committer.rows - self._compactor.deleted_rows,
            watchers=self._hub.watchers,
            overflowed_watchers=self._hub.overflowed,
            pending_writes=self._committer.pending,
            commit_groups=self._committer.groups,
            commit_rows=self._committer.rows,
            commit_seconds=self._committer.seconds,
            failed_groups=self._committer.failed_groups,
            compaction_batches=self._compactor.batches,
            compaction_seconds=self._compactor.seconds,
        )

    async def compact(self) -> None:
        """Compact now, as far as retention allows. Raises WriteFailed."""
        await self._compactor.run_once()

    def _submit(self, type_: EventType, key: str, encode: Encode, expected: int) -> asyncio.Future[Record]:
        self._check_open()
        return self._committer.submit(type_, key, encode, expected)

    def _check_open(self) -> None:
        if not self._open:
            raise StoreClosed("the store is not open")

    def _committed(self, events: Sequence[StoreEvent], written_at: int) -> None:
        self._compactor.note(events[-1].revision, written_at)
        self._hub.publish(events)


def open_store(path: str | Path, settings: StoreSettings | None = None) -> SqliteStore:
    """The store of a file, not yet open: `async with open_store(path) as store`, or `open()` and `close()`.

    Opening raises StoreLocked (someone has it open) and StoreUnusable (not a store, damaged, not writable).
    """
    return SqliteStore(Path(path), settings or StoreSettings())
