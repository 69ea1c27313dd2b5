"""The memory scraper: bytes of memory by state, as Linux accounts for them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import psutil
from opentelemetry.proto.metrics.v1.metrics_pb2 import ResourceMetrics

from phoenix.engine.config.section import Section
from phoenix.engine.receivers.scrapers.build import MetricSpec, Reading, add_metric, parse_metrics, resource_metrics

_USAGE = MetricSpec("system.memory.usage", "By", "Bytes of memory in use.", False)
_UTILIZATION = MetricSpec("system.memory.utilization", "1", "Percentage of memory bytes in use.", None, default=False)
_LIMIT = MetricSpec("system.memory.limit", "By", "Total bytes of memory available.", False, default=False)
_REFUSED = (
    "system.linux.memory.available", "system.linux.memory.dirty", "system.memory.page_size",
    "system.linux.hugepages.limit", "system.linux.hugepages.page_size", "system.linux.hugepages.reserved",
    "system.linux.hugepages.surplus", "system.linux.hugepages.usage", "system.linux.hugepages.utilization",
)  # fmt: skip
_MEMINFO = Path("/proc/meminfo")


@dataclass(frozen=True, slots=True)
class Config:
    """Names of the metrics to read."""

    metrics: frozenset[str]


def parse(section: Section) -> Config:
    """Read the scraper's keys."""
    config = Config(parse_metrics(section, (_USAGE, _UTILIZATION, _LIMIT), _REFUSED))
    section.close()
    return config


class MemoryScraper:
    """Reads the states a collector reports on Linux."""

    def __init__(self, config: Config) -> None:
        self._metrics = config.metrics

    def scrape(self, tick_unix_nano: int) -> tuple[list[ResourceMetrics], int]:
        """One resource without attributes."""
        total, states = _states()
        resource, scope = resource_metrics("memory")
        readings: dict[MetricSpec, list[Reading]] = {
            _USAGE: [({"state": state}, value) for state, value in states.items()],
            _UTILIZATION: [({"state": state}, value / total) for state, value in states.items()],
            _LIMIT: [({}, total)],
        }
        for spec, points in readings.items():
            if spec.name in self._metrics:
                add_metric(
                    scope, spec, points, start_unix_nano=int(psutil.boot_time() * 1e9), tick_unix_nano=tick_unix_nano
                )
        return [resource], 0


def _states() -> tuple[int, dict[str, int]]:
    """Total bytes, and bytes by state; `used` is what is not available (MemAvailable), as in the collector."""
    memory = psutil.virtual_memory()
    slab = _slab()
    return memory.total, {
        "used": memory.total - memory.available,
        "free": memory.free,
        "buffered": int(getattr(memory, "buffers", 0)),
        "cached": int(getattr(memory, "cached", 0)),
        "slab_reclaimable": slab.get("SReclaimable", 0),
        "slab_unreclaimable": slab.get("SUnreclaim", 0),
    }


def _slab() -> dict[str, int]:
    """The two slab figures that psutil adds up, in bytes; empty off Linux."""
    try:
        lines = _MEMINFO.read_text().splitlines()
    except OSError:
        return {}
    fields = (line.split() for line in lines)
    return {
        words[0].rstrip(":"): int(words[1]) * 1024 for words in fields if words[0] in {"SReclaimable:", "SUnreclaim:"}
    }
