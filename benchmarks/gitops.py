"""A directory of manifests applied from nothing, and one changed file until its object is changed.

A whole `python -m phoenix.up --watch DIR` runs. *From nothing*: 1,000 manifests, one PriceBook a file, are written
beside the directory; the clock runs from their rename into it until the source's status says they are applied: notice,
read, parse, 1,000 server-side applies over TLS, each durable, inventory. (PriceBooks, as no other controller works on
them.) *One file*: one of those 1,000 is replaced as
editors do it (written beside, renamed); the clock stops when a client's watch has the changed object. The debounce of
100 ms, for which nothing may have changed, is part of it. *Quiet*: CPU of the whole process while nothing changes.
*Huge*: 10,000 manifests from nothing; then all are moved away, which prunes nothing, and come back, which writes none.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing
from pathlib import Path

import psutil

from benchmarks.processes import child, cpu_s, python, wait_until
from benchmarks.result import Row, Setting, Spread, at_most
from phoenix.api.manifestsource import ManifestSource
from phoenix.api.pricebook import PriceBook
from phoenix.client.config import ClientConfig
from phoenix.client.http import HttpClient

TITLE = "GitOps: a directory kept applied"
LIMIT = """From nothing: the path of a server-side apply (merge, managedFields, admission), and the watches that get
each object, all in one process. One file: 100 ms of debounce; then a scan, a parse and an apply."""
MANIFESTS = 1_000
HUGE = 10_000
CHANGES = 60
GOAL_WHOLE_S, GOAL_P99_MS = 10.0, 500.0
_QUIET_S = 10.0


def manifest(number: int, included: int) -> str:
    return (
        "apiVersion: phoenix.io/v1alpha1\nkind: PriceBook\n"
        f"metadata:\n  name: book-{number:05}\n  labels: {{team: team-{number % 7}}}\n"
        "spec:\n  vendor: Example\n  product: metrics, one of many books\n  currency: USD\n  confidence: sure\n"
        f"  meters:\n    - unit: activeSeries\n      included: {included}\n      tiers: [{{price: 4.00, per: 1000}}]\n"
    )


def filled(folder: Path, count: int) -> None:
    """Manifests in folders of a hundred."""
    for number in range(count):
        path = folder / f"{number // 100:03}" / f"{number:05}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(manifest(number, 1))


@contextlib.asynccontextmanager
async def phoenix(folder: Path, directory: Path) -> AsyncIterator[tuple[int, HttpClient]]:
    """Pid of a whole Phoenix that watches a directory, and a client."""
    state, log = folder / "state", folder / "up.log"
    with child(python("phoenix.up", "--state", str(state), "--port", "0", "--watch", str(directory)), log=log) as up:
        await asyncio.to_thread(
            wait_until, lambda: (state / "endpoint.json").exists() or up.poll() is not None, "Phoenix serves"
        )
        if up.poll() is not None:
            msg = f"Phoenix ended: {log.read_text()[-2000:]}"
            raise RuntimeError(msg)
        async with HttpClient(ClientConfig.from_endpoint_file(state / "endpoint.json")) as client:
            yield up.pid, client


async def applied(client: HttpClient, objects: int) -> None:
    """Wait until a source says that so many objects are applied."""
    await _until(client, lambda source: source.status.counts.objects == objects and _is(source, "Ready"))


async def stalled(client: HttpClient) -> None:
    """Wait until a source says that it goes no further."""
    await _until(client, lambda source: _is(source, "Stalled"))


def _is(source: ManifestSource, condition: str) -> bool:
    return any(one.type == condition and one.status == "True" for one in source.status.conditions)


async def _until(client: HttpClient, holds: Callable[[ManifestSource], bool], *, within_s: float = 300.0) -> None:
    async with asyncio.timeout(within_s):
        while True:
            if any(holds(source) for source in (await client.list(ManifestSource)).items):
                return
            await asyncio.sleep(0.05)


async def one_change_s(client: HttpClient, directory: Path, number: int, included: int) -> float:
    """Seconds from a file's rename into place to the object's change in a watch."""
    name = f"book-{number:05}"
    target = directory / "set" / f"{number // 100:03}" / f"{number:05}.yaml"
    beside = target.with_suffix(".new")
    beside.write_text(manifest(number, included))
    version = (await client.list(PriceBook)).resource_version
    watch = client.watch(PriceBook, resource_version=version, field_selector=f"metadata.name={name}")
    async with asyncio.timeout(30), aclosing(watch) as events:
        ready = asyncio.ensure_future(anext(events))
        await asyncio.sleep(0.3)  # until the watch is open
        began = time.perf_counter()
        os.replace(beside, target)
        event = await ready
        while event.object is None or event.object.spec.meters[0].included != included:
            event = await anext(events)
        return time.perf_counter() - began


async def measure(folder: Path, setting: Setting) -> tuple[float, float, list[float], float]:
    """Seconds for all, CPU seconds for all, seconds of each change, and the quiet CPU in percent of a core."""
    directory, waiting = folder / "manifests", folder / "waiting"
    directory.mkdir()
    count = max(50, round(MANIFESTS * setting.stretch))
    filled(waiting, count)
    async with phoenix(folder, directory) as (pid, client):
        await asyncio.sleep(3.0)  # until the start is over
        cpu_before_s, began = cpu_s(pid), time.perf_counter()
        waiting.rename(directory / "set")
        await applied(client, count)
        whole_s, whole_cpu_s = time.perf_counter() - began, cpu_s(pid) - cpu_before_s
        await asyncio.sleep(3.0)  # what follows the first apply, and the time in which no stat is trusted
        changes = [
            await one_change_s(client, directory, (at * 37) % count, at + 2)
            for at in range(max(10, round(CHANGES * setting.stretch)))
        ]
        await asyncio.sleep(3.0)
        quiet_s = setting.seconds(_QUIET_S)
        before = cpu_s(pid)
        await asyncio.sleep(quiet_s)
        return whole_s, whole_cpu_s, changes, (cpu_s(pid) - before) / quiet_s * 100


async def measure_huge(folder: Path, count: int) -> tuple[float, float, float]:
    """Seconds until all are applied, MiB of the process then, seconds until all is well again after a round trip."""
    directory, waiting, away = folder / "manifests", folder / "waiting", folder / "away"
    directory.mkdir()
    filled(waiting, count)
    async with phoenix(folder, directory) as (pid, client):
        began = time.perf_counter()
        waiting.rename(directory / "set")
        await applied(client, count)
        whole_s, memory_mib = time.perf_counter() - began, psutil.Process(pid).memory_info().rss / 2**20
        before = {book.key: book.metadata.resource_version for book in (await client.list(PriceBook)).items}
        (directory / "set").rename(away)
        await stalled(client)
        began = time.perf_counter()
        away.rename(directory / "set")
        await applied(client, count)
        back_s = time.perf_counter() - began
        after = {book.key: book.metadata.resource_version for book in (await client.list(PriceBook)).items}
        if before != after:
            msg = f"{len(before)} objects before, {len(after)} after, and some were written"
            raise RuntimeError(msg)
        return whole_s, memory_mib, back_s


def run(setting: Setting) -> Iterator[Row]:
    """Rows for all, for one change, for quiet, and for a huge directory."""
    with tempfile.TemporaryDirectory(dir=setting.directory) as name:
        whole_s, whole_cpu_s, changes, quiet = asyncio.run(measure(Path(name), setting))
    count = max(50, round(MANIFESTS * setting.stretch))
    milliseconds = [one * 1e3 for one in changes]
    p99 = statistics.quantiles(milliseconds, n=100, method="inclusive")[98]
    yield Row(
        f"{count:,} manifests from nothing to applied", f"{whole_s:.2f} s",
        measured=Spread.of([whole_s]), unit="s", goal=at_most(GOAL_WHOLE_S),
        note=f"{count / whole_s:,.0f} objects a second, {whole_cpu_s:.2f} s of CPU",
    )  # fmt: skip
    yield Row(
        "one changed file to applied, p50", f"{statistics.median(milliseconds):.0f} ms",
        measured=Spread.of(milliseconds), unit="ms", note=f"{len(changes)} changes, 100 ms of each the debounce",
    )  # fmt: skip
    yield Row(
        "one changed file to applied, p99", f"{p99:.0f} ms",
        measured=Spread.of([p99]), unit="ms", goal=at_most(GOAL_P99_MS),
    )  # fmt: skip
    yield Row("CPU while nothing changes", f"{quiet:.2f} % of a core")
    huge = max(500, round(HUGE * setting.stretch))
    with tempfile.TemporaryDirectory(dir=setting.directory) as name:
        huge_s, memory_mib, back_s = asyncio.run(measure_huge(Path(name), huge))
    yield Row(
        f"{huge:,} manifests from nothing to applied", f"{huge_s:.1f} s",
        note=f"{memory_mib:,.0f} MiB; moved away: none pruned; brought back: well after {back_s:.1f} s, none written",
    )  # fmt: skip
