"""The cpu scraper: seconds each logical CPU spent in each state."""

from __future__ import annotations

from dataclasses import dataclass

import psutil
from opentelemetry.proto.metrics.v1.metrics_pb2 import ResourceMetrics

from phoenix.engine.config.section import Section
from phoenix.engine.receivers.scrapers.build import MetricSpec, Reading, add_metric, parse_metrics, resource_metrics

_TIME = MetricSpec("system.cpu.time", "s", "Total seconds each logical CPU spent on each mode.", True)
_UTILIZATION = MetricSpec(
    "system.cpu.utilization", "1",
    "Difference in system.cpu.time since the last measurement per logical CPU, divided by the elapsed time.",
    None, default=False,
)  # fmt: skip
_LOGICAL = MetricSpec("system.cpu.logical.count", "{cpu}", "Number of available logical CPUs.", False, default=False)
_PHYSICAL = MetricSpec("system.cpu.physical.count", "{cpu}", "Number of available physical CPUs.", False, default=False)
_STATES = (
    ("user", "user"), ("system", "system"), ("idle", "idle"), ("interrupt", "irq"), ("nice", "nice"),
    ("softirq", "softirq"), ("steal", "steal"), ("wait", "iowait"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Config:
    """Names of the metrics to read."""

    metrics: frozenset[str]


def parse(section: Section) -> Config:
    """Read the scraper's keys."""
    config = Config(parse_metrics(section, (_TIME, _UTILIZATION, _LOGICAL, _PHYSICAL), ("system.cpu.frequency",)))
    section.close()
    return config


class CpuScraper:
    """Keeps the last times for utilization."""

    def __init__(self, config: Config) -> None:
        self._metrics = config.metrics
        self._last: list[dict[str, float]] = []

    def scrape(self, tick_unix_nano: int) -> tuple[list[ResourceMetrics], int]:
        """One resource without attributes."""
        start = int(psutil.boot_time() * 1e9)
        cpus = [
            {state: float(getattr(times, field, 0.0)) for state, field in _STATES}
            for times in psutil.cpu_times(percpu=True)
        ]
        resource, scope = resource_metrics("cpu")
        readings: dict[MetricSpec, list[Reading]] = {
            _TIME: [
                ({"cpu": f"cpu{number}", "state": state}, seconds)
                for number, times in enumerate(cpus)
                for state, seconds in times.items()
            ],
            _UTILIZATION: self._utilization(cpus),
            _LOGICAL: [({}, len(cpus))],
            _PHYSICAL: [({}, psutil.cpu_count(logical=False) or len(cpus))],
        }
        self._last = cpus
        for spec, points in readings.items():
            if spec.name in self._metrics and points:
                add_metric(scope, spec, points, start_unix_nano=start, tick_unix_nano=tick_unix_nano)
        return [resource], 0

    def _utilization(self, cpus: list[dict[str, float]]) -> list[Reading]:
        """Share of the time since the last scrape; nothing at the first."""
        points: list[Reading] = []
        for number, (now, before) in enumerate(zip(cpus, self._last, strict=False)):
            elapsed = sum(now.values()) - sum(before.values())
            for state, seconds in now.items():
                share = (seconds - before[state]) / elapsed if elapsed > 0 else 0.0
                points.append(({"cpu": f"cpu{number}", "state": state}, max(0.0, share)))
        return points
