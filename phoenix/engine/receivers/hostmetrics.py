"""The `hostmetrics` receiver: this host's CPU, memory, disks, network and processes, read at every tick.

One deliberate difference from the collector: every point of a scrape has the tick's time, a multiple of the interval
since the epoch, where the collector stamps each process with its own reading of the clock. Only so can processes be
summed, and only so do the windows of a measurement hold whole scrapes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import ResourceMetrics

from phoenix.engine.component import Component, Consumer, ReceiverFactory, Settings
from phoenix.engine.config.section import Section
from phoenix.engine.data import Metrics
from phoenix.engine.errors import Phase
from phoenix.engine.receivers.scrapers import cpu, disk, filesystem, load, memory, network, paging, process, processes
from phoenix.engine.receivers.scrapers.build import Scraper
from phoenix.engine.receivers.ticker import Ticker

_SCRAPERS: dict[str, tuple[Callable[[Section], Any], Callable[[Any], Scraper]]] = {
    "cpu": (cpu.parse, cpu.CpuScraper),
    "memory": (memory.parse, memory.MemoryScraper),
    "process": (process.parse, process.ProcessScraper),
    "disk": (disk.parse, disk.DiskScraper),
    "filesystem": (filesystem.parse, filesystem.FilesystemScraper),
    "load": (load.parse, load.LoadScraper),
    "network": (network.parse, network.NetworkScraper),
    "paging": (paging.parse, paging.PagingScraper),
    "processes": (processes.parse, processes.ProcessesScraper),
}
_OTHERS = frozenset({"system", "nfs"})


@dataclass(frozen=True, slots=True)
class Config:
    """When to read, and makers of the scrapers by name."""

    interval_ns: int
    initial_delay_s: float
    scrapers: tuple[tuple[str, Callable[[], Scraper]], ...]


def parse(section: Section) -> Config:
    """Read the receiver's keys and those of each scraper."""
    interval_s = section.duration_s("collection_interval", 60.0)
    if interval_s <= 0:
        section.fault("collection_interval", "must be above 0", "write collection_interval: 10s")
    delay_s = section.duration_s("initial_delay", 1.0)
    section.duration_s("timeout", 0.0)
    section.raw("metadata_collection_interval")
    section.unsupported("root_path")
    body = section.section("scrapers")
    scrapers: list[tuple[str, Callable[[], Scraper]]] = []
    for name in body.keys():  # noqa: SIM118 (not a dict)
        if name not in _SCRAPERS:
            known = f"the Embedded engine has {', '.join(_SCRAPERS)}"
            hint = (
                "a real collector has it: set engine: Otelcol"
                if name in _OTHERS
                else f"write one of {', '.join(_SCRAPERS)}"
            )
            body.fault(name, f"no scraper {name!r} here: {known}", hint, Phase.DECODE)
            body.raw(name)
            continue
        scrapers.append((name, _maker(name, body)))
    if not scrapers:
        section.fault(
            "scrapers", "must specify at least one scraper when using hostmetrics receiver", "write scrapers: {cpu: {}}"
        )
    body.close()
    section.close()
    return Config(max(1, round(interval_s * 1e9)), delay_s, tuple(scrapers))


def _maker(name: str, body: Section) -> Callable[[], Scraper]:
    read, make = _SCRAPERS[name]
    config = read(body.section(name))
    return lambda: make(config)


class HostMetrics:
    """Scrapes in a thread at each tick and hands one request on."""

    def __init__(self, settings: Settings, config: Config, next_consumer: Consumer) -> None:
        self._config = config
        self._ticker = Ticker(settings, next_consumer, transport="")
        name, telemetry = str(settings.id), settings.telemetry
        self._scraped = {
            scraper: telemetry.counter("otelcol_scraper_scraped_metric_points", receiver=name, scraper=scraper)
            for scraper, _ in config.scrapers
        }
        self._errored = {
            scraper: telemetry.counter("otelcol_scraper_errored_metric_points", receiver=name, scraper=scraper)
            for scraper, _ in config.scrapers
        }

    async def start(self) -> None:
        """Start ticking."""
        self._ticker.spawn(self._run(), name="hostmetrics")

    async def shutdown(self) -> None:
        """Stop ticking; a scrape under way may take a second to arrive, then it is given up."""
        await self._ticker.stop()

    async def _run(self) -> None:
        scrapers = [(name, make()) for name, make in self._config.scrapers]
        if await self._ticker.stopped_within(self._config.initial_delay_s):
            return
        tick = 0
        while tick := await self._ticker.after(tick, self._config.interval_ns):
            request = await asyncio.to_thread(self._scrape, scrapers, tick)
            await self._ticker.hand_on(Metrics.of(request))

    def _scrape(self, scrapers: list[tuple[str, Scraper]], tick: int) -> ExportMetricsServiceRequest:
        request = ExportMetricsServiceRequest()
        for name, scraper in scrapers:
            resources, errors = scraper.scrape(tick)
            self._scraped[name].add(_points(resources))
            self._errored[name].add(errors)
            request.resource_metrics.extend(resources)
        return request


def _points(resources: list[ResourceMetrics]) -> int:
    return sum(
        len(getattr(metric, metric.WhichOneof("data")).data_points)
        for resource in resources
        for scope in resource.scope_metrics
        for metric in scope.metrics
    )


def create(settings: Settings, config: Config, next_consumer: Consumer) -> Component:
    """Make the receiver."""
    return HostMetrics(settings, config, next_consumer)


FACTORY = ReceiverFactory(("hostmetrics", "host_metrics"), parse, create)
