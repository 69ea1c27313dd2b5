"""The cpu scraper: seconds CPUs spent in each state, of all together or of each."""

from __future__ import annotations

from dataclasses import dataclass

import psutil
from opentelemetry.proto.metrics.v1.metrics_pb2 import ResourceMetrics

from phoenix.engine.config.section import OTELCOL, Section
from phoenix.engine.receivers.scrapers.build import MetricSpec, Reading, add_metric, parse_metrics, resource_metrics

_TIME = MetricSpec("system.cpu.time", "s", "Total seconds each logical CPU spent on each mode.", True)
_UTILIZATION = MetricSpec(
    "system.cpu.utilization", "1",
    "Difference in system.cpu.time since the last measurement per logical CPU, divided by the elapsed time.",
    None, default=False,
)  # fmt: skip
_LOGICAL = MetricSpec("system.cpu.logical.count", "{cpu}", "Number of available logical CPUs.", False)
_PHYSICAL = MetricSpec("system.cpu.physical.count", "{cpu}", "Number of available physical CPUs.", False, default=False)
_STATES = (
    ("user", "user"), ("system", "system"), ("idle", "idle"), ("interrupt", "irq"), ("nice", "nice"),
    ("softirq", "softirq"), ("steal", "steal"), ("wait", "iowait"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Config:
    """Names of the metrics to read, and those with a point for each CPU rather than the sum (or mean) of all."""

    metrics: frozenset[str]
    per_cpu: frozenset[str] = frozenset()


def parse(section: Section) -> Config:
    """Read the scraper's keys."""
    named = (_TIME.name, _UTILIZATION.name)
    metrics, per_cpu = section.section("metrics"), set()
    for name in named:
        entry = metrics.section(name)
        labels = entry.strings("attributes") if entry.has("attributes") else ["state"]
        if not {"state"} <= set(labels) <= {"cpu", "state"}:
            entry.fault("attributes", "the Embedded engine has [state] and [cpu, state]", OTELCOL)
        if "cpu" in labels:
            per_cpu.add(name)
    specs = (_TIME, _UTILIZATION, _LOGICAL, _PHYSICAL)
    config = Config(parse_metrics(section, specs, ("system.cpu.frequency",), named), frozenset(per_cpu))
    section.close()
    return config


class CpuScraper:
    """Keeps the last times for utilization."""

    def __init__(self, config: Config) -> None:
        self._metrics = config.metrics
        self._per_cpu = config.per_cpu
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
            _TIME: self._points(_TIME, cpus),
            _UTILIZATION: self._points(_UTILIZATION, self._utilization(cpus)),
            _LOGICAL: [({}, len(cpus))],
            _PHYSICAL: [({}, psutil.cpu_count(logical=False) or len(cpus))],
        }
        self._last = cpus
        for spec, points in readings.items():
            if spec.name in self._metrics and points:
                add_metric(scope, spec, points, start_unix_nano=start, tick_unix_nano=tick_unix_nano)
        return [resource], 0

    def _points(self, spec: MetricSpec, cpus: list[dict[str, float]]) -> list[Reading]:
        """A point for each CPU, or their sum; shares of time are averaged."""
        if spec.name in self._per_cpu:
            return [
                ({"cpu": f"cpu{number}", "state": state}, value)
                for number, times in enumerate(cpus)
                for state, value in times.items()
            ]
        divisor = len(cpus) if spec is _UTILIZATION else 1
        return [({"state": state}, sum(cpu[state] for cpu in cpus) / divisor) for state, _ in _STATES if cpus]

    def _utilization(self, cpus: list[dict[str, float]]) -> list[dict[str, float]]:
        """Shares of the time since the last scrape; nothing at the first."""
        shares: list[dict[str, float]] = []
        for now, before in zip(cpus, self._last, strict=False):
            elapsed = sum(now.values()) - sum(before.values())
            shares.append(
                {
                    state: max(0.0, (seconds - before[state]) / elapsed) if elapsed > 0 else 0.0
                    for state, seconds in now.items()
                }
            )
        return shares
