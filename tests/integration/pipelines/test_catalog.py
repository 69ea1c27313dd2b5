"""The catalogue's templates do what they say, run whole by the embedded engine.

Each template is resolved, rendered for measuring and started as a collector; hand-made OTLP goes in over HTTP, and what
comes out at the meter's place is parsed with opentelemetry-proto into plain tuples. Figures are constants.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from ruamel.yaml import YAML

from phoenix.api.pipeline import DeploymentMeasurement, NameRef, PipelineSource, PipelineTemplate
from phoenix.engine import check
from phoenix.engine.receivers.otlp import OtlpReceiver
from phoenix.engine.service import Collector, read_config
from phoenix.pipelines.render import render
from phoenix.pipelines.resolve import resolve
from phoenix.pipelines.tee import TeeReport, hostmetrics_tee, otlp_tee

CATALOG = Path(__file__).parents[3] / "resources" / "catalog" / "templates.yaml"
TEMPLATES = {
    template.metadata.name: template
    for template in map(PipelineTemplate.from_wire, YAML(typ="safe").load_all(CATALOG.read_text()))
}
NOW = 1_700_000_000_000_000_000
CUMULATIVE = 2
BOUNDS = (0.1, 1.0)

Point = tuple[tuple[tuple[str, str], ...], str, tuple[tuple[str, str], ...], int, object]
"""Resource attributes, metric, point attributes, time, value: (count, sum, buckets) of a histogram."""


def rendered(name: str, **parameters: Any) -> dict[str, Any]:
    source = PipelineSource(template_ref=NameRef(name=name), parameters=parameters)
    pipeline = resolve(source, TEMPLATES[name])
    return render(pipeline.config, measurement=DeploymentMeasurement(experiment="x", variant="v")).config


@pytest.mark.parametrize("name", sorted(TEMPLATES))
def test_every_template_runs_on_the_embedded_engine_deployed_and_measured(name: str) -> None:
    assert check(rendered(name)) == []
    resolved = resolve(PipelineSource(template_ref=NameRef(name=name)), TEMPLATES[name])
    assert check(render(resolved.config, variant_labels={"phoenix.variant": "v"}).config) == []


def test_both_tees_run_on_the_embedded_engine() -> None:
    report = TeeReport(namespace="default", experiment="x", run=1, window="2s", host="h")
    targets = {"baseline": "${phoenix:endpoint:baseline}", "candidate": "http://127.0.0.1:4318"}
    host = hostmetrics_tee(scrapers=["cpu", "memory", "process"], interval="1s", targets=targets, report=report)
    assert check(host.config) == []
    assert check(otlp_tee(port=None, interval="1s", targets=targets, report=report).config) == []


def attributes(pairs: dict[str, str | int]) -> list[KeyValue]:
    return [
        KeyValue(key=key, value=AnyValue(int_value=value) if isinstance(value, int) else AnyValue(string_value=value))
        for key, value in pairs.items()
    ]


class Request:
    """An OTLP request, put together by hand."""

    def __init__(self) -> None:
        self.message = ExportMetricsServiceRequest()

    def resource(self, **pairs: str | int) -> Request:
        own = self.message.resource_metrics.add(
            resource=Resource(attributes=attributes({key.replace("_", "."): pairs[key] for key in pairs}))
        )
        own.scope_metrics.add()
        return self

    def _metric(self, name: str) -> Metric:
        scope = self.message.resource_metrics[-1].scope_metrics[0]
        known = [metric for metric in scope.metrics if metric.name == name]
        return known[0] if known else scope.metrics.add(name=name)

    def sum(
        self, name: str, value: float, pairs: dict[str, str | int], *, monotonic: bool = True, time: int = NOW
    ) -> None:
        metric = self._metric(name)
        metric.sum.aggregation_temporality, metric.sum.is_monotonic = CUMULATIVE, monotonic
        point = metric.sum.data_points.add(attributes=attributes(pairs), time_unix_nano=time, start_time_unix_nano=1)
        if isinstance(value, int):
            point.as_int = value
        else:
            point.as_double = value

    def gauge(self, name: str, value: float, pairs: dict[str, str | int]) -> None:
        self._metric(name).gauge.data_points.add(attributes=attributes(pairs), time_unix_nano=NOW, as_double=value)

    def histogram(self, name: str, buckets: tuple[int, ...], total: float, pairs: dict[str, str | int]) -> None:
        metric = self._metric(name)
        metric.histogram.aggregation_temporality = CUMULATIVE
        metric.histogram.data_points.add(
            attributes=attributes(pairs), time_unix_nano=NOW, start_time_unix_nano=1, count=sum(buckets), sum=total,
            bucket_counts=buckets, explicit_bounds=BOUNDS,
        )  # fmt: skip


def points_of(request: ExportMetricsServiceRequest) -> list[Point]:
    """Naive tuples; phoenix.* labels are left out, as the meter does."""
    found: list[Point] = []
    for resource in request.resource_metrics:
        owner = plain(resource.resource.attributes)
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                data = getattr(metric, str(metric.WhichOneof("data")))
                found += [
                    (owner, metric.name, plain(point.attributes), point.time_unix_nano, value_of(point))
                    for point in data.data_points
                ]
    return found


def plain(pairs: Any) -> tuple[tuple[str, str], ...]:
    return tuple(
        sorted(
            (pair.key, pair.value.string_value or str(pair.value.int_value))
            for pair in pairs
            if not pair.key.startswith("phoenix.")
        )
    )


def value_of(point: Any) -> object:
    if hasattr(point, "bucket_counts"):
        assert tuple(point.explicit_bounds) == BOUNDS
        return point.count, round(point.sum, 9), tuple(point.bucket_counts)
    return getattr(point, point.WhichOneof("value"))


async def through(name: str, request: Request, **parameters: Any) -> list[Point]:
    """What leaves the template's collector when the request goes in."""
    came: list[ExportMetricsServiceRequest] = []

    async def take(received: web.Request) -> web.Response:
        came.append(ExportMetricsServiceRequest.FromString(await received.read()))
        return web.Response(content_type="application/x-protobuf")

    app = web.Application()
    app.router.add_post("/v/v/v1/metrics", take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    meter = f"http://127.0.0.1:{runner.addresses[0][1]}/v/v"
    text = json.dumps(rendered(name, **parameters)).replace('"${phoenix:port:telemetry}"', "0")
    for placeholder, value in (
        ("address", "127.0.0.1"), ("port:otlp", "0"), ("port:health", "0"), ("endpoint:meter", meter),
        ("deployment", "x-v"), ("host", "h"), ("namespace", "default"),
    ):  # fmt: skip
        text = text.replace(f"${{phoenix:{placeholder}}}", value)
    collector = Collector(read_config(text, {}))
    await collector.start()
    receiver = collector.graph.receivers[0].component
    assert isinstance(receiver, OtlpReceiver)
    try:
        async with (
            asyncio.timeout(40),
            aiohttp.ClientSession() as session,
            session.post(
                f"http://127.0.0.1:{receiver.port}/v1/metrics",
                data=request.message.SerializeToString(),
                headers={"content-type": "application/x-protobuf"},
            ) as answer,
        ):
            assert answer.status == 200, await answer.text()
    finally:
        await collector.shutdown()  # hands on what the batch holds
        await runner.cleanup()
    return [point for message in came for point in points_of(message)]


def identities(points: list[Point]) -> Counter[tuple[Any, ...]]:
    """How many points each identity and time has: more than one is a duplicate."""
    return Counter(point[:4] for point in points)


def http() -> Request:
    """Two pods; raw ids in routes, six codes, users."""
    request = Request()
    for pod, factor in (("a", 1), ("b", 10)):
        request.resource(service_name="checkout", k8s_pod_name=pod)
        duration = "http.server.request.duration"
        for route, status, count in (
            ("/api/v1/orders/10001", 200, 1), ("/api/v1/orders/10002", 200, 2), ("/api/v1/orders/10002", 201, 3),
            ("/api/v1/orders/10001", 404, 4), ("/api/v1/orders", 503, 5),
            ("/api/7/8/550e8400-e29b-41d4-a716-446655440000", 200, 6),
        ):  # fmt: skip
            pairs: dict[str, str | int] = {"http.route": route, "http.response.status_code": status}
            request.histogram(duration, (count * factor, 0, 1), count * 0.5, pairs)
        for user, count in (("u-1", 1), ("u-2", 2), ("u-3", 4)):
            request.sum("app.user.requests", count * factor, {"http.route": "/api/v1/orders", "user.id": user})
        request.sum("http.server.active_requests", 3, {"http.request.method": "GET"}, monotonic=False)
        request.gauge("queue.length", 1.5, {"user.id": "u-1"})
        request.gauge("queue.length", 2.5, {"user.id": "u-2"})
    return request


def of_pod(points: list[Point], pod: str) -> dict[tuple[Any, ...], object]:
    return {
        (point[1], *(value for _, value in point[2])): point[4] for point in points if ("k8s.pod.name", pod) in point[0]
    }


async def test_baseline_changes_nothing() -> None:
    request = http()
    assert sorted(await through("baseline", request), key=repr) == sorted(points_of(request.message), key=repr)


async def test_http_lean_adds_up_what_it_makes_equal() -> None:
    points = await through("http-lean", http())
    assert set(identities(points).values()) == {1}
    duration, users = "http.server.request.duration", "app.user.requests"
    # Attribute values in order of their keys: status code, route.
    assert of_pod(points, "a") == {
        (duration, "2xx", "/api/v1/orders/{id}"): (9, 3.0, (6, 0, 3)),
        (duration, "4xx", "/api/v1/orders/{id}"): (5, 2.0, (4, 0, 1)),
        (duration, "5xx", "/api/v1/orders"): (6, 2.5, (5, 0, 1)),
        (duration, "2xx", "/api/{id}/{id}/{id}"): (7, 3.0, (6, 0, 1)),
        (users, "/api/v1/orders"): 7,
        ("http.server.active_requests", "GET"): 3,
        ("queue.length", "u-1"): 1.5,
        ("queue.length", "u-2"): 2.5,
    }
    assert of_pod(points, "b")[users, "/api/v1/orders"] == 70


@pytest.mark.parametrize(
    ("parameters", "left"),
    [
        # Of one pod's 6 histograms and 3 counters:
        ({"templateRoutes": False}, 5 + 1),
        ({"statusClasses": False}, 5 + 1),
        ({"dropUserId": False}, 4 + 3),
    ],
)
async def test_each_parameter_of_http_lean_turns_off_its_part(parameters: dict[str, bool], left: int) -> None:
    points = await through("http-lean", http(), **parameters)
    assert set(identities(points).values()) == {1}
    assert len(of_pod(points, "a")) == left + 3


async def test_http_lean_with_everything_off_changes_nothing() -> None:
    request = http()
    points = await through("http-lean", request, templateRoutes=False, statusClasses=False, dropUserId=False)
    assert sorted(points, key=repr) == sorted(points_of(request.message), key=repr)


def processes() -> Request:
    """Two processes with clocks of their own, and the host."""
    request = Request()
    for pid in (10, 11):
        request.resource(process_pid=pid)
        for state, seconds in (("user", 1.25), ("system", 0.5), ("wait", 0.25)):
            request.sum("process.cpu.time", seconds * pid, {"state": state}, time=NOW + pid)
        request.sum("process.memory.usage", 4096 * pid, {}, monotonic=False, time=NOW + pid)
        request.sum("process.memory.virtual", 9999, {}, monotonic=False, time=NOW + pid)
        request.sum("process.disk.io", 5, {"direction": "read"}, time=NOW + pid)
        request.sum("process.disk.io", 6, {"direction": "write"}, time=NOW + pid)
    request.resource(host_name="h")
    for state, seconds in (("user", 1.0), ("idle", 2.0)):
        request.sum("system.cpu.time", seconds, {"cpu": "cpu0", "state": state})
    return request


async def test_process_trim_keeps_every_process_and_its_total() -> None:
    request = processes()
    points = await through("process-trim", request)
    assert len(points_of(request.message)) == 16
    assert {(point[0][0][1], point[1], point[2], point[4]) for point in points} == {
        ("10", "process.cpu.time", (), 20.0), ("10", "process.memory.usage", (), 40_960),
        ("10", "process.disk.io", (("direction", "read"),), 5), ("10", "process.disk.io", (("direction", "write"),), 6),
        ("11", "process.cpu.time", (), 22.0), ("11", "process.memory.usage", (), 45_056),
        ("11", "process.disk.io", (("direction", "read"),), 5), ("11", "process.disk.io", (("direction", "write"),), 6),
        ("h", "system.cpu.time", (("cpu", "cpu0"), ("state", "user")), 1.0),
        ("h", "system.cpu.time", (("cpu", "cpu0"), ("state", "idle")), 2.0),
    }  # fmt: skip
    assert len(points) == 10
    assert {point[3] for point in points if point[0] == (("process.pid", "10"),)} == {NOW + 10}


async def test_the_negative_control_makes_duplicates() -> None:
    points = await through("naive-delete", http())
    doubled = {identity[1]: count for identity, count in identities(points).items() if count > 1}
    assert doubled == {"http.server.request.duration": 2, "app.user.requests": 3, "queue.length": 2}
