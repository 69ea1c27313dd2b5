"""The `otlphttp` exporter: one POST of protobuf per request, with the collector's queue and retry."""

from __future__ import annotations

import asyncio
import email.utils
import random
import time
import zlib
from dataclasses import dataclass
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractStreamWriter
from aiohttp.payload import Payload

from phoenix.engine.component import Exporter, ExporterFactory, Settings
from phoenix.engine.config.section import Section
from phoenix.engine.config.values import Unresolved
from phoenix.engine.data import Metrics
from phoenix.engine.exporters.queue import (
    QueueConfig,
    QueuedSender,
    RetryConfig,
    SendError,
    parse_queue,
    parse_retry,
)

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
        section.choice("compression", ("gzip", "none", ""), "gzip") == "gzip",
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


def _without_tls(section: Section) -> Section:
    """`tls: {insecure: true}` says nothing that a plain http URL does not."""
    values = {key: section.raw(key) for key in section.keys() if key != "tls"}  # noqa: SIM118 (not a dict)
    return Section(values, section.path, section.findings)


class BytesBody(Payload):
    """A body sent as it is in one write. aiohttp's own warns beyond 1 MiB; ours are meant to be large."""

    def __init__(self, data: bytes, content_type: str) -> None:
        super().__init__(data, content_type=content_type)
        self._size = len(data)

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """The body as text, as the base class wants it."""
        return str(self._value, encoding, errors)

    async def write(self, writer: AbstractStreamWriter) -> None:
        """Write it all."""
        await writer.write(self._value)


class HttpSender:
    """Posts requests over kept connections."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Open the session; no connection is made yet."""
        timeout = aiohttp.ClientTimeout(total=self._config.timeout_s or None)
        headers = {"User-Agent": "phoenix-embedded-collector", **self._config.headers}
        if self._config.gzip:
            headers["Content-Encoding"] = "gzip"
        self._session = aiohttp.ClientSession(timeout=timeout, headers=headers, auto_decompress=True)

    async def close(self) -> None:
        """Close all connections; safe twice."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def send(self, metrics: Metrics) -> None:
        """Post one request.

        Raises:
            SendError: no answer, or an answer other than 2xx.
        """
        assert self._session is not None, "send before start"
        data = metrics.encoded()
        if self._config.gzip:
            data = _gzip(data) if len(data) < _INLINE_GZIP_BYTES else await asyncio.to_thread(_gzip, data)
        body = BytesBody(data, "application/x-protobuf")
        try:
            async with self._session.post(
                self._config.url, data=body, skip_auto_headers=("Content-Encoding",)
            ) as answer:
                text = await answer.read()
                if 200 <= answer.status < 300:
                    return
                after_s = _retry_after_s(answer.headers.get("Retry-After"))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise SendError(f"{self._config.url}: {str(error) or type(error).__name__}", retryable=True) from error
        reason = f"{self._config.url} answered {answer.status}: {text[:200]!r}"
        raise SendError(reason, retryable=answer.status in _RETRYABLE, after_s=after_s)


def _gzip(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=31)
    return packer.compress(data) + packer.flush()


def _retry_after_s(text: str | None) -> float:
    """Seconds asked for by a Retry-After header: a number or an HTTP date."""
    if not text:
        return 0.0
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    except ValueError:
        return 0.0


class OtlpHttpExporter:
    """Queue, retry and sender in one lifecycle."""

    mutates = False

    def __init__(self, settings: Settings, config: Config) -> None:
        self._sender = HttpSender(config)
        self._queued = QueuedSender(settings, config.queue, config.retry, self._sender, chance=random.Random())

    async def start(self) -> None:
        """Open the session and start the queue's consumers."""
        await self._sender.start()
        await self._queued.start()

    async def consume(self, metrics: Metrics) -> None:
        """Queue or send."""
        await self._queued.consume(metrics)

    async def shutdown(self) -> None:
        """Send what is queued, then close."""
        try:
            await self._queued.shutdown()
        finally:
            await self._sender.close()


def create(settings: Settings, config: Config) -> Exporter:
    """Make the exporter."""
    return OtlpHttpExporter(settings, config)


FACTORY = ExporterFactory(("otlphttp", "otlp_http"), parse, create)
