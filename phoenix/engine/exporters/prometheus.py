"""The `prometheus` exporter: a /metrics page with the last value of each series."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from aiohttp import web

from phoenix.engine.component import Exporter, ExporterFactory, Settings
from phoenix.engine.config.section import Section
from phoenix.engine.data import Metrics
from phoenix.engine.endpoints import HttpServer, ListenAddress, listen_address, server_settings
from phoenix.engine.errors import Phase
from phoenix.engine.exporters.accumulator import Accumulator
from phoenix.engine.exporters.exposition import Style, page

_STRATEGIES = ("", "UnderscoreEscapingWithSuffixes")


@dataclass(frozen=True, slots=True)
class Config:
    """Where the page is, what is on it, and when a silent series leaves it."""

    address: ListenAddress
    style: Style
    expiration_s: float
    resource_labels: bool
    service_labels: bool


def parse(section: Section) -> Config:
    """Read the exporter's keys."""
    conversion = section.section("resource_to_telemetry_conversion")
    resource_labels = conversion.boolean("enabled", False)
    service_labels = not conversion.boolean("exclude_service_attributes", False)
    conversion.close()
    if not section.string("endpoint"):
        section.fault(
            "endpoint", "requires a non-empty 'endpoint'", "write host:port, such as 127.0.0.1:8889", Phase.BUILD
        )
    if not section.boolean("add_metric_suffixes", True):
        section.fault("add_metric_suffixes", "names without suffixes are not implemented", "set engine: Otelcol")
    if section.string("translation_strategy") not in _STRATEGIES:
        section.fault(
            "translation_strategy",
            "the Embedded engine has UnderscoreEscapingWithSuffixes only", "set engine: Otelcol for others",
        )  # fmt: skip
    config = Config(
        listen_address(section, "endpoint", "127.0.0.1:0"),
        Style(
            section.string("namespace"),
            section.texts_by_key("const_labels"),
            section.boolean("send_timestamps", False),
            not section.boolean("without_scope_info", False),
        ),
        section.duration_s("metric_expiration", 300.0),
        resource_labels,
        service_labels,
    )
    section.unsupported("enable_open_metrics", "tls", "cors", "auth", "resource_constant_labels")
    server_settings(section)
    section.close()
    return config


class PrometheusExporter:
    """Accumulates and renders in the engine's one worker thread, so that the two never meet."""

    mutates = False

    def __init__(self, settings: Settings, config: Config) -> None:
        self._config = config
        self._log = settings.log
        self._workers = settings.workers
        self._accumulator = Accumulator(resource_labels=config.resource_labels, service_labels=config.service_labels)
        self._sent = settings.telemetry.counter("otelcol_exporter_sent_metric_points", exporter=str(settings.id))
        app = web.Application()
        app.router.add_get("/metrics", self._answer)
        self._server = HttpServer(settings.path, config.address, app)

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._server.port

    async def start(self) -> None:
        """Listen.

        Raises:
            StartError: the port is taken.
        """
        await self._server.start()

    async def shutdown(self) -> None:
        """Stop listening."""
        await self._server.stop()

    async def consume(self, metrics: Metrics) -> None:
        """Take the values in."""
        loop, points = asyncio.get_running_loop(), metrics.points
        await loop.run_in_executor(self._workers, self._take, metrics)
        self._sent.add(points)

    def _take(self, metrics: Metrics) -> None:
        self._accumulator.add(metrics.message().resource_metrics, time.monotonic())

    def _render(self) -> bytes:
        live = self._accumulator.live(time.monotonic() - self._config.expiration_s)
        return page(live, self._config.style, self._log)

    async def _answer(self, _request: web.Request) -> web.Response:
        body = await asyncio.get_running_loop().run_in_executor(self._workers, self._render)
        return web.Response(body=body, headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})


def create(settings: Settings, config: Config) -> Exporter:
    """Make the exporter."""
    return PrometheusExporter(settings, config)


FACTORY = ExporterFactory(("prometheus",), parse, create)
