"""The `otlphttp` exporter: one POST of protobuf per request, with the collector's queue and retry."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from phoenix.engine.component import Exporter, ExporterFactory, Settings
from phoenix.engine.config.section import OTELCOL, Section
from phoenix.engine.config.values import Unresolved
from phoenix.engine.data import Metrics
from phoenix.engine.exporters.post import Poster
from phoenix.engine.exporters.queue import (
    QueueConfig,
    QueuedExporter,
    RetryConfig,
    SendError,
    parse_queue,
    parse_retry,
)

_COMPRESSIONS = ("zlib", "deflate", "snappy", "x-snappy-framed", "zstd", "lz4")
_RETRYABLE = frozenset({429, 502, 503, 504})
_INLINE_GZIP_BYTES = 32 << 10
_UNSUPPORTED = ("tls", "auth", "proxy_url", "middlewares", "cookies", "http2_read_idle_timeout", "http2_ping_timeout")
_IGNORED = (
    "traces_endpoint", "logs_endpoint", "profiles_endpoint", "read_buffer_size", "write_buffer_size",
    "max_idle_conns", "max_idle_conns_per_host", "max_conns_per_host", "idle_conn_timeout", "disable_keep_alives",
    "force_attempt_http2",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Config:
    """Where and how to send. `url` is complete; `timeout_s` 0 is none."""

    url: str
    timeout_s: float
    gzip: bool
    headers: dict[str, str]
    queue: QueueConfig
    retry: RetryConfig


def _url(section: Section) -> str:
    base, metrics = section.string("endpoint"), section.string("metrics_endpoint")
    key, url = ("metrics_endpoint", metrics) if metrics else ("endpoint", base)
    if not url:
        section.fault("endpoint", "at least one endpoint must be specified", "write endpoint: http://host:4318")
        return "http://127.0.0.1"
    if not isinstance(url, Unresolved):
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.netloc:
            section.fault(key, f"{url!r} is no URL", "write http://host:port")
    return url if metrics else url.removesuffix("/") + "/v1/metrics"


def parse(section: Section) -> Config:
    """Read the exporter's keys."""
    section.choice("encoding", ("proto",), "proto")
    tls = section.section("tls")
    if tls.boolean("insecure", False) and tls.keys() == ["insecure"]:
        section = _without_tls(section)
    config = Config(
        _url(section),
        section.duration_s("timeout", 30.0),
        _gzipped(section),
        section.texts_by_key("headers"),
        parse_queue(section.section("sending_queue")),
        parse_retry(section.section("retry_on_failure")),
    )
    section.section("compression_params").integer("level", -1)
    section.unsupported(*_UNSUPPORTED)
    for key in _IGNORED:
        section.raw(key)
    section.close()
    return config


def _gzipped(section: Section) -> bool:
    """Whether bodies are compressed; the collector has ways that this engine has not."""
    chosen = section.choice("compression", ("gzip", "none", "", *_COMPRESSIONS), "gzip")
    if chosen in _COMPRESSIONS:
        section.fault("compression", f"{chosen!r} is not implemented by the Embedded engine", f"use gzip, or {OTELCOL}")
    return chosen == "gzip"


def _without_tls(section: Section) -> Section:
    """`tls: {insecure: true}` says nothing that a plain http URL does not."""
    values = {key: section.raw(key) for key in section.keys() if key != "tls"}  # noqa: SIM118 (not a dict)
    return Section(values, section.path, section.findings)


class HttpSender(Poster):
    """Posts requests as they are, or compressed."""

    def __init__(self, config: Config) -> None:
        encoded = {"Content-Encoding": "gzip"} if config.gzip else {}
        super().__init__(config.url, config.timeout_s, {**config.headers, **encoded})
        self._gzip = config.gzip

    async def encode(self, metrics: Metrics) -> Sequence[bytes]:
        """The request as one body, compressed if that is asked for."""
        data = metrics.encoded()
        if self._gzip:
            data = _gzip(data) if len(data) < _INLINE_GZIP_BYTES else await asyncio.to_thread(_gzip, data)
        return (data,)

    async def send(self, body: bytes) -> None:
        """Post one request.

        Raises:
            SendError: no answer, or an answer other than 2xx.
        """
        refused = await self.post(body)
        if refused:
            raise SendError(refused.reason, retryable=refused.status in _RETRYABLE, after_s=refused.after_s)


def _gzip(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=31)
    return packer.compress(data) + packer.flush()


def create(settings: Settings, config: Config) -> Exporter:
    """Make the exporter."""
    return QueuedExporter(settings, config.queue, config.retry, HttpSender(config))


FACTORY = ExporterFactory(("otlphttp", "otlp_http"), parse, create)
