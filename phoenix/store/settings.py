"""How a store behaves, and how it says what it is doing."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from phoenix.store.compaction import Retention


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """How a store behaves; the defaults suit one server.

    Args:
        retention: how much history compaction keeps.
        gather_s: seconds for which a group may wait for more, while each turn of the loop brings some.
        group_s: seconds of encoding and inserting after which a group is committed.
        group_rows: most rows in a group.
        max_pending_writes: writes that may wait; one more raises TooManyWrites.
        max_watch_events: undelivered events after which a watcher is closed as overflowed.
        max_file_bytes: size the database file may reach; None: the disk's.
        now: Unix seconds, for the age of history.
    """

    retention: Retention = field(default_factory=Retention)
    gather_s: float = 0.005
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
