"""The paging scraper: swap in use, pages moved in and out, page faults."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import psutil
from opentelemetry.proto.metrics.v1.metrics_pb2 import ResourceMetrics

from phoenix.engine.config.section import Section
from phoenix.engine.receivers.scrapers.build import MetricSpec, Reading, add_metrics, parse_metrics, resource_metrics

_USAGE = MetricSpec("system.paging.usage", "By", "Swap (unix) or pagefile (windows) usage.", False)
_UTILIZATION = MetricSpec(
    "system.paging.utilization", "1", "Swap (unix) or pagefile (windows) utilization.", None, default=False
)
_OPERATIONS = MetricSpec("system.paging.operations", "{operations}", "The number of paging operations.", True)
_FAULTS = MetricSpec("system.paging.faults", "{faults}", "The number of page faults.", True)
_SPECS = (_USAGE, _UTILIZATION, _OPERATIONS, _FAULTS)
_VMSTAT, _SWAPS = Path("/proc/vmstat"), Path("/proc/swaps")


@dataclass(frozen=True, slots=True)
class Config:
    """Names of the metrics to read."""

    metrics: frozenset[str]


def parse(section: Section) -> Config:
    """Read the scraper's keys."""
    config = Config(parse_metrics(section, _SPECS, ()))
    section.close()
    return config


class PagingScraper:
    """Reads the kernel's counters; what a kernel does not tell is left out."""

    def __init__(self, config: Config, vmstat: Path = _VMSTAT, swaps: Path = _SWAPS) -> None:
        self._metrics = config.metrics
        self._vmstat, self._swaps = vmstat, swaps

    def scrape(self, tick_unix_nano: int) -> tuple[list[ResourceMetrics], int]:
        """One resource without attributes."""
        resource, scope = resource_metrics("paging")
        readings: dict[MetricSpec, list[Reading]] = {spec: [] for spec in _SPECS}
        for device, total, used in self._devices():
            states = (("used", used), ("free", total - used))
            readings[_USAGE] += [({"device": device, "state": state}, value) for state, value in states]
            if total:
                readings[_UTILIZATION] += [
                    ({"device": device, "state": state}, value / total) for state, value in states
                ]
        counted = self._counters()
        errors = not counted
        if not errors:
            readings[_OPERATIONS] = [
                ({"direction": "page_in", "type": "major"}, counted.get("pswpin", 0)),
                ({"direction": "page_out", "type": "major"}, counted.get("pswpout", 0)),
                ({"direction": "page_in", "type": "minor"}, counted.get("pgpgin", 0)),
                ({"direction": "page_out", "type": "minor"}, counted.get("pgpgout", 0)),
            ]
            major = counted.get("pgmajfault", 0)
            readings[_FAULTS] = [({"type": "major"}, major), ({"type": "minor"}, counted.get("pgfault", 0) - major)]
        start = int(psutil.boot_time() * 1e9)
        add_metrics(scope, self._metrics, readings, start_unix_nano=start, tick_unix_nano=tick_unix_nano)
        return [resource], int(errors)

    def _counters(self) -> dict[str, int]:
        try:
            rows = [line.split() for line in self._vmstat.read_text().splitlines()]
        except OSError:
            return {}
        return {row[0]: int(row[1]) for row in rows if len(row) == 2}

    def _devices(self) -> list[tuple[str, int, int]]:
        """Each swap device with its bytes and those in use."""
        try:
            rows = [line.split() for line in self._swaps.read_text().splitlines()[1:]]
        except OSError:
            return []
        return [(row[0], int(row[2]) << 10, int(row[3]) << 10) for row in rows if len(row) >= 4]
