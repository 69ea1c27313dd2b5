"""The samples file: its shape and the statements on it. Synchronous; called from the storage's threads only."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlite_utils import Database, Migrations

from phoenix.samples.errors import SamplesUnavailable
from phoenix.samples.model import InputSample, OutputSample, ProcessSample, SampleKind

AnySample = InputSample | OutputSample | ProcessSample
Key = tuple[str, str]
"""Namespace and experiment."""

_INSERT = (
    "INSERT OR IGNORE INTO samples (namespace, experiment, run, kind, host, variant, window_start, instance,"
    " window_end, value) VALUES (?,?,?,?,?,?,?,?,?,?)"
)
_PRUNE_ROWS = 2_000

_migrations = Migrations("phoenix.samples")


@_migrations()
def m001_samples(db: Database) -> None:
    """Samples as JSON with the columns that name them."""
    table = db.table("samples")
    table.create(
        {
            "id": int, "namespace": str, "experiment": str, "run": int, "kind": str, "host": str, "variant": str,
            "window_start": int, "instance": str, "window_end": int, "value": bytes,
        },
        pk="id",
        not_null={
            "namespace", "experiment", "run", "kind", "host", "variant", "window_start", "instance", "window_end",
            "value",
        },
    )  # fmt: skip
    table.create_index(
        ["namespace", "experiment", "run", "kind", "host", "variant", "window_start", "instance"],
        index_name="samples_key",
        unique=True,
    )
    table.create_index(["window_end"], index_name="samples_window_end")


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn SQLite's and the system's errors into ours."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        msg = f"samples file {path}: {error}; free space, or move the file away to begin a new one"
        raise SamplesUnavailable(msg) from error


def open_writer(path: Path) -> sqlite3.Connection:
    """The one writing connection; makes the file (mode 0600) and its tables where absent."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    connection = sqlite3.connect(path, isolation_level=None, timeout=5.0)
    try:
        connection.execute("PRAGMA page_size=16384")
        connection.execute("PRAGMA journal_mode=WAL")
        # A power cut may cost the last samples, never the file: they are measurements, and can be reported again.
        connection.execute("PRAGMA synchronous=NORMAL")
        _migrations.apply(Database(connection))
    except BaseException:
        connection.close()
        raise
    return connection


def open_reader(path: Path) -> sqlite3.Connection:
    """A connection that cannot write."""
    # NB: closed by another thread than the one that reads, after all reading has ended.
    connection = sqlite3.connect(path, isolation_level=None, timeout=5.0, check_same_thread=False)
    connection.execute("PRAGMA query_only=ON")
    return connection


def insert(connection: sqlite3.Connection, key: Key, samples: Iterable[AnySample]) -> int:
    """Add samples that are not there yet; how many those were."""
    rows = [
        (*key, sample.run, sample.kind.value, sample.host, sample.variant, sample.window_start, sample.instance,
         sample.window_end, sample.model_dump_json(by_alias=True, exclude_none=True).encode())
        for sample in samples
    ]  # fmt: skip
    return connection.executemany(_INSERT, rows).rowcount if rows else 0


def select(connection: sqlite3.Connection, key: Key, run: int, kind: SampleKind | None, since: int) -> list[bytes]:
    """JSON of a run's samples whose window begins at `since` (Unix nanoseconds) or later, by window, then kind."""
    query = "SELECT value FROM samples WHERE namespace=? AND experiment=? AND run=? AND window_start>=?"
    arguments: list[str | int] = [*key, run, since]
    if kind is not None:
        query += " AND kind=?"
        arguments.append(kind.value)
    query += " ORDER BY window_start, kind, variant, host, instance"
    return [value for (value,) in connection.execute(query, arguments)]


def delete_experiment(connection: sqlite3.Connection, key: Key) -> int:
    """Remove all samples of an experiment; how many there were."""
    return connection.execute("DELETE FROM samples WHERE namespace=? AND experiment=?", key).rowcount


def delete_some_older(connection: sqlite3.Connection, ended_before: int) -> int:
    """Remove up to a few thousand samples whose window ended before a time (Unix nanoseconds); how many were."""
    return connection.execute(
        "DELETE FROM samples WHERE id IN (SELECT id FROM samples WHERE window_end < ? LIMIT ?)",
        (ended_before, _PRUNE_ROWS),
    ).rowcount


def experiments(connection: sqlite3.Connection) -> list[Key]:
    """Namespaces and experiments that have samples, in order."""
    return list(connection.execute("SELECT DISTINCT namespace, experiment FROM samples ORDER BY 1, 2"))


def count(connection: sqlite3.Connection) -> int:
    """Number of samples."""
    return int(connection.execute("SELECT count(*) FROM samples").fetchone()[0])
