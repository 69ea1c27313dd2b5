"""The generator's health port: `GET /` is 200 once the first tick is encoded; `GET /metrics` in Prometheus text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from phoenix.loadmodel.seats import Count
from phoenix.otlp.fanout import TargetTotals
from phoenix.samples.reporter import ReporterStatistics


class Observed(Protocol):
    """What the health port shows."""

    @property
    def ready(self) -> bool:
        """Whether the first tick is encoded and it waits or sends."""
        ...

    @property
    def expected(self) -> Count | None:
        """What the load amounts to; None: a recording, which nobody counted."""
        ...

    @property
    def sent_ticks(self) -> int:
        """Ticks handed to the targets."""
        ...

    @property
    def missed_ticks(self) -> int:
        """Ticks that were due and not sent in time."""
        ...

    @property
    def stray_points(self) -> int:
        """Points of a recording further from when they were sent than the run is long."""
        ...

    def totals(self) -> dict[str, TargetTotals]:
        """Sums by target."""
        ...

    def reported(self) -> ReporterStatistics | None:
        """What became of the samples; None: there is no report."""
        ...


class _Metrics(Collector):
    def __init__(self, observed: Observed) -> None:
        self._observed = observed

    def collect(self) -> Iterator[Metric]:
        seen = self._observed
        if (expected := seen.expected) is not None:
            yield GaugeMetricFamily(
                "phoenix_loadgen_expected_streams", "OTLP streams, by the model", value=expected.streams
            )
            yield GaugeMetricFamily(
                "phoenix_loadgen_expected_active_series",
                "Series of a Prometheus-type backend, by the model",
                value=expected.active_series,
            )
        ticks = CounterMetricFamily("phoenix_loadgen_ticks", "Ticks that were due", labels=["outcome"])
        ticks.add_metric(["sent"], seen.sent_ticks)
        ticks.add_metric(["missed"], seen.missed_ticks)
        yield ticks
        yield CounterMetricFamily(
            "phoenix_loadgen_stray_points", "Points of a recording in no window of the run", value=seen.stray_points
        )
        yield from _by_target(seen.totals())
        if (reported := seen.reported()) is not None:
            samples = CounterMetricFamily(
                "phoenix_loadgen_report_samples", "Input samples, by what became of them", labels=["outcome"]
            )
            for outcome in ("delivered", "overflowed", "refused", "abandoned"):
                samples.add_metric([outcome], getattr(reported, outcome))
            yield samples


def _by_target(totals: dict[str, TargetTotals]) -> Iterator[Metric]:
    points = CounterMetricFamily("phoenix_loadgen_points", "Data points", labels=["target", "outcome"])
    requests = CounterMetricFamily("phoenix_loadgen_requests", "Requests", labels=["target", "outcome"])
    sent_bytes = CounterMetricFamily("phoenix_loadgen_payload_bytes", "Payload bytes sent", labels=["target"])
    for target, total in totals.items():
        points.add_metric([target, "planned"], total.planned_points)
        points.add_metric([target, "sent"], total.sent_points)
        points.add_metric([target, "acked"], total.acked_points)
        requests.add_metric([target, "acked"], total.requests - total.failed_requests)
        requests.add_metric([target, "failed"], total.failed_requests)
        requests.add_metric([target, "missed"], total.missed_requests)
        sent_bytes.add_metric([target], total.payload_bytes)
    yield from (points, requests, sent_bytes)


async def start_health(observed: Observed, host: str, port: int) -> web.AppRunner:
    """Listen; the caller cleans the runner up.

    Raises:
        OSError: the address cannot be had.
    """
    registry = CollectorRegistry()
    registry.register(_Metrics(observed))

    async def health(_: web.Request) -> web.Response:
        if observed.ready:
            return web.Response(text="ready\n")
        return web.Response(status=503, text="not ready: the first tick is being encoded\n")

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(
            body=generate_latest(registry), headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
        )

    app = web.Application()
    app.router.add_get("/", health)
    app.router.add_get("/metrics", metrics)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
    except BaseException:
        await runner.cleanup()
        raise
    return runner
