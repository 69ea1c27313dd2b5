"""The meter's two doors: OTLP/HTTP for each variant, and health.

OTLP: `POST /v/VARIANT/v1/metrics`, protobuf, plain or gzip; answers as the OTLP specification wants (an empty
ExportMetricsServiceResponse, or a google.rpc.Status with 400 or 503). Health: `GET /`, `GET /metrics`, `POST /flush`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from phoenix.meter.meter import Meter
from phoenix.meter.variant import Overloaded
from phoenix.otlp.errors import MalformedPayload
from phoenix.samples.reporter import Reporter

_PROTOBUF = "application/x-protobuf"
_MAX_BODY_BYTES = 64 << 20
_INVALID_ARGUMENT, _UNAVAILABLE = 3, 14  # google.rpc.Code


def otlp_app(meter: Meter) -> web.Application:
    """What listens on the otlp port."""

    async def take(request: web.Request) -> web.Response:
        variant = request.match_info["variant"]
        if variant not in meter.variants:
            known = ", ".join(meter.variants)
            return web.Response(status=404, text=f"no variant {variant!r} is metered here; there are: {known}\n")
        if request.content_type != _PROTOBUF:
            return web.Response(status=415, text=f"want {_PROTOBUF}, have {request.content_type}\n")
        try:
            await meter.accept(variant, await _body(request))
        except MalformedPayload as error:
            return _refusal(400, _INVALID_ARGUMENT, str(error))
        except Overloaded as error:
            return _refusal(503, _UNAVAILABLE, str(error), {"Retry-After": "1"})
        return web.Response(body=b"", content_type=_PROTOBUF)

    app = web.Application(client_max_size=_MAX_BODY_BYTES)
    app.router.add_post("/v/{variant}/v1/metrics", take)
    return app


async def _body(request: web.Request) -> bytes:
    """The body, inflated; copied once less than `request.read()` does, which matters for megabytes.

    Raises:
        HTTPRequestEntityTooLarge: it is larger than `_MAX_BODY_BYTES`.
    """
    chunks: list[bytes] = []
    size = 0
    while chunk := await request.content.readany():
        chunks.append(chunk)
        size += len(chunk)
        if size > _MAX_BODY_BYTES:
            raise web.HTTPRequestEntityTooLarge(_MAX_BODY_BYTES, size)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _refusal(status: int, code: int, message: str, headers: dict[str, str] | None = None) -> web.Response:
    """google.rpc.Status by hand: code = 1 (varint), message = 2 (text)."""
    text = message.encode()[:127]
    body = bytes([0x08, code, 0x12, len(text)]) + text
    return web.Response(status=status, body=body, content_type=_PROTOBUF, headers=headers)


class _Metrics(Collector):
    def __init__(self, meter: Meter, reporter: Reporter | None) -> None:
        self._meter, self._reporter = meter, reporter

    def collect(self) -> Iterator[Metric]:
        totals = self._meter.totals()
        for field, text in (
            ("requests", "Export requests read"),
            ("points", "Data points read"),
            ("bytes", "OTLP bytes less those of phoenix.* labels"),
            ("late_points", "Points that came after their window had closed, in no window's figures"),
            ("malformed", "Payloads that could not be read"),
            ("windows", "Windows closed"),
        ):
            counter = CounterMetricFamily(f"phoenix_meter_{field}", text, labels=["variant"])
            for name, total in totals.items():
                counter.add_metric([name], getattr(total, field))
            yield counter
        for field, text in (
            ("streams", "Distinct OTLP identities in closed windows"),
            ("active_series", "Distinct Prometheus-type series in closed windows"),
        ):
            gauge = GaugeMetricFamily(f"phoenix_meter_{field}", text, labels=["variant"])
            for name, total in totals.items():
                gauge.add_metric([name], getattr(total, field))
            yield gauge
        if self._reporter is not None:
            reported = CounterMetricFamily("phoenix_meter_report_samples", "Samples by fate", labels=["outcome"])
            statistics = self._reporter.statistics()
            for outcome in ("delivered", "overflowed", "refused", "abandoned"):
                reported.add_metric([outcome], getattr(statistics, outcome))
            yield reported


@dataclass(slots=True)
class Readiness:
    """Whether a meter does its work; `lacks`: what it waits for until then."""

    ready: bool = False
    lacks: str = "the otlp port is not open"


class Health:
    """What listens on the health port; not ready until told so."""

    def __init__(self, meter: Meter, reporter: Reporter | None) -> None:
        self.readiness = Readiness()
        self._meter = meter
        self._registry = CollectorRegistry()
        self._registry.register(_Metrics(meter, reporter))
        self.app = web.Application()
        self.app.router.add_get("/", self._health)
        self.app.router.add_get("/metrics", self._metrics)
        self.app.router.add_post("/flush", self._flush)

    async def _health(self, _: web.Request) -> web.Response:
        if self.readiness.ready:
            return web.Response(text="ready\n")
        return web.Response(status=503, text=f"not ready: {self.readiness.lacks}\n")

    async def _metrics(self, _: web.Request) -> web.Response:
        return web.Response(
            body=generate_latest(self._registry), headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
        )

    async def _flush(self, _: web.Request) -> web.Response:
        return web.json_response({"windows": await self._meter.close()})
