"""What else the store may say, beside the refusals of `phoenix.store.interface`.

StoreError (interface)
├── KeyExists, KeyNotFound, RevisionConflict, Compacted, FutureRevision   the caller's facts are old (interface)
├── StoreLocked       another process (or this one) has the file open
├── StoreUnusable     the file is not a store, is of a newer version, is damaged, or cannot be opened
├── StoreClosed       the store is not open
├── TooManyWrites     more writes wait than the queue holds; the same write may succeed later
└── WriteFailed       the disk refused (full, read-only, I/O); the group's writes are not acknowledged
"""

from __future__ import annotations

from phoenix.store.interface import StoreError


class StoreLocked(StoreError):
    """Someone has the store open already."""


class StoreUnusable(StoreError):
    """The file cannot serve as a store; the message says why and what to do."""


class StoreClosed(StoreError):
    """The store is not open, or was closed while the write waited."""


class TooManyWrites(StoreError):
    """The queue of waiting writes is full: slow down and try again."""


class WriteFailed(StoreError):
    """The disk refused a commit. Nothing of the group was acknowledged; the store goes on serving reads."""
