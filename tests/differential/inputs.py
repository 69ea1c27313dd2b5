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


def shapes() -> Requests:
    """Distributions at their edges: negative values, zeros, bounds that lack or do not fit, odd scales."""
    request = ExportMetricsServiceRequest()
    plain = histogram("h", [({"n": "full"}, [1, 2, 3], 9.5), ({"n": "none"}, [0, 0, 0], 0.0)])
    points = plain.histogram.data_points
    for name, counts, bounds, low, high in (
        ("range", [4, 1, 5], [1.0, 2.0], 0.5, 8.0), ("one", [7], [], 1.0, 3.0),
        ("negative", [3, 1], [-5.0], None, None), ("unfit", [1, 2], [1.0, 2.0], None, None),
        ("short", [1, 1], [1.0], None, None), ("open", [9], [], None, None),
    ):  # fmt: skip
        point = points.add(
            time_unix_nano=T0, start_time_unix_nano=T0 - 1000, sum=1.5, bucket_counts=counts, explicit_bounds=bounds,
            count=99 if name == "short" else sum(counts), min=low, max=high,
        )  # fmt: skip
        point.attributes.extend(pairs({"n": name}))
    exponential = Metric(name="e", unit="s", description="of e")
    exponential.exponential_histogram.aggregation_temporality = DELTA
    for name, scale, offset, counts, zero, negative in (
        ("small", 0, 0, (1, 2, 3), 1, ()), ("fine", 5, -10, (4, 0, 4), 0, ()), ("coarse", -2, -1, (2, 3), 2, ()),
        ("both", 1, 2, (1, 1), 3, (2, 5)), ("below", 1, 0, (), 1, (2, 5)), ("far", -8, 3, (1, 1), 0, ()),
        ("empty", 0, 0, (), 0, ()), ("zeros", 0, 0, (), 4, ()),
    ):  # fmt: skip
        shape = exponential.exponential_histogram.data_points.add(
            time_unix_nano=T0, start_time_unix_nano=T0 - 1000, scale=scale, zero_count=zero, zero_threshold=0.25,
            count=sum(counts) + zero + sum(negative), sum=3.25,
        )  # fmt: skip
        shape.positive.offset = offset
        shape.positive.bucket_counts.extend(counts)
        shape.negative.offset = 1
        shape.negative.bucket_counts.extend(negative)
        shape.attributes.extend(pairs({"n": name}))
    return [add_resource(request, plain, exponential, _summary("s"), resource={"service.name": "s"})]


def ticks() -> Requests:
    """Five ticks of cumulative exponential histograms and sums: growth, another scale, zeros, a reset, negatives."""
    made = []
    rows = (
        (2, 0, (1, 2), 0, (), 5.0), (2, 0, (3, 2, 4), 1, (), 9.0), (1, -1, (3, 3, 5), 2, (1,), 15.0),
        (1, -1, (1, 1), 0, (), 2.0), (1, -2, (1, 1, 2), 0, (2,), 3.5),
    )  # fmt: skip
    for tick, (scale, offset, counts, zero, negative, total) in enumerate(rows):
        request = ExportMetricsServiceRequest()
        metric = Metric(name="x", unit="s")
        metric.exponential_histogram.aggregation_temporality = CUMULATIVE
        point = metric.exponential_histogram.data_points.add(
            time_unix_nano=T0 + tick * SECOND, start_time_unix_nano=T0 - 1000, scale=scale, zero_count=zero, sum=total,
            count=sum(counts) + zero + sum(negative), min=0.5, max=9.5,
        )  # fmt: skip
        point.positive.offset = offset
        point.positive.bucket_counts.extend(counts)
        point.negative.bucket_counts.extend(negative)
        point.attributes.extend(pairs({"k": "a"}))
        up_down = number_metric("sum", "u", [({"k": "a"}, 5 - tick, tick * SECOND, T0 - 1000)], monotonic=False)
        gauge = number_metric("gauge", "g", [({"k": "a"}, tick, tick * SECOND, T0 - 1000)])
        counter = number_metric("sum", "c", [({"k": "a"}, 10 * (tick % 3), tick * SECOND, T0 - 1000)])
        add_resource(request, metric, up_down, gauge, counter, resource={"service.name": "s"})
        made.append(request)
    return made


def far() -> Requests:
    """Exponential histograms far from one: offsets of hundreds either way, at several scales."""
    request = ExportMetricsServiceRequest()
    metric = Metric(name="e", unit="s")
    metric.exponential_histogram.aggregation_temporality = CUMULATIVE
    for number, (scale, offset) in enumerate(((3, 900), (3, -900), (20, 15_000_000), (0, 500), (-3, 60), (-10, 0))):
        point = metric.exponential_histogram.data_points.add(
            time_unix_nano=T0, start_time_unix_nano=T0 - 1000, scale=scale, count=6, sum=2.5, zero_threshold=0.001,
            min=0.25, max=1.5,
        )  # fmt: skip
        point.positive.offset = offset
        point.positive.bucket_counts.extend((1, 2, 3))
        point.attributes.extend(pairs({"n": number}))
    return [add_resource(request, metric, resource={"service.name": "s"})]


def stamps() -> Requests:
    """Pairs of points that differ in a label, as processes do: at one time, at two, with one start and with two."""
    request = ExportMetricsServiceRequest()
    pairs_at = {
        "same": ((0, -1000), (0, -1000)), "times": ((0, -1000), (7, -1000)), "starts": ((0, -1000), (0, -500)),
        "both": ((0, -1000), (7, -500)), "late": ((1_500_000_000, -1000), (1_900_000_000, -1000)),
    }  # fmt: skip
    metrics = []
    for name, at in pairs_at.items():
        rows = [({"pid": pid, "state": "user"}, 10 * pid, time, T0 + start) for pid, (time, start) in enumerate(at, 1)]
        metrics += [
            number_metric("sum", f"{name}.cumulative", rows),
            number_metric("sum", f"{name}.delta", rows, temporality=DELTA),
            number_metric("sum", f"{name}.up.down", rows, monotonic=False),
            number_metric("gauge", f"{name}.gauge", rows),
        ]
        for kind, temporality in (("cumulative", CUMULATIVE), ("delta", DELTA)):
            shapes = histogram(f"{name}.histogram.{kind}", [({"pid": 1}, [1, 2, 3], 4.5), ({"pid": 2}, [4, 5, 6], 7.5)],
                               temporality=temporality)  # fmt: skip
            for point, (time, start) in zip(shapes.histogram.data_points, at, strict=True):
                point.time_unix_nano, point.start_time_unix_nano = T0 + time, T0 + start
            metrics.append(shapes)
    return [add_resource(request, *metrics, resource={"service.name": "s"})]


INPUTS: dict[str, Callable[[], Requests]] = {
    "rich": rich, "few": few, "counters": counters, "deltas": deltas,
    "shapes": shapes,
    "ticks": ticks,
    "far": far,
    "stamps": stamps,
}  # fmt: skip
