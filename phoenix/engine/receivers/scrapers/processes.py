"""The processes scraper: how many processes there are in each state, and how many were ever made."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import psutil
from opentelemetry.proto.metrics.v1.metrics_pb2 import ResourceMetrics

from phoenix.engine.config.section import Section
from phoenix.engine.receivers.scrapers.build import MetricSpec, Reading, add_metrics, parse_metrics, resource_metrics

_COUNT = MetricSpec("system.processes.count", "{processes}", "Total number of processes in each state.", False)
_CREATED = MetricSpec(
    "system.processes.created",
    "{processes}",
    "Total number of created processes. Supported on Linux and OpenBSD.",
    True,
)
_PROC = Path("/proc")
_STATES = {
    "R": "running", "S": "sleeping", "D": "blocked", "I": "idle", "T": "stopped", "t": "stopped", "Z": "zombies",
    "W": "paging", "L": "locked",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Config:
    """Names of the metrics to read."""

    metrics: frozenset[str]


def parse(section: Section) -> Config:
    """Read the scraper's keys."""
    config = Config(parse_metrics(section, (_COUNT, _CREATED), ()))
    section.close()
    return config


class ProcessesScraper:
    """Reads one small file a process; states without a process are left out, as in the collector."""

    def __init__(self, config: Config, proc: Path = _PROC) -> None:
        self._metrics = config.metrics
        self._proc = proc

    def scrape(self, tick_unix_nano: int) -> tuple[list[ResourceMetrics], int]:
        """One resource without attributes."""
        resource, scope = resource_metrics("processes")
        states: Counter[str] = Counter()
        for pid in psutil.pids() if self._proc == _PROC else [int(path.name) for path in self._proc.glob("[0-9]*")]:
            try:
                # The name before the state is in brackets and may hold any character.
                stat = (self._proc / str(pid) / "stat").read_bytes().rpartition(b") ")[2]
            except OSError:
                continue  # it has ended
            states[_STATES.get(stat[:1].decode("ascii", "replace"), "unknown")] += 1
        created = self._created()
        readings: dict[MetricSpec, list[Reading]] = {
            _COUNT: [({"status": status}, count) for status, count in sorted(states.items())],
            _CREATED: [] if created is None else [({}, created)],
        }
        start = int(psutil.boot_time() * 1e9)
        add_metrics(scope, self._metrics, readings, start_unix_nano=start, tick_unix_nano=tick_unix_nano)
        return [resource], int(created is None)

    def _created(self) -> int | None:
        try:
            lines = (self._proc / "stat").read_text().splitlines()
        except OSError:
            return None
        return next((int(line.split()[1]) for line in lines if line.startswith("processes ")), None)
