"""The store's door: what the API server may ask of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class EventType(StrEnum):
    """What happened to a key."""

    ADDED = "ADDED"
    MODIFIED = "MODIFIED"
    DELETED = "DELETED"


@dataclass(frozen=True, slots=True)
class Record:
    """A key's value as of a revision. `value` is the encoded object (JSON bytes) as it is returned to clients,
    its metadata.resourceVersion included.
    """

    key: str
    value: bytes
    revision: int
    created_revision: int


@dataclass(frozen=True, slots=True)
class StoreEvent:
    """One change. `value` is the new value, for DELETED the last value (with the deletion's revision in it);
    `previous` the value before, None for ADDED.
    """

    type: EventType
    key: str
    value: bytes
    revision: int
    previous: bytes | None


class StoreError(Exception):
    """Base of what the store refuses."""


class KeyExists(StoreError):
    """Create: the key is there."""


class KeyNotFound(StoreError):
    """Update or delete: no such key."""


class RevisionConflict(StoreError):
    """The key's revision is not the expected one; `.current` is the live record."""

    def __init__(self, current: Record) -> None:
        super().__init__(f"{current.key} is at revision {current.revision}")
        self.current = current


class Compacted(StoreError):
    """The revision asked for is older than what is kept; `.oldest` is the oldest one that can be watched from."""

    def __init__(self, oldest: int) -> None:
        super().__init__(f"revisions before {oldest} are no longer kept")
        self.oldest = oldest


class FutureRevision(StoreError):
    """The revision asked for has not been written yet."""


Encode = Callable[[int], bytes]
"""Given the revision a write gets, the bytes to store (so that resourceVersion can be inside them)."""


class WatchStream(Protocol):
    """Events of one watcher, in revision order, each exactly once.

    Iterating ends when `close()` is called or when the watcher fell too far behind (`.overflowed` is then True: list
    again and watch from there).
    """

    overflowed: bool

    def __aiter__(self) -> AsyncIterator[Sequence[StoreEvent]]:
        """Batches of one or more events; everything that is ready comes in one batch."""
        ...

    def close(self) -> None:
        """Stop; may be called twice."""
        ...


class Store(Protocol):
    """Keys, bytes, revisions.

    Guarantees: a write is acknowledged after it is durable. Revisions are consecutive integers over all keys; each
    write has its own. Reads see every acknowledged write. A failed write changes nothing.
    Callers must: use one store in one process and on one event loop.
    Cancellation: a write whose caller is cancelled may still happen, whole.
    """

    @property
    def revision(self) -> int:
        """Latest acknowledged revision; 0 for an empty store."""
        ...

    def get(self, key: str) -> Record | None:
        """The live record or None."""
        ...

    def list(self, prefix: str) -> Sequence[Record]:
        """Live records whose key begins with prefix, in key order, as of `revision`."""
        ...

    def history(self, prefix: str, *, after_revision: int) -> Sequence[StoreEvent]:
        """Events of keys under prefix with a revision greater than after_revision, up to the present one.

        Raises Compacted, FutureRevision.
        """
        ...

    async def create(self, key: str, encode: Encode) -> Record:
        """Write a new key. Raises KeyExists."""
        ...

    async def update(self, key: str, encode: Encode, *, expected_revision: int) -> Record:
        """Write over a key that is still at expected_revision. Raises KeyNotFound, RevisionConflict."""
        ...

    async def delete(self, key: str, encode: Encode, *, expected_revision: int) -> Record:
        """Remove a key that is still at expected_revision; `encode` gives the final value that watchers get.

        Raises KeyNotFound, RevisionConflict.
        """
        ...

    def watch(self, prefix: str, *, after_revision: int) -> WatchStream:
        """Events of keys under prefix with a revision greater than after_revision: history first, then live.

        Raises Compacted, FutureRevision.
        """
        ...
