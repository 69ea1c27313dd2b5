"""The `otlp` receiver: OTLP/HTTP with protobuf or JSON bodies, plain or gzip, at /v1/metrics, and OTLP/gRPC beside."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial

from aiohttp import web

from phoenix.engine.component import Component, Consumer, ReceiverFactory, Settings
from phoenix.engine.config.section import Section
from phoenix.engine.data import Metrics
from phoenix.engine.endpoints import HttpServer, ListenAddress, listen_address, server_settings
from phoenix.engine.errors import BadData, ConsumeError
from phoenix.engine.receivers import otlpgrpc
from phoenix.engine.receivers.inflate import ENCODINGS, inflate
from phoenix.engine.receivers.intake import INLINE_BYTES, Intake
from phoenix.engine.receivers.otlpgrpc import GrpcConfig, GrpcServer
from phoenix.engine.receivers.otlpjson import JSON, from_json
from phoenix.otlp.encode import delimited, varint

_PROTOBUF = "application/x-protobuf"
_INVALID_ARGUMENT, _UNAVAILABLE, _INTERNAL = 3, 14, 13


@dataclass(frozen=True, slots=True)
class Config:
    """Where and how much to receive over HTTP; over gRPC (None: not)."""

    address: ListenAddress
    path: str
    max_body_bytes: int
    http: bool = True
    grpc: GrpcConfig | None = None


def parse(section: Section) -> Config:
    """Read `protocols`: naming one is enabling it."""
    protocols = section.section("protocols")
    by_http, by_grpc = [
        protocols.has(name) and protocols.section(name).boolean("enabled", True) for name in ("http", "grpc")
    ]
    if not by_http and not by_grpc:
        section.fault(
            "", "must specify at least one protocol when using the OTLP receiver", "write protocols: {http: {}}"
        )
    http = protocols.section("http")
    grpc = otlpgrpc.parse(protocols.section("grpc")) if by_grpc else None
    config = Config(
        listen_address(http, "endpoint", "localhost:4318"),
        http.string("metrics_url_path", "/v1/metrics"),
        http.integer("max_request_body_size", 20 << 20, minimum=0) or (20 << 20),
        by_http,
        grpc,
    )
    if not config.path.startswith("/"):
        http.fault("metrics_url_path", "must begin with /", "write /v1/metrics")
    for ignored in ("enabled", "traces_url_path", "logs_url_path", "include_metadata", "compression_algorithms"):
        http.raw(ignored)
    http.unsupported("tls", "cors", "auth", "middlewares", "response_headers")
    server_settings(http)
    http.close()
    protocols.close()
    section.close()
    return config


def status_body(code: int, message: str) -> bytes:
    """An encoded google.rpc.Status, the body OTLP/HTTP wants with an error."""
    return b"\x08" + varint(code) + delimited(2, message.encode())


def _refusal(http_status: int, code: int, message: str, *, as_json: bool = False) -> web.Response:
    if as_json:
        return web.json_response({"code": code, "message": message}, status=http_status)
    return web.Response(status=http_status, body=status_body(code, message), content_type=_PROTOBUF)


class OtlpReceiver:
    """Answers 200 once the pipeline took the data, 400 for what it cannot read, 503 or 500 where it was refused."""

    def __init__(self, settings: Settings, config: Config, next_consumer: Consumer) -> None:
        self._workers = settings.workers
        self._max_body_bytes = config.max_body_bytes
        self._servers: list[HttpServer | GrpcServer] = []
        if config.http:
            self._intake = Intake(settings, next_consumer, "http")
            app = web.Application(client_max_size=config.max_body_bytes)
            app.router.add_route("*", config.path, self._export)
            self._servers.append(HttpServer(settings.path, config.address, app))
        if config.grpc is not None:
            self._servers.append(GrpcServer(settings.path, config.grpc, Intake(settings, next_consumer, "grpc")))

    @property
    def port(self) -> int:
        """The port it listens on: of HTTP, where it has both."""
        return self._servers[0].port

    @property
    def grpc_port(self) -> int:
        """The port of gRPC, if it is enabled."""
        return self._servers[-1].port

    async def start(self) -> None:
        """Listen.

        Raises:
            StartError: a port is taken.
        """
        for server in self._servers:
            await server.start()

    async def shutdown(self) -> None:
        """Stop listening; requests under way are answered first."""
        await asyncio.gather(*[server.stop() for server in self._servers])

    async def _export(self, request: web.Request) -> web.Response:
        if request.method != "POST":
            return web.Response(status=405, text="405 method not allowed, supported: [POST]", headers={"Allow": "POST"})
        as_json = request.content_type == JSON
        refusal = partial(_refusal, as_json=as_json)
        if not as_json and request.content_type != _PROTOBUF:
            return web.Response(
                status=415, text=f"415 unsupported media type, supported by the Embedded engine: [{JSON}, {_PROTOBUF}]"
            )
        encoding = request.headers.get("Content-Encoding", "").lower()
        if encoding not in {"", "identity", *ENCODINGS}:
            return refusal(400, _INVALID_ARGUMENT, f"unsupported Content-Encoding: {encoding}")
        try:
            body = await self._body(request, encoding)
            if as_json:
                body = await asyncio.get_running_loop().run_in_executor(self._workers, from_json, body)
            metrics = await self._intake.read(body)
        except web.HTTPRequestEntityTooLarge:
            return refusal(400, _INVALID_ARGUMENT, f"request body too large: the limit is {self._max_body_bytes} bytes")
        except web.RequestPayloadError as error:
            return refusal(400, _INVALID_ARGUMENT, f"the body cannot be read: {error}")
        except BadData as error:
            return refusal(400, _INVALID_ARGUMENT, str(error))
        return await self._hand_on(metrics, as_json)

    async def _body(self, request: web.Request, encoding: str) -> bytes:
        data = await request.read()
        if encoding not in ENCODINGS:
            return data
        if len(data) < INLINE_BYTES:
            return inflate(data, encoding, self._max_body_bytes)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._workers, inflate, data, encoding, self._max_body_bytes)

    async def _hand_on(self, metrics: Metrics, as_json: bool) -> web.Response:
        try:
            await self._intake.hand_on(metrics)
        except BadData as error:
            return _refusal(400, _INVALID_ARGUMENT, str(error), as_json=as_json)
        except ConsumeError as error:
            if error.retryable:
                return _refusal(503, _UNAVAILABLE, str(error), as_json=as_json)
            return _refusal(500, _INTERNAL, str(error), as_json=as_json)
        if as_json:
            return web.json_response({})
        return web.Response(body=b"", content_type=_PROTOBUF)  # an empty ExportMetricsServiceResponse


def create(settings: Settings, config: Config, next_consumer: Consumer) -> Component:
    """Make the receiver."""
    return OtlpReceiver(settings, config, next_consumer)


FACTORY = ReceiverFactory(("otlp",), parse, create)
