"""The `prometheus_remote_write` exporter: protocol 1.0, snappy over HTTP, with the collector's queue and retry.

Deltas cannot be told to Prometheus and are dropped, as in the collector; so are exponential histograms, which only a
real collector turns into native ones. One consumer of the queue, so that samples of a series stay in order.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from urllib.parse import urlsplit

import aiohttp
import cramjam

from phoenix.engine.component import Exporter, ExporterFactory, Settings
from phoenix.engine.config.section import OTELCOL, Section
from phoenix.engine.config.values import Unresolved
from phoenix.engine.data import Metrics
from phoenix.engine.exporters.otlphttp import BytesBody
from phoenix.engine.exporters.queue import QueueConfig, QueuedSender, RetryConfig, SendError
from phoenix.engine.exporters.remoteseries import Style, batches, series_of

_HEADERS = {
    "Content-Encoding": "snappy", "Content-Type": "application/x-protobuf", "User-Agent": "phoenix-embedded-collector",
    "X-Prometheus-Remote-Write-Version": "0.1.0",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Config:
    """Where and how to send. `timeout_s` 0 is none; `batch_bytes`: the most in one request, before compression."""

    url: str
    timeout_s: float
    headers: dict[str, str]
    style: Style
    batch_bytes: int
    queue: QueueConfig
    retry: RetryConfig


def _url(section: Section) -> str:
    url = section.string("endpoint")
    if not url:
        section.fault("endpoint", "requires a non-empty endpoint", "write endpoint: http://host:9090/api/v1/write")
    elif not isinstance(url, Unresolved):
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.netloc:
            section.fault("endpoint", f"{url!r} is no URL", "write http://host:port/api/v1/write")
    return url


def _queue(section: Section) -> QueueConfig:
    config = QueueConfig(
        section.boolean("enabled", True), section.integer("queue_size", 10_000, minimum=1), 1, False, False, False
    )
    section.integer("num_consumers", 5, minimum=0)
    section.close()
    return config


def _retry(section: Section) -> RetryConfig:
    config = RetryConfig(
        section.boolean("enabled", True),
        section.duration_s("initial_interval", 0.05),
        section.duration_s("max_interval", 0.2),
        section.duration_s("max_elapsed_time", 300.0),
        section.number("multiplier", 1.5),
        section.number("randomization_factor", 0.5),
    )
    section.close()
    return config


def _style(section: Section) -> Style:
    conversion, info = section.section("resource_to_telemetry_conversion"), section.section("target_info")
    style = Style(
        section.string("namespace"),
        section.texts_by_key("external_labels"),
        not section.boolean("disable_scope_info", False),
        info.boolean("enabled", True),
        conversion.boolean("enabled", False),
    )
    conversion.unsupported("exclude_service_attributes")
    conversion.close()
    info.close()
    return style


def parse(section: Section) -> Config:
    """Read the exporter's keys."""
    tls = section.section("tls")
    tls.boolean("insecure", False)  # says nothing that a plain http URL does not
    tls.close()
    config = Config(
        _url(section),
        section.duration_s("timeout", 5.0),
        section.texts_by_key("headers"),
        _style(section),
        section.integer("max_batch_size_bytes", 3_000_000, minimum=1),
        _queue(section.section("remote_write_queue")),
        _retry(section.section("retry_on_failure")),
    )
    if not section.boolean("add_metric_suffixes", True):
        section.fault("add_metric_suffixes", "names without suffixes are not implemented", OTELCOL)
    strategy = section.string("translation_strategy")
    if strategy not in {"", "UnderscoreEscapingWithSuffixes"}:
        section.fault("translation_strategy", f"{strategy!r} is not implemented by the Embedded engine", OTELCOL)
    message = section.string("protobuf_message", "prometheus.WriteRequest")
    if message != "prometheus.WriteRequest":
        section.fault("protobuf_message", f"{message!r} is not implemented by the Embedded engine", OTELCOL)
    section.string("compression", "snappy")
    section.raw("max_batch_request_parallelism")
    section.unsupported("send_metadata", "wal", "auth", "proxy_url", "http", "write_buffer_size")
    section.close()
    return config


class RemoteWriter:
    """Posts requests over kept connections."""

    def __init__(self, settings: Settings, config: Config) -> None:
        self._config = config
        self._log = settings.log
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Open the session; no connection is made yet."""
        timeout = aiohttp.ClientTimeout(total=self._config.timeout_s or None)
        self._session = aiohttp.ClientSession(timeout=timeout, headers={**_HEADERS, **self._config.headers})

    async def close(self) -> None:
        """Close all connections; safe twice."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def send(self, metrics: Metrics) -> None:
        """Post the series of one request, in as many parts as their size asks for.

        Raises:
            SendError: no answer, or an answer other than 2xx.
        """
        series, dropped = series_of(metrics.message(), self._config.style)
        if dropped:
            self._log.error("points Prometheus cannot take are left out points=%d first=%s", len(dropped), dropped[0])
        for body in batches(series, self._config.batch_bytes):
            await self._post(bytes(cramjam.snappy.compress_raw(body)))

    async def _post(self, body: bytes) -> None:
        assert self._session is not None, "send before start"
        url = self._config.url
        try:
            async with self._session.post(
                url, data=BytesBody(body, "application/x-protobuf"), skip_auto_headers=("Content-Encoding",)
            ) as answer:
                text = await answer.read()
                if 200 <= answer.status < 300:
                    return
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise SendError(f"{url}: {str(error) or type(error).__name__}", retryable=True) from error
        retryable = answer.status >= 500 or answer.status == 429
        raise SendError(f"{url} answered {answer.status}: {text[:200]!r}", retryable=retryable)


class RemoteWriteExporter:
    """Queue, retry and sender in one lifecycle."""

    mutates = False

    def __init__(self, settings: Settings, config: Config) -> None:
        self._sender = RemoteWriter(settings, config)
        self._queued = QueuedSender(settings, config.queue, config.retry, self._sender, chance=random.Random())

    async def start(self) -> None:
        """Open the session and start the queue's consumer."""
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
    return RemoteWriteExporter(settings, config)


FACTORY = ExporterFactory(("prometheus_remote_write", "prometheusremotewrite"), parse, create)
