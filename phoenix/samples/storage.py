"""Keeps samples: one SQLite file, off the event loop.

One thread writes, sharing a transaction among all who wait; a few threads read. Reporting a sample twice changes
nothing, so reporters may resend what they are not sure of. Called by the API server's samples endpoints; holds no
resources and knows no API.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TypeVar

from phoenix.samples import database
from phoenix.samples.database import AnySample, Key
from phoenix.samples.errors import SamplesOverloaded, SamplesUnavailable
from phoenix.samples.model import SAMPLES, SampleKind

T = TypeVar("T")
Job = Callable[[sqlite3.Connection], int]

_READERS = 2
_GROUP_JOBS = 200


@dataclass(frozen=True, slots=True)
class SampleStatistics:
    """What the storage is doing; counters run from its opening. `new` and `known` are samples."""

    rows: int
    queued: int
    new: int
    known: int
    refused: int
    groups: int
    write_seconds: float


class _Write:
    """A job that waits for the writing thread. `weight` is in samples."""

    __slots__ = ("future", "job", "weight")

    def __init__(self, job: Job, weight: int, future: asyncio.Future[int]) -> None:
        self.job, self.weight, self.future = job, weight, future


class SampleStore:
    """Samples by namespace, experiment and run. Use `async with SampleStore(path) as samples`.

    Experiments are known by name: a new one of the same name must find no samples of the old one, so call
    `delete_experiment` when an experiment is removed. Overflow rule: beyond `max_queued` waiting samples `add` refuses.
    """

    def __init__(self, path: str | Path, *, max_queued: int = 100_000) -> None:
        self._path = Path(path)
        self._max_queued = max_queued
        self._queue: deque[_Write] = deque()
        self._queued = 0
        self._ready = asyncio.Event()
        self._writing: asyncio.Task[None] | None = None
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="samples-writer")
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="samples-reader")
        self._local = threading.local()
        self._connection: sqlite3.Connection | None = None
        self._reading: list[sqlite3.Connection] = []
        self._rows = self._new = self._known = self._refused = self._groups = 0
        self._write_s = 0.0

    async def open(self) -> None:
        """Open or make the file. Raises SamplesUnavailable."""
        loop = asyncio.get_running_loop()
        try:
            self._rows = await loop.run_in_executor(self._writer, self._open_writer)
        except BaseException:
            self._writer.shutdown(wait=False)
            self._readers.shutdown(wait=False)
            raise
        self._writing = asyncio.create_task(self._write_groups(), name="samples-writer")

    def _open_writer(self) -> int:
        with database.translated(self._path):
            self._connection = database.open_writer(self._path)
            return database.count(self._connection)

    async def close(self) -> None:
        """Write what waits, then close the file; may be called twice."""
        if self._writing is None:
            return
        task, self._writing = self._writing, None
        self._ready.set()  # ready with nothing queued: the end
        await task
        await asyncio.to_thread(self._close_files)

    def _close_files(self) -> None:
        self._readers.shutdown()
        for connection in self._reading:
            connection.close()
        if self._connection is not None:
            self._writer.submit(self._connection.close).result()
            self._connection = None
        self._writer.shutdown()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()

    async def add(self, namespace: str, experiment: str, samples: Sequence[AnySample]) -> int:
        """Store samples; how many were new. Known ones (same key, see `phoenix.samples.model`) stay as they were.

        Raises SamplesOverloaded (try again), SamplesUnavailable. Cancellation: they may be stored all the same.
        """
        key = (namespace, experiment)
        new = await self._submit(lambda connection: database.insert(connection, key, samples), len(samples))
        self._rows += new
        self._new += new
        self._known += len(samples) - new
        return new

    async def delete_experiment(self, namespace: str, experiment: str) -> int:
        """Remove all samples of an experiment; how many there were. Raises SamplesUnavailable."""
        key = (namespace, experiment)
        gone = await self._submit(lambda connection: database.delete_experiment(connection, key), 0)
        self._rows -= gone
        return gone

    async def prune(self, *, ended_before: int) -> int:
        """Remove samples whose window ended before a time (Unix nanoseconds), some at a time; how many there were.

        Raises SamplesUnavailable. Cancellation: what was removed is removed.
        """
        total = 0
        while gone := await self._submit(lambda db: database.delete_some_older(db, ended_before), 0):
            total += gone
            self._rows -= gone
        return total

    async def list(
        self, namespace: str, experiment: str, run: int, kind: SampleKind | None = None, since: int = 0
    ) -> Sequence[AnySample]:
        """Samples of a run, by window; `since` is the least window_start, Unix nanoseconds. Empty: nothing reported.

        Raises SamplesUnavailable.
        """
        key = (namespace, experiment)
        return await self._read(
            lambda connection: SAMPLES.validate_json(_array(database.select(connection, key, run, kind, since)))
        )

    async def list_json(
        self, namespace: str, experiment: str, run: int, kind: SampleKind | None = None, since: int = 0
    ) -> bytes:
        """The same as a JSON `SampleBatch`, without a model in between."""
        key = (namespace, experiment)
        return await self._read(
            lambda connection: b'{"samples":' + _array(database.select(connection, key, run, kind, since)) + b"}"
        )

    async def experiments(self) -> Sequence[Key]:
        """(namespace, experiment) of all that have samples, in order. Raises SamplesUnavailable."""
        return await self._read(database.experiments)

    def statistics(self) -> SampleStatistics:
        """Figures for /metrics."""
        return SampleStatistics(
            rows=self._rows,
            queued=self._queued,
            new=self._new,
            known=self._known,
            refused=self._refused,
            groups=self._groups,
            write_seconds=self._write_s,
        )

    def _submit(self, job: Job, weight: int) -> asyncio.Future[int]:
        self._check_open()
        if weight and self._queued + weight > self._max_queued:
            self._refused += weight
            msg = f"{self._queued} samples wait for the disk already: try again in a moment"
            raise SamplesOverloaded(msg)
        write = _Write(job, weight, asyncio.get_running_loop().create_future())
        self._queue.append(write)
        self._queued += weight
        self._ready.set()
        return write.future

    def _check_open(self) -> None:
        if self._writing is None:
            msg = f"samples file {self._path} is not open"
            raise SamplesUnavailable(msg)

    async def _write_groups(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._ready.wait()
            if not self._queue:
                return
            group = [self._queue.popleft() for _ in range(min(_GROUP_JOBS, len(self._queue)))]
            if not self._queue and self._writing is not None:
                self._ready.clear()
            began = time.perf_counter()
            writing = loop.run_in_executor(self._writer, self._run_group, [write.job for write in group])
            try:
                outcome: Sequence[int] | Exception = await writing
            except Exception as error:  # noqa: BLE001  # whatever it is, those who wait must hear of it
                outcome = error
            self._groups += 1
            self._write_s += time.perf_counter() - began
            self._answer(group, outcome)

    def _answer(self, group: Sequence[_Write], outcome: Sequence[int] | Exception) -> None:
        for index, write in enumerate(group):
            self._queued -= write.weight
            if write.future.done():  # its caller was cancelled
                continue
            if isinstance(outcome, Exception):
                write.future.set_exception(_copy(outcome))
            else:
                write.future.set_result(outcome[index])

    def _run_group(self, jobs: Sequence[Job]) -> Sequence[int]:
        connection = self._connection
        assert connection is not None
        with database.translated(self._path):
            connection.execute("BEGIN IMMEDIATE")
            try:
                results = [job(connection) for job in jobs]
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
        return results

    async def _read(self, job: Callable[[sqlite3.Connection], T]) -> T:
        self._check_open()
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._run_read, job)

    def _run_read(self, job: Callable[[sqlite3.Connection], T]) -> T:
        with database.translated(self._path):
            connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
            if connection is None:
                connection = self._local.connection = database.open_reader(self._path)
                self._reading.append(connection)
            return job(connection)


def _array(values: Sequence[bytes]) -> bytes:
    return b"[" + b",".join(values) + b"]"


def _copy(error: Exception) -> Exception:
    """An exception of its own for each who waits: a shared one would gather everyone's traceback."""
    if isinstance(error, SamplesUnavailable):
        copied = SamplesUnavailable(*error.args)
        copied.__cause__ = error.__cause__
        return copied
    return SamplesUnavailable(f"the write failed inside the storage: {error!r}")
