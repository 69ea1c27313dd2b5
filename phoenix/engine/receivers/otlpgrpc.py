"""OTLP/gRPC for the `otlp` receiver: MetricsService/Export, plain or gzip, with the collector's status codes.

Requests stay bytes: what is handed on is what came. Reading from the network and decompressing is done by gRPC's own
threads; the event loop sees whole messages.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from phoenix.engine import grpcextra
from phoenix.engine.config.section import OTELCOL, Section
from phoenix.engine.endpoints import ListenAddress, cannot_listen, listen_address
from phoenix.engine.errors import BadData, ConsumeError, StartError
from phoenix.engine.receivers.intake import Intake, Unreadable

_DEFAULT_MIB = 4
_GRACE_S = 1.0
_SERVER_PARAMETERS = {
    "max_connection_idle": "grpc.max_connection_idle_ms",
    "max_connection_age": "grpc.max_connection_age_ms",
    "max_connection_age_grace": "grpc.max_connection_age_grace_ms",
    "time": "grpc.keepalive_time_ms",
    "timeout": "grpc.keepalive_timeout_ms",
}


@dataclass(frozen=True, slots=True)
class ServerTls:
    """Paths of PEM files; `client_ca` empty: clients need no certificate."""

    certificate: str
    key: str
    client_ca: str


@dataclass(frozen=True, slots=True)
class GrpcConfig:
    """Where to listen, how large a message may be, and gRPC's own options."""

    address: ListenAddress
    max_message_bytes: int
    options: tuple[tuple[str, Any], ...]
    tls: ServerTls | None


def parse(section: Section) -> GrpcConfig:
    """Read `protocols.grpc`."""
    grpcextra.required(section)
    options: list[tuple[str, Any]] = []
    keepalive = section.section("keepalive")
    parameters, policy = keepalive.section("server_parameters"), keepalive.section("enforcement_policy")
    for key, option in _SERVER_PARAMETERS.items():
        options += grpcextra.milliseconds(parameters, key, option)
    options += grpcextra.milliseconds(policy, "min_time", "grpc.http2.min_ping_interval_without_data_ms")
    if policy.boolean("permit_without_stream", False):
        options.append(("grpc.keepalive_permit_without_calls", 1))
    for part in (parameters, policy, keepalive):
        part.close()
    if streams := section.integer("max_concurrent_streams", 0, minimum=0):
        options.append(("grpc.max_concurrent_streams", streams))
    if section.string("transport", "tcp") not in {"", "tcp", "tcp4", "tcp6"}:
        section.fault("transport", "the Embedded engine listens on tcp only", f"remove it, or {OTELCOL}")
    config = GrpcConfig(
        listen_address(section, "endpoint", "localhost:4317"),
        (section.integer("max_recv_msg_size_mib", _DEFAULT_MIB, minimum=0) or _DEFAULT_MIB) << 20,
        tuple(options),
        _tls(section.section("tls")) if section.raw("tls") is not None else None,
    )
    section.unsupported("auth", "middlewares")
    for ignored in ("read_buffer_size", "write_buffer_size", "include_metadata", "enabled"):
        section.raw(ignored)
    section.close()
    return config


def _tls(section: Section) -> ServerTls:
    tls = ServerTls(section.string("cert_file"), section.string("key_file"), section.string("client_ca_file"))
    if not (tls.certificate and tls.key):
        section.fault("", "a server needs its certificate and key", "write cert_file and key_file, paths of PEM files")
    section.unsupported(
        "ca_file", "ca_pem", "cert_pem", "key_pem", "min_version", "max_version", "cipher_suites", "reload_interval",
        "client_ca_file_reload", "include_system_ca_certs_pool", "curve_preferences", "tpm",
    )  # fmt: skip
    section.close()
    return tls


class GrpcServer:
    """Answers OK once the pipeline took the data.

    Else UNAVAILABLE where the same may be taken later, INTERNAL or INVALID_ARGUMENT where not, RESOURCE_EXHAUSTED for a
    message larger than allowed. `start` and `stop` are safe twice.
    """

    def __init__(self, component: str, config: GrpcConfig, intake: Intake) -> None:
        self._component, self._config, self._intake = component, config, intake
        self._server: Any = None
        self._codes: Any = None
        self.port = config.address.port
        """the port listened on, once started"""

    async def start(self) -> None:
        """Listen.

        Raises:
            StartError: the address cannot be had, or a TLS file cannot be read.
        """
        grpc = grpcextra.load()
        self._codes = grpc.StatusCode
        options = [
            # NB: on by default, and a second collector would then quietly share the port.
            ("grpc.so_reuseport", 0),
            ("grpc.max_receive_message_length", self._config.max_message_bytes),
            *self._config.options,
        ]
        self._server = grpc.aio.server(options=options)
        method = grpc.unary_unary_rpc_method_handler(self._export)
        self._server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(grpcextra.SERVICE, {"Export": method}),)
        )
        try:
            self.port = self._bind(grpc)
            await self._server.start()
        except BaseException:
            await self.stop()
            raise

    def _bind(self, grpc: Any) -> int:
        address = self._config.address
        text = str(address) if address.host else f"[::]:{address.port}"
        try:
            if self._config.tls is None:
                return int(self._server.add_insecure_port(text))
            return int(self._server.add_secure_port(text, _credentials(grpc, self._config.tls)))
        except OSError as error:  # before RuntimeError: of a file
            raise StartError(self._component, f"tls: {error.filename}: {error.strerror}") from error
        except RuntimeError as error:
            raise StartError(self._component, _why_not(address)) from error

    async def stop(self) -> None:
        """Stop listening; calls under way are answered first."""
        server, self._server = self._server, None
        if server is not None:
            await server.stop(_GRACE_S)

    async def _export(self, body: bytes, context: Any) -> bytes:
        try:
            await self._intake.hand_on(await self._intake.read(body))
        except Unreadable as error:
            await context.abort(self._codes.INTERNAL, f"grpc: error unmarshalling request: {error}")
        except BadData as error:
            await context.abort(self._codes.INVALID_ARGUMENT, str(error))
        except ConsumeError as error:
            code = self._codes.UNAVAILABLE if error.retryable else self._codes.INTERNAL
            await context.abort(code, str(error))
        return b""  # an empty ExportMetricsServiceResponse


def _credentials(grpc: Any, tls: ServerTls) -> Any:
    """Raises OSError."""
    pair = Path(tls.key).read_bytes(), Path(tls.certificate).read_bytes()
    client_ca = Path(tls.client_ca).read_bytes() if tls.client_ca else None
    return grpc.ssl_server_credentials([pair], client_ca, require_client_auth=client_ca is not None)


def _why_not(address: ListenAddress) -> str:
    """Why an address cannot be listened on, which gRPC does not tell."""
    try:
        with socket.create_server((address.host or "0.0.0.0", address.port)):
            return f"cannot listen on {address}: gRPC refused it; check tls and the address"
    except OSError as error:
        return cannot_listen(address, error)
