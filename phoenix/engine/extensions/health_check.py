"""The `health_check` extension: 503 until all pipelines run, 200 while they do, 503 again when they stop."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime

from aiohttp import web

from phoenix.engine.component import Extension, ExtensionFactory, Settings
from phoenix.engine.config.section import Section
from phoenix.engine.endpoints import HttpServer, ListenAddress, listen_address, server_settings


@dataclass(frozen=True, slots=True)
class Config:
    """Where to answer; the bodies replace the JSON where they are not empty."""

    address: ListenAddress
    path: str
    healthy: str
    unhealthy: str


def parse(section: Section) -> Config:
    """Read the extension's keys."""
    body = section.section("response_body")
    config = Config(
        listen_address(section, "endpoint", "localhost:13133"),
        section.string("path", "/"),
        body.string("healthy"),
        body.string("unhealthy"),
    )
    body.close()
    section.raw("check_collector_pipeline")  # accepted and without effect, as in the collector
    section.unsupported("tls", "cors", "http", "grpc", "component_health", "auth", "use_v2")
    server_settings(section)
    section.close()
    return config


class HealthCheck:
    """Answers for the whole collector."""

    def __init__(self, settings: Settings, config: Config) -> None:
        self._config = config
        self._ready_since: float | None = None
        self._up_since = datetime.now(UTC)
        app = web.Application()
        app.router.add_get(config.path, self._answer)
        self._server = HttpServer(settings.path, config.address, app)

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._server.port

    async def start(self) -> None:
        """Listen, not healthy yet.

        Raises:
            StartError: the port is taken.
        """
        await self._server.start()

    async def shutdown(self) -> None:
        """Stop listening."""
        await self._server.stop()

    def pipelines_ready(self, ready: bool) -> None:
        """Healthy from now on, or no longer."""
        self._ready_since = time.monotonic() if ready else None
        self._up_since = datetime.now(UTC)

    async def _answer(self, _request: web.Request) -> web.Response:
        if self._ready_since is None:
            text = self._config.unhealthy or '{"status":"Server not available"}'
            return web.Response(status=503, text=text, content_type="application/json")
        up_s = time.monotonic() - self._ready_since
        text = self._config.healthy or (
            f'{{"status":"Server available","upSince":"{self._up_since.isoformat()}","uptime":"{up_s:.3f}s"}}'
        )
        return web.Response(text=text, content_type="application/json")


def create(settings: Settings, config: Config) -> Extension:
    """Make the extension."""
    return HealthCheck(settings, config)


FACTORY = ExtensionFactory(("health_check",), parse, create)
