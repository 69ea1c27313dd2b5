"""The collector that feeds the variants of an experiment with live data: one source, the same bytes to every target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from phoenix.apimachinery.units import parse_duration
from phoenix.pipelines import inject
from phoenix.pipelines.hashing import config_hash
from phoenix.pipelines.render import Rendered

_TIMEOUT_RATIO = 0.8
"""Of the interval: a scrape that is done later could come after its window was closed."""


@dataclass(frozen=True, slots=True)
class TeeReport:
    """Where a tee reports what it sent: the experiment's samples. `window` is a duration such as `2s`."""

    namespace: str
    experiment: str
    run: int
    window: str
    host: str


def hostmetrics_tee(
    *,
    scrapers: Sequence[str],
    interval: str,
    targets: Mapping[str, str],
    report: TeeReport,
    emitter_pid: int | None = None,
) -> Rendered:
    """A tee of the host's own metrics.

    Args:
        scrapers: hostmetrics scrapers: cpu, memory, process.
        interval: time between scrapes, a duration; the agent's clock decides the ticks.
        targets: variant name to base URL, or to `${phoenix:endpoint:VARIANT}`; the order is kept.
        emitter_pid: a load generator on that host; of all processes only those that it runs as its load are read.
    """
    # A process that ends between being listed and being read is no fault of the host's.
    settings: dict[str, dict[str, Any]] = {"process": {"mute_process_all_errors": True}}
    if emitter_pid is not None:
        settings["process"]["phoenix_emitter_pid"] = emitter_pid
    receiver = {
        "collection_interval": interval,
        "initial_delay": "0s",
        "scrapers": {scraper: settings.get(scraper, {}) for scraper in scrapers},
    }
    return _tee("hostmetrics", receiver, interval, targets, report)


def otlp_tee(
    *, port: int | None, interval: str, targets: Mapping[str, str], report: TeeReport, grpc_port: int | None = None
) -> Rendered:
    """A tee of what real senders send to an OTLP/HTTP address, and to one of OTLP/gRPC where `grpc_port` is given.

    `port` None: one the agent allocates, named `otlp`.
    """
    endpoint = inject.listen_address("otlp") if port is None else f"{inject.ADDRESS}:{port}"
    receiver = inject.otlp_receiver(endpoint)
    if grpc_port is not None:
        receiver["protocols"]["grpc"] = {"endpoint": f"{inject.ADDRESS}:{grpc_port}"}
    return _tee("otlp", receiver, interval, targets, report)


def prometheus_tee(
    *, scraped: Sequence[str], path: str, scheme: str, interval: str, targets: Mapping[str, str], report: TeeReport
) -> Rendered:
    """A tee of what Prometheus targets expose: each scraped once a tick, whoever gets it.

    Args:
        scraped: HOST:PORT of each.
        path: where its metrics are.
        scheme: http or https.
    """
    interval_ms = round(parse_duration(interval) * 1000)
    job = {
        "job_name": "phoenix",
        "scrape_interval": f"{interval_ms}ms",
        "scrape_timeout": f"{max(1, round(interval_ms * _TIMEOUT_RATIO))}ms",
        "metrics_path": path,
        "scheme": scheme,
        # Points belong to the tick at which they were read, or the windows would not hold whole scrapes.
        "honor_timestamps": False,
        "static_configs": [{"targets": list(scraped)}],
    }
    return _tee("prometheus", {"config": {"scrape_configs": [job]}}, interval, targets, report, scrapes=True)


def _tee(
    name: str,
    receiver: dict[str, Any],
    interval: str,
    targets: Mapping[str, str],
    report: TeeReport,
    *,
    scrapes: bool = False,
) -> Rendered:
    exporter: dict[str, Any] = {
        "targets": [{"name": target, "endpoint": endpoint} for target, endpoint in targets.items()],
        "interval": interval,
        "report": {
            "endpoint_file": "${phoenix:endpointFile}",
            "namespace": report.namespace,
            "experiment": report.experiment,
            "run": report.run,
            "window": report.window,
            "host": report.host,
        },
    }
    if scrapes:
        exporter["count_scrapes"] = True
    config: dict[str, Any] = {
        "receivers": {name: receiver},
        "exporters": {inject.TEE_EXPORTER: exporter},
        "service": {"pipelines": {"metrics": {"receivers": [name], "exporters": [inject.TEE_EXPORTER]}}},
    }
    inject.add_health_and_telemetry(config, keep_user_telemetry=False)
    return Rendered(config, config_hash(config), ())
