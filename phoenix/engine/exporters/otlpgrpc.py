"""The `otlp` exporter: OTLP/gRPC, with the collector's queue and retry.

What may be sent again is decided by the status as the OTLP specification has it; a receiver that says how long it wants
to be left alone (RetryInfo) is. One connection, over which the requests of all consumers of the queue go.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import re
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse

from phoenix.engine import grpcextra
from phoenix.engine.component import Exporter, ExporterFactory, Settings
from phoenix.engine.config.section import OTELCOL, Section
from phoenix.engine.config.values import Unresolved
from phoenix.engine.data import Metrics
from phoenix.engine.errors import StartError
from phoenix.engine.exporters.queue import (
    QueueConfig,
    QueuedExporter,
    RetryConfig,
    SendError,
    parse_queue,
    parse_retry,
)

_RETRYABLE = frozenset({"CANCELLED", "DEADLINE_EXCEEDED", "ABORTED", "OUT_OF_RANGE", "UNAVAILABLE", "DATA_LOSS"})
_ONLY_WHEN_TOLD = "RESOURCE_EXHAUSTED"
_DETAILS = "grpc-status-details-bin"
_SCHEME = re.compile(r"^(https?)://")
_HEADER = re.compile(r"[0-9a-z_.-]+")
_INLINE_BYTES = 32 << 10
"""Requests from this size on are compressed in a thread."""


@dataclass(frozen=True, slots=True)
class ClientTls:
    """Paths of PEM files, empty: none; without `ca` the system's authorities are trusted."""

    ca: str
    certificate: str
    key: str
    server_name: str


@dataclass(frozen=True, slots=True)
class Config:
    """Where and how to send. `target` without scheme; `tls` None: in clear; `timeout_s` 0 is none."""

    target: str
    tls: ClientTls | None
    timeout_s: float
    gzip: bool
    headers: tuple[tuple[str, str], ...]
    wait_for_ready: bool
    options: tuple[tuple[str, Any], ...]
    queue: QueueConfig
    retry: RetryConfig


def parse(section: Section) -> Config:
    """Read the exporter's keys."""
    grpcextra.required(section)
    endpoint = section.string("endpoint")
    target = _target(section, endpoint)
    compression = section.choice("compression", ("gzip", "none", "", "snappy", "zstd"), "gzip")
    if compression in {"snappy", "zstd"}:
        section.fault(
            "compression", f"{compression!r} is not implemented by the Embedded engine", f"use gzip, or {OTELCOL}"
        )
    headers = {name.lower(): value for name, value in section.texts_by_key("headers").items()}
    for name in headers:
        if not _HEADER.fullmatch(name):
            section.fault(f"headers.{name}", "is no name of gRPC metadata", "use letters, digits and _ . -")
    config = Config(
        target,
        _tls(section.section("tls"), endpoint),
        section.duration_s("timeout", 5.0),
        compression == "gzip",
        tuple(headers.items()),
        section.boolean("wait_for_ready", False),
        tuple(_options(section)),
        parse_queue(section.section("sending_queue")),
        parse_retry(section.section("retry_on_failure")),
    )
    section.unsupported("auth", "middlewares", "batcher")
    for ignored in ("read_buffer_size", "write_buffer_size"):
        section.raw(ignored)
    section.close()
    return config


def _target(section: Section, endpoint: str) -> str:
    target = _SCHEME.sub("", endpoint).removesuffix("/")
    if not target:
        section.fault("endpoint", 'requires a non-empty "endpoint"', "write endpoint: host:4317")
    elif not isinstance(endpoint, Unresolved) and not target.startswith(("unix:", "dns:", "passthrough:")):
        host, _, port = target.rpartition(":")
        if not port.isdigit() or int(port) > 65535 or not host:
            section.fault("endpoint", f'invalid port "{port}"', "write host:port, such as 127.0.0.1:4317")
    return target.removeprefix("passthrough:///")


def _options(section: Section) -> list[tuple[str, Any]]:
    keepalive = section.section("keepalive")
    options = [
        *grpcextra.milliseconds(keepalive, "time", "grpc.keepalive_time_ms"),
        *grpcextra.milliseconds(keepalive, "timeout", "grpc.keepalive_timeout_ms"),
    ]
    if keepalive.boolean("permit_without_stream", False):
        options.append(("grpc.keepalive_permit_without_calls", 1))
    keepalive.close()
    options.append(
        ("grpc.lb_policy_name", section.choice("balancer_name", ("round_robin", "pick_first"), "round_robin"))
    )
    if authority := section.string("authority"):
        options.append(("grpc.default_authority", authority))
    return options


def _tls(section: Section, endpoint: str) -> ClientTls | None:
    """In clear by `insecure: true` or an http:// endpoint; a scheme wins, as in the collector."""
    insecure = section.boolean("insecure", False)
    scheme = _SCHEME.match(endpoint)
    if scheme:
        insecure = scheme[1] == "http"
    tls = ClientTls(
        section.string("ca_file"), section.string("cert_file"), section.string("key_file"),
        section.string("server_name_override"),
    )  # fmt: skip
    if bool(tls.certificate) != bool(tls.key):
        section.fault("", "a client's certificate needs its key, and a key its certificate", "write both or neither")
    if section.boolean("insecure_skip_verify", False):
        section.fault(
            "insecure_skip_verify", "the Embedded engine always verifies a server", f"write ca_file, or {OTELCOL}"
        )
    section.unsupported(
        "ca_pem", "cert_pem", "key_pem", "min_version", "max_version", "cipher_suites", "reload_interval",
        "include_system_ca_certs_pool", "curve_preferences", "tpm",
    )  # fmt: skip
    section.close()
    return None if insecure else tls


class GrpcSender:
    """Sends over one channel, which connects and reconnects by itself.

    NB: gRPC's synchronous channel, not `grpc.aio`: that compresses on the event loop (15 ms for 20,000 points). A call
    is begun in a thread where it is large, and ends in a thread of gRPC's; no thread waits for an answer.
    """

    def __init__(self, settings: Settings, config: Config) -> None:
        self._path, self._log, self._config = settings.path, settings.log, config
        self._channel: Any = None
        self._call: Any = None

    async def start(self) -> None:
        """Open the channel; nothing is connected yet.

        Raises:
            StartError: a TLS file cannot be read.
        """
        grpc = grpcextra.load()
        config = self._config
        options = [("grpc.primary_user_agent", "phoenix-embedded-collector"), *config.options]
        compression = grpc.Compression.Gzip if config.gzip else grpc.Compression.NoCompression
        if config.tls is None:
            self._channel = grpc.insecure_channel(config.target, options, compression)
        else:
            if config.tls.server_name:
                options.append(("grpc.ssl_target_name_override", config.tls.server_name))
            try:
                credentials = _credentials(grpc, config.tls)
            except OSError as error:
                raise StartError(self._path, f"tls: {error.filename}: {error.strerror}") from error
            self._channel = grpc.secure_channel(config.target, credentials, options, compression)
        # Without serializers: what is sent and answered stays bytes.
        self._call = self._channel.unary_unary(grpcextra.METHOD)

    async def close(self) -> None:
        """Close the channel and end calls under way. Safe twice."""
        channel, self._channel = self._channel, None
        if channel is not None:
            await asyncio.to_thread(channel.close)

    async def encode(self, metrics: Metrics) -> Sequence[bytes]:
        """The request as it is; gRPC compresses."""
        return (metrics.encoded(),)

    async def send(self, body: bytes) -> None:
        """Make one call.

        Raises:
            SendError: a status other than OK.

        Cancellation: the call is ended; whether it was taken is not known.
        """
        begin = functools.partial(
            self._call.future, body, timeout=self._config.timeout_s or None, metadata=self._config.headers or None,
            wait_for_ready=self._config.wait_for_ready,
        )  # fmt: skip
        call = begin() if len(body) < _INLINE_BYTES else await _begun(begin)
        await _end(call)
        if call.code().name != "OK":
            raise _refused(self._config.target, call)
        if answer := call.result():
            self._tell(_read(self._config.target, answer))

    def _tell(self, answer: ExportMetricsServiceResponse) -> None:
        partial = answer.partial_success
        if partial.rejected_data_points or partial.error_message:
            self._log.warning(
                "partial success points_rejected=%d said=%r", partial.rejected_data_points, partial.error_message
            )


def _read(target: str, answer: bytes) -> ExportMetricsServiceResponse:
    response = ExportMetricsServiceResponse()
    try:
        response.ParseFromString(answer)
    except DecodeError as error:  # as gRPC in Go has it: whether the points were taken is not known
        msg = f"{target}: INTERNAL: the answer is no ExportMetricsServiceResponse; is it an OTLP receiver?"
        raise SendError(msg, retryable=False) from error
    return response


async def _begun(begin: Callable[[], Any]) -> Any:
    """The call, begun in a thread as compressing takes long; one that nobody waits for any more is ended."""
    beginning = asyncio.get_running_loop().run_in_executor(None, begin)
    try:
        return await asyncio.shield(beginning)
    except asyncio.CancelledError:
        beginning.add_done_callback(lambda begun: begun.cancelled() or begun.exception() or begun.result().cancel())
        raise


async def _end(call: Any) -> None:
    """Wait until a call has ended, however."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()

    def tell(_call: Any) -> None:  # in a thread of gRPC's
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(ended.set)

    call.add_done_callback(tell)
    try:
        await ended.wait()
    finally:
        call.cancel()  # nothing, where it has ended


def _credentials(grpc: Any, tls: ClientTls) -> Any:
    """Raises OSError."""
    # gRPC brings authorities of its own; the collector trusts the system's, and so do we.
    ca = tls.ca or ssl.get_default_verify_paths().cafile
    return grpc.ssl_channel_credentials(
        Path(ca).read_bytes() if ca else None,
        Path(tls.key).read_bytes() if tls.key else None,
        Path(tls.certificate).read_bytes() if tls.certificate else None,
    )


def _refused(target: str, call: Any) -> SendError:
    code = call.code().name
    after_s = _retry_after_s(call.trailing_metadata() or ())
    retryable = code in _RETRYABLE or (code == _ONLY_WHEN_TOLD and after_s is not None)
    return SendError(f"{target}: {code}: {call.details()}", retryable=retryable, after_s=after_s or 0.0)


def _retry_after_s(metadata: Any) -> float | None:
    """Seconds of a RetryInfo among a status's details; None where there is none, or none that can be read."""
    from google.rpc.error_details_pb2 import RetryInfo  # of the extra
    from google.rpc.status_pb2 import Status

    for key, value in metadata:
        if key == _DETAILS:
            with contextlib.suppress(DecodeError, OverflowError):  # beyond a timedelta
                for detail in Status.FromString(value).details:
                    info = RetryInfo()
                    if detail.Unpack(info):
                        return float(info.retry_delay.ToTimedelta().total_seconds())
    return None


def create(settings: Settings, config: Config) -> Exporter:
    """Make the exporter."""
    return QueuedExporter(settings, config.queue, config.retry, GrpcSender(settings, config))


FACTORY = ExporterFactory(("otlp_grpc", "otlp"), parse, create)
