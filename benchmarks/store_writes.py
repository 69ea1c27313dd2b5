"""Durable writes: the store's group commit against one commit a request, at 1, 10 and 100 writers.

Both use the same file layout and pragmas (WAL, synchronous=FULL, 16 KiB pages) and 2 KiB values; a write counts when it
is durable and its writer knows. The rival is the usual code: each request commits by itself in a worker thread. Runs
alternate (A B A B …), so that only ratios taken inside one run are compared; medians are printed.

    python -m benchmarks.store_writes [--pairs 7] [--seconds 0.3] [--directory DIR]
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from phoenix.store.interface import EventType
from phoenix.store.log import AppendLog, Row
from phoenix.store.sqlite import open_store

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


async def run(pairs: int, seconds: float, directory: Path | None) -> None:
    """Measure and print."""
    print(f"{'writers':>7}  {'group commit':>14} {'p99 ms':>7}  {'one each':>10} {'p99 ms':>7}  {'ratio':>6}")
    for writers in WRITERS:
        groups, singles = [], []
        for _ in range(pairs):
            with tempfile.TemporaryDirectory(dir=directory) as folder:
                groups.append(await grouped(Path(folder) / "a.db", writers, seconds))
                singles.append(await alone(Path(folder) / "b.db", writers, seconds))
        ratio = statistics.median(a.per_s / b.per_s for a, b in zip(groups, singles, strict=True))
        cells = [
            f"{statistics.median(m.per_s for m in some):>{width},.0f} {statistics.median(m.p99_ms for m in some):>7.2f}"
            for some, width in ((groups, 14), (singles, 10))
        ]
        print(f"{writers:>7}  {'  '.join(cells)}  {ratio:>5.1f}x")


def main() -> None:
    """Parse and run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--pairs", type=int, default=7, help="A B pairs for each number of writers")
    parser.add_argument("--seconds", type=float, default=0.3, help="time of each measurement")
    parser.add_argument("--directory", type=Path, default=None, help="folder on the disk to measure")
    options = parser.parse_args()
    asyncio.run(run(options.pairs, options.seconds, options.directory))


if __name__ == "__main__":
    main()
