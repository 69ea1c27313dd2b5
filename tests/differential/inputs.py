"""The requests that cases are run on, by name; each a list, sent one after the other.

`rich` has every type of point and attribute, two resources with two scopes, duplicates after a label is dropped;
`few` two points only.
"""

from __future__ import annotations

from collections.abc import Callable

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

from tests.unit.engine.otlp import CUMULATIVE, DELTA, T0, add_resource, histogram, number_metric, pairs

Requests = list[ExportMetricsServiceRequest]
SECOND = 10**9


def _exponential(name: str, counts: tuple[int, ...], offset: int = 0) -> Metric:
    metric = Metric(name=name, unit="s")
    metric.exponential_histogram.aggregation_temporality = CUMULATIVE
    point = metric.exponential_histogram.data_points.add(
        time_unix_nano=T0, start_time_unix_nano=T0 - 1000, count=sum(counts) + 1, sum=12.5, scale=2, zero_count=1
    )
    point.positive.offset = offset
    point.positive.bucket_counts.extend(counts)
    point.attributes.extend(pairs({"route": "/e"}))
    return metric


def _summary(name: str) -> Metric:
    metric = Metric(name=name, unit="s")
    point = metric.summary.data_points.add(time_unix_nano=T0, start_time_unix_nano=T0 - 1000, count=7, sum=3.5)
    for quantile, value in ((0.5, 0.25), (0.99, 1.5)):
        point.quantile_values.add(quantile=quantile, value=value)
    point.attributes.extend(pairs({"route": "/s"}))
    return metric


def _http(host: str) -> list[Metric]:
    codes = [200, 200, 404, 500]
    calls = [
        (
            {"http.route": f"/api/v1/orders/{1000 + n}", "code": codes[n], "user.id": f"u{n}", "ok": codes[n] < 400},
            n + 1,
        )
        for n in range(4)
    ]
    durations = [({"http.route": "/a", "code": code}, [1, code // 100, 2], 0.5 * code) for code in (200, 204, 404)]
    return [
        number_metric("sum", "http.calls", calls, unit="{call}"),
        number_metric(
            "gauge", "temperature", [({"room": "a b", "floor": 1}, 21.5), ({"room": "c", "floor": 2}, -3.25)]
        ),
        number_metric("sum", "queue.length", [({"queue": "x", "host": host}, 5)], monotonic=False),
        number_metric("sum", "bytes.delta", [({"dir": "in"}, 10), ({"dir": "out"}, 4)], unit="By", temporality=DELTA),
        histogram("http.duration", durations),
    ]


def rich() -> Requests:
    request = ExportMetricsServiceRequest()
    first = add_resource(request, *_http("a"), resource={"service.name": "cart", "host.name": "h-1", "n": 3})
    scope = first.resource_metrics[0].scope_metrics.add()
    scope.scope.name, scope.scope.version = "other", "2.1"
    scope.metrics.extend([_exponential("exp", (1, 2, 3)), _summary("sum.mary")])
    add_resource(
        request,
        *_http("b"),
        number_metric(
            "gauge", "odd",
            [
                ({"text": "", "json": '{"a": 1, "b": ["x", null]}', "list": ["a", "b"], "map": {"k": "v"}}, 1),
                ({"text": "Ünïcode ✓", "num": "12.50", "neg": -7, "half": 0.5, "bytes": b"\x01\xff"}, 2),
                ({"text": "a,b,,c", "path": "/var/log/x.log", "camel": "someHTTPValue-name here"}, 3),
                ({}, 4),
            ],
        ),
        resource={"service.name": "checkout", "host.name": "h-2", "empty": ""},
    )  # fmt: skip
    return [request]


def counters() -> Requests:
    """Three ticks of cumulative counters and histograms: growth, a quiet reset, a new series, a new start."""
    ticks = []
    for tick, values in enumerate(((5, 100), (9, 40), (9, 70))):
        request = ExportMetricsServiceRequest()
        points = [({"k": "a"}, values[0], tick * SECOND, T0 - 1000), ({"k": "b"}, values[1], tick * SECOND, T0 - 1000)]
        if tick:
            points.append(({"k": "new"}, 3 * tick, tick * SECOND, T0 + 1))
        shapes = histogram("h", [({"k": "a"}, [tick, 2 * tick, 1], 1.5 * tick)])
        for point in shapes.histogram.data_points:
            point.time_unix_nano = T0 + tick * SECOND
        floats = number_metric("sum", "f", [({}, 0.1 * (tick + 1), tick * SECOND, T0 - 1000)])
        add_resource(request, number_metric("sum", "c", points), shapes, floats, resource={"service.name": "s"})
        ticks.append(request)
    return ticks


def deltas() -> Requests:
    """Four ticks of deltas, the third older than the second."""
    ticks = []
    for at, value in ((1, 5), (3, 7), (2, 100), (4, 1)):
        request = ExportMetricsServiceRequest()
        number = number_metric(
            "sum", "d", [({"k": "a"}, value, at * SECOND, T0 + (at - 1) * SECOND)], temporality=DELTA
        )
        shapes = histogram("dh", [({"k": "a"}, [value, 1, 0], 0.5 * value)], temporality=DELTA)
        for point in shapes.histogram.data_points:
            point.time_unix_nano, point.start_time_unix_nano = T0 + at * SECOND, T0 + (at - 1) * SECOND
        add_resource(request, number, shapes, resource={"service.name": "s"})
        ticks.append(request)
    return ticks


def few() -> Requests:
    """One point with an attribute of every type, and a histogram: for what is the same at every point."""
    attributes = {
        "text": "", "uni": "Ünïcode ✓", "num": "12.50", "neg": -7, "half": 0.5, "ok": True, "bytes": b"\x01\xff",
        "list": ["a", "b"], "map": {"k": "v"}, "json": '{"a": 1, "b": ["x", null]}', "route": "/api/v1/orders/1000",
    }  # fmt: skip
    request = ExportMetricsServiceRequest()
    metrics = number_metric("sum", "m", [(attributes, 5)]), histogram("h", [({"neg": 1}, [1, 2, 3], 9.5)])
    return [add_resource(request, *metrics, resource={"service.name": "cart"})]


INPUTS: dict[str, Callable[[], Requests]] = {"rich": rich, "few": few, "counters": counters, "deltas": deltas}
