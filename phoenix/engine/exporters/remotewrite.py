"""The `prometheus_remote_write` exporter: protocol 1.0, snappy over HTTP, with the collector's queue and retry.

Deltas cannot be told to Prometheus and are dropped, as in the collector; so are exponential histograms, which only a
real collector turns into native ones. One consumer of the queue, so that samples of a series stay in order.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import cramjam

from phoenix.engine.component import Exporter, ExporterFactory, Settings
from phoenix.engine.config.section import OTELCOL, Section
from phoenix.engine.config.values import Unresolved
from phoenix.engine.data import Metrics
from phoenix.engine.exporters.post import Poster
from phoenix.engine.exporters.queue import QueueConfig, QueuedExporter, RetryConfig, SendError, parse_retry
from phoenix.engine.exporters.remoteseries import Style, batches, series_of

_INLINE_POINTS = 100
"""Points whose series are made on the event loop, in about a millisecond; more are made in the pipeline's thread."""
_HEADERS = {
    "Content-Encoding": "snappy", "Content-Type": "application/x-protobuf",
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
        parse_retry(section.section("retry_on_failure"), initial_s=0.05),
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
    for without_effect in ("max_batch_request_parallelism", "max_idle_conns", "idle_conn_timeout"):
        section.raw(without_effect)
    section.unsupported(
        "send_metadata", "wal", "auth", "proxy_url", "http", "write_buffer_size", "convert_explicit_histograms_to_nhcb",
        "keep_classic_histograms", "include_metadata_keys",
    )  # fmt: skip
    section.close()
    return config


class RemoteWriter(Poster):
    """Posts the series of requests."""

    def __init__(self, settings: Settings, config: Config) -> None:
        super().__init__(config.url, config.timeout_s, {**_HEADERS, **config.headers})
        self._config = config
        self._log = settings.log
        self._workers = settings.workers

    async def encode(self, metrics: Metrics) -> Sequence[bytes]:
        """The series of one request, in as many parts as their size asks for.

        Raises:
            BadData: the request does not decode.
        """
        if metrics.points <= _INLINE_POINTS:
            bodies, dropped = self._bodies(metrics)
        else:
            bodies, dropped = await asyncio.get_running_loop().run_in_executor(self._workers, self._bodies, metrics)
        if dropped:
            self._log.error("metrics Prometheus cannot take are left out metrics=%d first=%s", len(dropped), dropped[0])
        return bodies

    def _bodies(self, metrics: Metrics) -> tuple[list[bytes], list[str]]:
        series, dropped = series_of(metrics.message(), self._config.style)
        parts = batches(series, self._config.batch_bytes)
        return [bytes(cramjam.snappy.compress_raw(part)) for part in parts], dropped

    async def send(self, body: bytes) -> None:
        """Post one part.

        Raises:
            SendError: no answer, or an answer other than 2xx.
        """
        refused = await self.post(body)
        if refused:
            retryable = refused.status >= 500 or refused.status == 429
            raise SendError(refused.reason, retryable=retryable, after_s=refused.after_s)


def create(settings: Settings, config: Config) -> Exporter:
    """Make the exporter."""
    return QueuedExporter(settings, config.queue, config.retry, RemoteWriter(settings, config))


FACTORY = ExporterFactory(("prometheus_remote_write", "prometheusremotewrite"), parse, create)
