"""One store, one process: a lock file beside the database.

Why not a lock on the database itself: closing any other descriptor of that file would drop SQLite's own POSIX locks.
Why POSIX locks and not flock: children made by fork do not inherit them, so a killed server leaves nothing locked.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path

from phoenix.store.errors import StoreLocked, StoreUnusable

# NB: POSIX locks do not exclude their own process, and closing any descriptor of the file drops them: hence this set.
_held: set[Path] = set()


class FileLock:
    """Exclusive use of `PATH.lock`, from `acquire` to `release`; given back by the kernel when the process dies."""

    def __init__(self, database: Path) -> None:
        self._path = database.resolve().with_name(database.name + ".lock")
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock at once or raise StoreLocked naming the holder."""
        if self._path in _held:
            msg = f"{self._database} is already open in this process: use the store that is open"
            raise StoreLocked(msg)
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            msg = f"cannot make the lock file {self._path}: {error.strerror}; check that its folder exists and is yours"
            raise StoreUnusable(msg) from error
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(descriptor, 32).decode(errors="replace").strip() or "unknown"
            os.close(descriptor)
            msg = f"{self._database} is open in process {holder}: stop that one, or use another state folder"
            raise StoreLocked(msg) from error
        with contextlib.suppress(OSError):  # a full disk: the pid is only for the message
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._descriptor = descriptor
        _held.add(self._path)

    def release(self) -> None:
        """Give the lock back; may be called twice. The file stays: removing it would race with the next holder."""
        if self._descriptor is not None:
            _held.discard(self._path)
            os.close(self._descriptor)
            self._descriptor = None

    @property
    def _database(self) -> Path:
        return self._path.with_name(self._path.name.removesuffix(".lock"))
