# ruff: noqa: E501 (tables of one case a line read best)
"""prometheus_remote_write: what a receiver gets, read back by a decoder of our own."""

import math
import struct
import threading

import cramjam
import pytest
from aiohttp import web

from phoenix.engine.data import Metrics
from phoenix.engine.errors import ConsumeError
from phoenix.engine.exporters.remoteseries import Style, batches, series_of
from phoenix.engine.exporters.remotewrite import RemoteWriter
from phoenix.engine.registry import EXPORTERS
from phoenix.engine.telemetry import Telemetry
from tests.unit.engine.harness import parse, settings
from tests.unit.engine.otlp import DELTA, T0, histogram, number_metric, request

PLAIN = Style(scope_info=False, target_info=False)


def fields(data):
    at = 0
    while at < len(data):
        tag, at = varint(data, at)
        if tag & 7 == 2:
            size, at = varint(data, at)
            yield tag >> 3, data[at : at + size]
            at += size
        elif tag & 7 == 1:
            yield tag >> 3, struct.unpack("<d", data[at : at + 8])[0]
            at += 8
        else:
            value, at = varint(data, at)
            yield tag >> 3, value


def varint(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        shift += 7
        at += 1
        if data[at - 1] < 128:
            return value, at


def decoded(data):
    rows = {}
    for _, series in fields(data):
        labels, sample = {}, None
        for number, inner in fields(series):
            if number == 1:
                pair = dict(fields(inner))
                labels[pair[1].decode()] = pair[2].decode()
            else:
                sample = dict(fields(inner))
        assert list(labels) == sorted(labels)
        assert all(labels.values())
        assert sample[2] == T0 // 10**6
        rows[tuple(labels.items())] = sample[1]
    return rows


def sent(message, style=PLAIN, limit=10**9):
    series, dropped = series_of(message, style)
    rows = {}
    for body in batches(series, limit):
        rows |= decoded(body)
    return rows, dropped


def test_a_counter_a_gauge_and_a_histogram():
    message = request(
        number_metric("sum", "http.calls", [({"http.route": "/a", "empty": ""}, 5)], unit="{call}"),
        number_metric("gauge", "temp", [({}, 1.5)], unit="Cel"),
        histogram("wait", [({}, [1, 2, 3], 9.5)]),
        resource={"service.name": "cart", "service.namespace": "shop", "service.instance.id": "i1"},
    )
    rows, dropped = sent(message)
    one = ("instance", "i1"), ("job", "shop/cart")
    assert not dropped
    assert rows == {
        (("__name__", "http_calls_total"), ("http_route", "/a"), *one): 5,
        (("__name__", "temp_celsius"), *one): 1.5,
        (("__name__", "wait_seconds_bucket"), *one, ("le", "1")): 1,
        (("__name__", "wait_seconds_bucket"), *one, ("le", "5")): 3,
        (("__name__", "wait_seconds_bucket"), *one, ("le", "+Inf")): 6,
        (("__name__", "wait_seconds_sum"), *one): 9.5,
        (("__name__", "wait_seconds_count"), *one): 6,
    }


def test_style():
    message = request(
        number_metric("gauge", "g", [({"a.b": "1", "a_b": "2"}, 1)]), resource={"service.name": "s", "k": "v"}
    )
    style = Style("ns", {"cluster": "c"}, True, True, True)
    rows, _ = sent(message, style)
    names = {dict(labels)["__name__"]: dict(labels) for labels in rows}
    assert names["ns_g"] == {
        "__name__": "ns_g", "a_b": "1;2", "cluster": "c", "job": "s", "k": "v", "otel_scope_name": "scope",
        "otel_scope_version": "1.0", "service_name": "s",
    }  # fmt: skip
    assert names["ns_target_info"] == {"__name__": "ns_target_info", "cluster": "c", "job": "s", "k": "v"}


def test_what_prometheus_cannot_take_is_left_out_and_the_rest_sent():
    delta = number_metric("sum", "d", [({}, 1)], temporality=DELTA)
    ended = number_metric("gauge", "g", [({}, 1)])
    ended.gauge.data_points[0].flags = 1
    rows, dropped = sent(request(delta, ended))
    assert dropped == ["d: only cumulative sums and histograms can be sent: use delta_to_cumulative"]
    (value,) = rows.values()
    assert math.isnan(value)
    assert struct.pack("<d", value) == struct.pack("<Q", 0x7FF0000000000002)


def test_requests_are_split_by_size():
    message = request(number_metric("gauge", "g", [({"n": str(n)}, n) for n in range(50)]))
    series, _ = series_of(message, PLAIN)
    parts = list(batches(series, 200))
    assert len(parts) > 5
    assert all(len(part) <= 200 for part in parts)
    assert len(sent(message, limit=200)[0]) == 50
    assert len(list(batches(series, 1))) == 50


class Receiver:
    """Answers with the statuses given, then 200."""

    def __init__(self, *statuses):
        self.statuses, self.taken, self.headers = list(statuses), [], None

    async def __aenter__(self):
        app = web.Application()
        app.router.add_post("/api/v1/write", self._write)
        self._runner = web.AppRunner(app, auto_decompress=False)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/api/v1/write"
        return self

    async def __aexit__(self, *_):
        await self._runner.cleanup()

    async def _write(self, asked):
        self.headers = asked.headers
        status = self.statuses.pop(0) if self.statuses else 200
        if status != 200:
            return web.Response(status=status, headers={"Retry-After": "0"})
        self.taken.append(bytes(cramjam.snappy.decompress_raw(await asked.read())))
        return web.Response()


@pytest.mark.parametrize(("statuses", "arrives"), [((), True), ((503, 429), True), ((400,), False)])
async def test_over_http_with_retries(statuses, arrives):
    telemetry = Telemetry()
    async with Receiver(*statuses) as receiver:
        factory = EXPORTERS["prometheusremotewrite"]
        # No queue: the answer is known when `consume` returns.
        yaml = f"endpoint: {receiver.url}\nremote_write_queue: {{enabled: false}}\nretry_on_failure: {{initial_interval: 1ms}}"
        config, findings = parse(factory, yaml)
        assert not findings
        exporter = factory.create(settings("prometheus_remote_write", telemetry), config)
        await exporter.start()
        metrics = Metrics.of(request(number_metric("gauge", "g", [({}, 1)]), resource={"service.name": "s"}))
        if arrives:
            await exporter.consume(metrics)
            assert len(decoded(receiver.taken[0])) == 1
            assert receiver.headers["X-Prometheus-Remote-Write-Version"] == "0.1.0"
            assert receiver.headers["Content-Encoding"] == "snappy"
        else:
            with pytest.raises(Exception, match="answered 400"):
                await exporter.consume(metrics)
        await exporter.shutdown()
    outcome = "sent" if arrives else "send_failed"
    assert (
        f'otelcol_exporter_{outcome}_metric_points{{exporter="prometheus_remote_write"}} 1'
        in telemetry.render().decode()
    )


async def write(receiver, message, telemetry, batch_bytes):
    factory = EXPORTERS["prometheusremotewrite"]
    yaml = f"endpoint: {receiver.url}\nremote_write_queue: {{enabled: false}}\nretry_on_failure: {{initial_interval: 1ms}}\nmax_batch_size_bytes: {batch_bytes}"
    config, findings = parse(factory, yaml)
    assert not findings
    exporter = factory.create(settings("prometheus_remote_write", telemetry), config)
    await exporter.start()
    try:
        await exporter.consume(Metrics.of(message))
    finally:
        await exporter.shutdown()


async def test_no_part_is_sent_again_once_it_is_taken():
    message = request(number_metric("gauge", "g", [({"n": str(n)}, n) for n in range(200)]))
    parts = list(batches(series_of(message, Style())[0], 1000))
    assert len(parts) > 4
    telemetry = Telemetry()
    async with Receiver(200, 200, 503, 503) as receiver:
        await write(receiver, message, telemetry, 1000)
    assert receiver.taken == parts
    assert 'otelcol_exporter_sent_metric_points{exporter="prometheus_remote_write"} 200' in telemetry.render().decode()


async def test_a_part_that_is_refused_for_good_does_not_keep_back_those_after_it():
    message = request(number_metric("gauge", "g", [({"n": str(n)}, n) for n in range(200)]))
    parts = list(batches(series_of(message, Style())[0], 1000))
    telemetry = Telemetry()
    async with Receiver(200, 400) as receiver:
        with pytest.raises(ConsumeError, match="answered 400"):
            await write(receiver, message, telemetry, 1000)
    assert receiver.taken == [parts[0], *parts[2:]]
    assert (
        'otelcol_exporter_send_failed_metric_points{exporter="prometheus_remote_write"} 200'
        in telemetry.render().decode()
    )


async def test_series_of_a_large_request_are_not_made_on_the_event_loop():
    message = request(number_metric("gauge", "g", [({"n": str(n), "k": "v" * 50}, n) for n in range(20_000)]))
    threads = set()

    class Watched(RemoteWriter):
        def _bodies(self, metrics):
            threads.add(threading.current_thread())
            return super()._bodies(metrics)

    async with Receiver() as receiver:
        factory = EXPORTERS["prometheusremotewrite"]
        config, _ = parse(factory, f"endpoint: {receiver.url}")
        writer = Watched(settings("prometheus_remote_write"), config)
        bodies = await writer.encode(Metrics.of(message))
        await writer.encode(Metrics.of(request(number_metric("gauge", "g", [({}, 1)]))))
    assert sum(len(decoded(bytes(cramjam.snappy.decompress_raw(body)))) for body in bodies) == 20_000
    assert threading.current_thread() in threads
    assert len(threads) == 2


@pytest.mark.parametrize(
    ("yaml", "fault"),
    [
        ("", "requires a non-empty endpoint"),
        ("endpoint: localhost", "is no URL"),
        (
            "endpoint: http://h\nprotobuf_message: io.prometheus.write.v2.Request",
            "not implemented by the Embedded engine",
        ),
        ("endpoint: http://h\nadd_metric_suffixes: false", "set engine: Otelcol"),
        ("endpoint: http://h\nwal: {directory: /x}", "'wal' is not implemented"),
        ("endpoint: http://h\nsending_queue: {}", "invalid keys: sending_queue"),
    ],
)
def test_faults(yaml, fault):
    _, findings = parse(EXPORTERS["prometheus_remote_write"], yaml)
    assert any(fault in str(found) for found in findings), findings
