"""The load scraper: how many tasks ran or waited, averaged over 1, 5 and 15 minutes."""

from __future__ import annotations

import os
from dataclasses import dataclass

import psutil
from opentelemetry.proto.metrics.v1.metrics_pb2 import ResourceMetrics

from phoenix.engine.config.section import Section
from phoenix.engine.receivers.scrapers.build import MetricSpec, Reading, add_metrics, parse_metrics, resource_metrics

_SPECS = tuple(
    MetricSpec(
        f"system.cpu.load_average.{minutes}m",
        "{thread}",
        f"Average CPU Load over {minutes} minute{'s' * (minutes > 1)}.",
        None,
    )
    for minutes in (1, 5, 15)
)


@dataclass(frozen=True, slots=True)
class Config:
    """Names of the metrics to read, and whether they are divided by the number of CPUs."""

    metrics: frozenset[str]
    per_cpu: bool


def parse(section: Section) -> Config:
    """Read the scraper's keys."""
    config = Config(parse_metrics(section, _SPECS, ()), section.boolean("cpu_average", False))
    section.close()
    return config


class LoadScraper:
    """Reads the kernel's averages."""

    def __init__(self, config: Config) -> None:
        self._config = config

    def scrape(self, tick_unix_nano: int) -> tuple[list[ResourceMetrics], int]:
        """One resource without attributes."""
        divisor = (psutil.cpu_count() or 1) if self._config.per_cpu else 1
        resource, scope = resource_metrics("load")
        readings: dict[MetricSpec, list[Reading]] = {
            spec: [({}, load / divisor)] for spec, load in zip(_SPECS, os.getloadavg(), strict=True)
        }
        add_metrics(
            scope,
            self._config.metrics,
            readings,
            start_unix_nano=int(psutil.boot_time() * 1e9),
            tick_unix_nano=tick_unix_nano,
        )
        return [resource], 0
