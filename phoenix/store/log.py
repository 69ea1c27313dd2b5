"""The append log on disk: one SQLite file, one connection, synchronous calls only.

A row a revision. What is live, and what happened since the floor, can both be read back from it: compaction up to a
floor deletes exactly the rows that were superseded or deleted at that floor, so that every live key keeps its row and
every event after the floor keeps the row it superseded. Called by `SqliteStore` only, from one thread at a time.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from sqlite_utils import Database, Migrations

from phoenix.store.errors import StoreUnusable, WriteFailed
from phoenix.store.interface import EventType

APPLICATION_ID = 0x50484F45  # "PHOE": tells our files from other people's
FORMAT = 1
PAGE_BYTES = 16384  # measured: 1.85x the rows a second of 4096 in groups of 100

_migrations = Migrations("phoenix.store")


@_migrations()
def m001_log(db: Database) -> None:
    """The log and the floor of compaction."""
    db.execute(
        "CREATE TABLE log (revision INTEGER PRIMARY KEY, key TEXT NOT NULL, type TEXT NOT NULL,"
        " created_revision INTEGER NOT NULL, previous_revision INTEGER NOT NULL, written_at INTEGER NOT NULL,"
        " value BLOB NOT NULL)"
    )
    db.table("floor").insert({"id": 1, "revision": 0}, pk="id", not_null={"revision"})


class Row(NamedTuple):
    """One revision. `previous_revision` is 0 for ADDED; `written_at` is Unix seconds."""

    revision: int
    key: str
    type: EventType
    created_revision: int
    previous_revision: int
    written_at: int
    value: bytes


class AppendLog:
    """Rows by revision, appended in groups, each group durable when `append` returns."""

    def __init__(self, path: Path, *, max_file_bytes: int | None = None) -> None:
        self._path = path
        self._max_file_bytes = max_file_bytes
        self._connection: sqlite3.Connection | None = None

    def open(self) -> None:
        """Open or make the file. Raises StoreUnusable."""
        try:
            self._prepare_file()
            # NB: the store hands the connection to a thread to open and close it, never to two at a time. The timeout
            # is short because it blocks the event loop; nobody but a curious person has the file open.
            connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False, timeout=0.1)
        except (OSError, sqlite3.Error) as error:
            msg = f"cannot open {self._path}: {error}; check that its folder exists and can be written"
            raise StoreUnusable(msg) from error
        try:
            self._set_up(connection)
        except sqlite3.Error as error:
            connection.close()
            msg = f"{self._path} cannot be used as a store: {error}; move it away or restore it from a copy"
            raise StoreUnusable(msg) from error
        except BaseException:
            connection.close()
            raise
        self._connection = connection

    def _prepare_file(self) -> None:
        """Make the file with mode 0600 and its directory entry durable, before SQLite copies the mode to the WAL."""
        os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        directory = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

    def _set_up(self, connection: sqlite3.Connection) -> None:
        connection.execute(f"PRAGMA page_size={PAGE_BYTES}")
        application = connection.execute("PRAGMA application_id").fetchone()[0]
        tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if tables and application != APPLICATION_ID:
            msg = f"{self._path} is a database, but not a Phoenix store: choose another path"
            raise StoreUnusable(msg)
        if version > FORMAT:
            msg = f"{self._path} has format {version}, this Phoenix reads up to {FORMAT}: use a newer Phoenix"
            raise StoreUnusable(msg)
        connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        _migrations.apply(Database(connection))
        connection.execute(f"PRAGMA user_version={FORMAT}")
        if self._max_file_bytes is not None:
            connection.execute(f"PRAGMA max_page_count={max(1, self._max_file_bytes // PAGE_BYTES)}")

    def close(self) -> None:
        """Close the file (SQLite then checkpoints the WAL); may be called twice."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @property
    def connection(self) -> sqlite3.Connection:
        """The open connection."""
        assert self._connection is not None, "the log is not open"
        return self._connection

    def floor(self) -> int:
        """The revision compacted up to; 0 at first."""
        return int(self.connection.execute("SELECT revision FROM floor").fetchone()[0])

    def rows(self) -> Iterator[Row]:
        """Every row kept, by revision."""
        for row in self.connection.execute(f"SELECT {', '.join(Row._fields)} FROM log ORDER BY revision"):
            yield Row(row[0], row[1], EventType(row[2]), *row[3:])

    def begin(self) -> None:
        """Begin a group. Raises WriteFailed."""
        with self._translated():
            self.connection.execute("BEGIN IMMEDIATE")

    def append(self, rows: Sequence[Row]) -> None:
        """Add rows to the group begun. Raises WriteFailed, the group being undone."""
        with self._translated():
            self.connection.executemany("INSERT INTO log VALUES (?,?,?,?,?,?,?)", rows)

    def commit(self) -> None:
        """Make the group durable. Raises WriteFailed, the group being undone."""
        with self._translated():
            self.connection.execute("COMMIT")

    def rollback(self) -> None:
        """Undo the group, if one is begun."""
        with contextlib.suppress(sqlite3.Error):
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")

    def compact(self, floor: int, upto: int) -> int:
        """In the group begun, move the floor to `upto`, deleting what was superseded or deleted by then.

        Returns the rows deleted. Raises WriteFailed, the group being undone.
        """
        between = (floor, upto)
        with self._translated():
            execute = self.connection.execute
            deleted = execute(
                "DELETE FROM log WHERE revision IN (SELECT previous_revision FROM log"
                " WHERE revision > ? AND revision <= ? AND previous_revision > 0)",
                between,
            ).rowcount
            deleted += execute(
                "DELETE FROM log WHERE revision > ? AND revision <= ? AND type = 'DELETED'", between
            ).rowcount
            execute("UPDATE floor SET revision = ?", (upto,))
        return deleted

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            self.rollback()
            msg = f"{self._path} could not be written: {error}; free space or fix the disk, then try again"
            raise WriteFailed(msg) from error
