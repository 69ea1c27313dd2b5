"""The watch cache: live records and the recent events, in memory, as bytes.

Why bytes: ten thousand models cost the garbage collector eight times what their bytes do, and a list is then a join.
Filled by `SqliteStore` at open and after every commit; read by everyone. Never holds what is not durable.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Sequence

from phoenix.store.interface import Compacted, EventType, FutureRevision, Record, StoreEvent


class WatchCache:
    """Live records by key, and the events of revisions `floor + 1` to `revision`, without a gap."""

    def __init__(self) -> None:
        self._records: dict[str, Record] = {}
        self._keys: list[str] = []
        self._events: list[StoreEvent] = []
        self.floor = 0

    def load(self, records: dict[str, Record], events: list[StoreEvent], floor: int) -> None:
        """Replace everything; `events` are those after `floor`."""
        self._records, self._keys, self._events, self.floor = records, sorted(records), events, floor

    @property
    def revision(self) -> int:
        """Revision of the last event; the floor when none is kept."""
        return self.floor + len(self._events)

    def __len__(self) -> int:
        return len(self._records)

    def get(self, key: str) -> Record | None:
        """The live record or None."""
        return self._records.get(key)

    def under(self, prefix: str) -> Sequence[Record]:
        """Live records whose key begins with prefix, in key order."""
        length = len(prefix)
        first = bisect_left(self._keys, prefix)
        last = bisect_right(self._keys, prefix, lo=first, key=lambda key: key[:length])
        records = self._records
        return [records[key] for key in self._keys[first:last]]

    def apply(self, event: StoreEvent, record: Record) -> None:
        """Take in the event of the next revision; `record` is the key's new (for DELETED: final) record."""
        assert event.revision == self.revision + 1, (event.revision, self.revision)
        if event.type == EventType.DELETED:
            del self._records[event.key]
            del self._keys[bisect_left(self._keys, event.key)]
        else:
            if event.type == EventType.ADDED:
                insort(self._keys, event.key)
            self._records[event.key] = record
        self._events.append(event)

    def since(self, prefix: str, after_revision: int) -> tuple[StoreEvent, ...]:
        """Kept events under prefix after a revision. Raises Compacted, FutureRevision."""
        if after_revision > self.revision:
            msg = f"revision {after_revision} is not written yet, the latest is {self.revision}"
            raise FutureRevision(msg)
        if after_revision < self.floor:
            raise Compacted(self.floor)
        kept: Iterable[StoreEvent] = self._events[after_revision - self.floor :]
        return tuple(event for event in kept if event.key.startswith(prefix))

    def forget(self, upto: int) -> None:
        """Drop events up to and including a revision: the floor is there now."""
        del self._events[: upto - self.floor]
        self.floor = upto
