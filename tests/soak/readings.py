"""What a Phoenix takes, read while no experiment runs, and whether it grows."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import psutil

from tests.harness.cluster import Cluster

_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Reading:
    """Of the `up` process unless it says otherwise; sizes in MiB."""

    experiments: int
    memory: float
    """resident"""
    files: int
    """file descriptors"""
    threads: int
    tasks: int
    watchers: int
    """watches the API server has open"""
    children: int
    """processes of the state folder besides `up`: the shim"""
    shim_memory: float
    shim_files: int
    database: float
    """phoenix.db with its log"""
    samples: float
    """samples.db with its log"""
    folders: int
    """of processes in the state folder"""
    state_rest: float
    """of the state folder: logs and records, but for audit.log, which is put aside at 64 MiB and kept four times"""


TOLERANCES = {
    "memory": 12.0, "files": 4.0, "threads": 3.0, "tasks": 6.0, "watchers": 3.0, "children": 0.5, "shim_memory": 4.0,
    "shim_files": 3.0, "database": 4.0, "samples": 1.0, "folders": 1.0, "state_rest": 2.0,
}  # fmt: skip
"""By how much a figure may rise from settling to the end, by its line of least squares, besides a twentieth of it."""
SHARE = 0.05


async def read(phoenix: Cluster, experiments: int) -> Reading:
    """How things are. Call it while no experiment runs."""
    up = psutil.Process(phoenix.pid)
    others = [item.pid for item in phoenix.leftovers() if item.pid != phoenix.pid]
    page = (await phoenix.client.request("GET", "/metrics")).body.decode()
    shim = [psutil.Process(pid) for pid in others]
    state = phoenix.state
    database, samples = _size(state.glob("phoenix.db*")), _size(state.glob("samples.db*"))
    return Reading(
        experiments=experiments,
        memory=up.memory_info().rss / _MIB,
        files=up.num_fds(),
        threads=up.num_threads(),
        tasks=_gauge(page, "phoenix_tasks"),
        watchers=_gauge(page, "phoenix_apiserver_watchers"),
        children=len(others),
        shim_memory=sum(process.memory_info().rss for process in shim) / _MIB,
        shim_files=sum(process.num_fds() for process in shim),
        database=database,
        samples=samples,
        folders=sum(1 for _ in (state / "processes").iterdir()),
        state_rest=_size(state.rglob("*")) - database - samples - _size(state.glob("audit.log*")),
    )


def _gauge(page: str, name: str) -> int:
    found = re.search(rf"^{name} (\S+)$", page, re.MULTILINE)
    assert found, f"/metrics has no {name}"
    return int(float(found[1]))


def _size(paths: Iterable[Path]) -> float:
    total = 0
    for path in paths:
        with contextlib.suppress(FileNotFoundError):
            total += path.lstat().st_size if not path.is_dir() else 0
    return total / _MIB


@dataclass(frozen=True, slots=True)
class Trend:
    """One figure over the readings after settling."""

    name: str
    first: float
    last: float
    rise: float
    """along the line of least squares, from the first of these readings to the last"""
    allowed: float

    @property
    def flat(self) -> bool:
        """Whether it does not grow."""
        return self.rise <= self.allowed


def trends(readings: Sequence[Reading], settled_after: int) -> list[Trend]:
    """A trend a figure, of the readings with at least so many experiments; three of them or more."""
    late = [reading for reading in readings if reading.experiments >= settled_after]
    assert len(late) >= 3, f"{len(late)} readings after {settled_after} experiments are no trend: run more"
    at = np.array([reading.experiments for reading in late], float)
    found = []
    for field in fields(Reading)[1:]:
        values = np.array([getattr(reading, field.name) for reading in late], float)
        slope = float(np.polyfit(at, values, 1)[0])
        allowed = TOLERANCES[field.name] + SHARE * float(values.mean())
        found.append(Trend(field.name, values[0], values[-1], slope * float(at[-1] - at[0]), allowed))
    return found


def table(found: Iterable[Trend]) -> str:
    """The trends for people."""
    lines = [f"{'figure':<12} {'settled':>10} {'end':>10} {'rise':>9} {'allowed':>9}"]
    for trend in found:
        verdict = "flat" if trend.flat else "GROWS"
        numbers = f"{trend.first:>10.1f} {trend.last:>10.1f} {trend.rise:>+9.2f} {trend.allowed:>9.2f}"
        lines.append(f"{trend.name:<12} {numbers}  {verdict}")
    return "\n".join(lines)
