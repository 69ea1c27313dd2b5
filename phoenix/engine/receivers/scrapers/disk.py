"""The disk scraper: bytes, operations and times of each block device."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import psutil
from opentelemetry.proto.metrics.v1.metrics_pb2 import ResourceMetrics

from phoenix.engine.config.section import Section
from phoenix.engine.receivers.scrapers.build import MetricSpec, Reading, add_metrics, parse_metrics, resource_metrics
from phoenix.engine.receivers.scrapers.names import NameFilter, parse_names

_IO = MetricSpec("system.disk.io", "By", "Disk bytes transferred.", True)
_OPERATIONS = MetricSpec("system.disk.operations", "{operations}", "Disk operations count.", True)
_MERGED = MetricSpec(
    "system.disk.merged", "{operations}",
    "The number of disk reads/writes merged into single physical disk access operations.", True,
)  # fmt: skip
_OPERATION_TIME = MetricSpec("system.disk.operation_time", "s", "Time spent in disk operations.", True)
_IO_TIME = MetricSpec(
    "system.disk.io_time",
    "s",
    "Time disk spent activated. On Windows, this is calculated as the inverse of disk idle time.",
    True,
)
_WEIGHTED = MetricSpec(
    "system.disk.weighted_io_time", "s", "Time disk spent activated multiplied by the queue length.", True
)
_PENDING = MetricSpec(
    "system.disk.pending_operations", "{operations}", "The queue size of pending I/O operations.", False
)
_SPECS = (_IO, _OPERATIONS, _MERGED, _OPERATION_TIME, _IO_TIME, _WEIGHTED, _PENDING)
_DISKSTATS = Path("/proc/diskstats")


@dataclass(frozen=True, slots=True)
class Config:
    """Names of the metrics to read, and which devices."""

    metrics: frozenset[str]
    devices: NameFilter


def parse(section: Section) -> Config:
    """Read the scraper's keys."""
    config = Config(parse_metrics(section, _SPECS, ()), parse_names(section, "devices"))
    section.close()
    return config


class DiskScraper:
    """Reads the kernel's counters since boot."""

    def __init__(self, config: Config) -> None:
        self._config = config

    def scrape(self, tick_unix_nano: int) -> tuple[list[ResourceMetrics], int]:
        """One resource without attributes."""
        resource, scope = resource_metrics("disk")
        readings: dict[MetricSpec, list[Reading]] = {spec: [] for spec in _SPECS}
        queues = queues_of(_DISKSTATS)
        counters = psutil.disk_io_counters(perdisk=True, nowrap=False) or {}
        for device, counted in counters.items():
            if not any(counted) or not self._config.devices.wants(device):  # never used: as in the collector
                continue
            read, write = {"device": device, "direction": "read"}, {"device": device, "direction": "write"}
            readings[_IO] += [(read, counted.read_bytes), (write, counted.write_bytes)]
            readings[_OPERATIONS] += [(read, counted.read_count), (write, counted.write_count)]
            readings[_MERGED] += [(read, counted.read_merged_count), (write, counted.write_merged_count)]
            readings[_OPERATION_TIME] += [(read, counted.read_time / 1e3), (write, counted.write_time / 1e3)]
            readings[_IO_TIME].append(({"device": device}, counted.busy_time / 1e3))
            if device in queues:
                pending, weighted_ms = queues[device]
                readings[_PENDING].append(({"device": device}, pending))
                readings[_WEIGHTED].append(({"device": device}, weighted_ms / 1e3))
        start = int(psutil.boot_time() * 1e9)
        add_metrics(scope, self._config.metrics, readings, start_unix_nano=start, tick_unix_nano=tick_unix_nano)
        return [resource], 0


def queues_of(diskstats: Path) -> dict[str, tuple[int, int]]:
    """Operations under way and weighted milliseconds of each device, which psutil leaves out; empty off Linux."""
    try:
        rows = [line.split() for line in diskstats.read_text().splitlines()]
    except OSError:
        return {}
    return {row[2]: (int(row[11]), int(row[13])) for row in rows if len(row) >= 14}
