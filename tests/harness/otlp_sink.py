"""An OTLP/HTTP receiver that keeps what it got and can be told to misbehave."""

from __future__ import annotations

import asyncio
import time
from typing import Self

from aiohttp import web
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse


class OtlpSink:
    """Listens on a free loopback port while entered."""

    def __init__(self) -> None:
        self.payloads: list[bytes] = []
        self.arrived_s: list[float] = []
        self.connections: set[object] = set()
        self.status = 200
        self.rejected_points = 0
        self.flow = asyncio.Event()
        """clear it and requests are taken but not answered"""
        self.flow.set()
        self.endpoint = ""
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=1 << 30)
        app.router.add_post("/v1/metrics", self._take)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.endpoint = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self.flow.set()
        if self._runner is not None:
            await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        assert request.headers["Content-Type"] == "application/x-protobuf"
        assert "Content-Encoding" not in request.headers
        assert int(request.headers["Content-Length"]) > 0
        self.arrived_s.append(time.monotonic())
        self.connections.add(request.transport)
        self.payloads.append(await request.read())
        await self.flow.wait()
        if self.status != 200:
            return web.Response(status=self.status, text="told to fail")
        answer = ExportMetricsServiceResponse()
        if self.rejected_points:
            answer.partial_success.rejected_data_points = self.rejected_points
            answer.partial_success.error_message = "told to reject"
        return web.Response(body=answer.SerializeToString(), content_type="application/x-protobuf")
