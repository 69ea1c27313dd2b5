"""Durable writes: the store's group commit against one commit a request, at 1, 10 and 100 writers.

Both use the same file layout and pragmas (WAL, synchronous=FULL, 16 KiB pages) and 2 KiB values; a write counts when it
is durable and its writer knows. The rival is the usual code: each request commits by itself in a worker thread. Runs
alternate (A B A B …), so that only ratios taken inside one run are compared.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from benchmarks.result import Row as Answer
from benchmarks.result import Setting, ratios
from phoenix.store.interface import EventType
from phoenix.store.log import AppendLog, Row
from phoenix.store.sqlite import open_store

TITLE = "The store: group commit against one commit a request"
LIMIT = "At one writer the disk's flush, at 100 SQLite's own time for a row of 2 KB and, now and then, a checkpoint."
SECONDS = 0.25
VALUE = b"x" * 2048
WRITERS = (1, 10, 100)
Write = Callable[[str], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Measured:
    """Writes a second, and the 99th percentile of a write's time in milliseconds."""

    per_s: float
    p99_ms: float


async def drive(write: Write, writers: int, seconds: float) -> Measured:
    """Let writers write one after another, each waiting for its answer, for so long."""
    times_s: list[float] = []
    began = time.perf_counter()
    until = began + seconds

    async def one(name: int) -> None:
        number, now = 0, began
        while now < until:
            await write(f"/bench/{name}/{number}")
            number, before, now = number + 1, now, time.perf_counter()
            times_s.append(now - before)

    await asyncio.gather(*(one(name) for name in range(writers)))
    took_s = time.perf_counter() - began
    times_s.sort()
    return Measured(len(times_s) / took_s, times_s[int(len(times_s) * 0.99)] * 1e3)


async def grouped(path: Path, writers: int, seconds: float) -> Measured:
    """The shipped store."""
    async with open_store(path) as store:
        return await drive(lambda key: store.create(key, lambda _: VALUE), writers, seconds)


async def alone(path: Path, writers: int, seconds: float) -> Measured:
    """One commit a request, in a worker thread."""
    log, revision, loop = AppendLog(path), 0, asyncio.get_running_loop()

    def commit(key: str) -> None:
        nonlocal revision
        revision += 1
        log.begin()
        log.append([Row(revision, key, EventType.ADDED, revision, 0, 0, VALUE)])
        log.commit()

    with ThreadPoolExecutor(1) as pool:
        await loop.run_in_executor(pool, log.open)
        measured = await drive(lambda key: loop.run_in_executor(pool, commit, key), writers, seconds)
        await loop.run_in_executor(pool, log.close)
    return measured


async def measure(writers: int, setting: Setting) -> tuple[list[Measured], list[Measured]]:
    """The store and its rival, in turns, each on a new file."""
    seconds = setting.seconds(SECONDS)
    groups: list[Measured] = []
    singles: list[Measured] = []
    for _ in range(setting.pairs):
        with tempfile.TemporaryDirectory(dir=setting.directory) as folder:
            groups.append(await grouped(Path(folder) / "a.db", writers, seconds))
            singles.append(await alone(Path(folder) / "b.db", writers, seconds))
    return groups, singles


def run(setting: Setting) -> Iterator[Answer]:
    """A row for each number of writers."""
    for writers in WRITERS:
        groups, singles = asyncio.run(measure(writers, setting))
        yield Answer(
            f"store write, {writers} writer{'s' * (writers > 1)}",
            _shown(groups),
            peer=f"one each {_shown(singles)}",
            measured=ratios((one.per_s for one in groups), (one.per_s for one in singles)),
        )


def _shown(measured: list[Measured]) -> str:
    rate = statistics.median(one.per_s for one in measured)
    return f"{rate:,.0f}/s, p99 {statistics.median(one.p99_ms for one in measured):.1f} ms"
