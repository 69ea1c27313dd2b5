# ruff: noqa: E501 (lines of a page)
"""Exporters: the Prometheus page by hand-made constants, files read back, queue and retry against a real server."""

import asyncio
import gzip
import json
import logging
import struct

import pytest
from aiohttp import web
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from phoenix.engine.data import Metrics
from phoenix.engine.errors import ConsumeError, StartError
from phoenix.engine.exporters.accumulator import Accumulator
from phoenix.engine.exporters.exposition import Style, page
from phoenix.engine.registry import EXPORTERS
from phoenix.engine.telemetry import Telemetry
from tests.unit.engine.harness import parse, settings
from tests.unit.engine.otlp import DELTA, T0, histogram, number_metric, numbers, request

PLAIN = Style("", {}, timestamps=False, scope_info=False)
LOG = logging.getLogger("test")


def shown(*messages, style=PLAIN, resource_labels=False):
    accumulator = Accumulator(resource_labels=resource_labels, service_labels=True)
    for now, message in enumerate(messages):
        accumulator.add(message.resource_metrics, float(now))
    text = page(accumulator.live(0.0), style, LOG).decode()
    return [line for line in text.splitlines() if not line.startswith("# HELP")]


def test_names_types_and_values_on_the_page():
    message = request(
        number_metric("sum", "system.cpu.time", [({"cpu": "cpu0", "state": "user"}, 1.5)], unit="s"),
        number_metric("sum", "system.memory.usage", [({"state": "free"}, 2048)], unit="By", monotonic=False),
        number_metric("gauge", "system.cpu.utilization", [({"a": 'q"\\\n'}, 0.25)], unit="1"),
        histogram("http.server.request.duration", [({"code": 200}, [1, 2, 3], 9.0)]),
    )
    assert shown(message) == [
        "# TYPE http_server_request_duration_seconds histogram",
        'http_server_request_duration_seconds_bucket{code="200",le="1"} 1',
        'http_server_request_duration_seconds_bucket{code="200",le="5"} 3',
        'http_server_request_duration_seconds_bucket{code="200",le="+Inf"} 6',
        'http_server_request_duration_seconds_sum{code="200"} 9',
        'http_server_request_duration_seconds_count{code="200"} 6',
        "# TYPE system_cpu_time_seconds_total counter",
        'system_cpu_time_seconds_total{cpu="cpu0",state="user"} 1.5',
        "# TYPE system_cpu_utilization_ratio gauge",
        'system_cpu_utilization_ratio{a="q\\"\\\\\\n"} 0.25',
        "# TYPE system_memory_usage_bytes gauge",
        'system_memory_usage_bytes{state="free"} 2048',
    ]


def test_resources_without_conversion_collapse_as_in_the_collector():
    one = request(number_metric("gauge", "m", [({}, 1)]), resource={"process.pid": 1})
    two = request(number_metric("gauge", "m", [({}, 2)]), resource={"process.pid": 2})
    assert shown(one, two) == ["# TYPE m gauge", "m 2"]
    assert shown(one, two, resource_labels=True) == [
        "# TYPE m gauge", 'm{process_pid="1"} 1', 'm{process_pid="2"} 2',
    ]  # fmt: skip


def test_job_instance_target_info_scope_and_constants():
    message = request(
        number_metric("gauge", "m", [({}, 1)]),
        resource={"service.name": "cart", "service.namespace": "shop", "service.instance.id": "i1", "host.name": "h"},
    )
    style = Style("ns", {"env": "test"}, timestamps=True, scope_info=True)
    assert shown(message, style=style) == [
        "# TYPE ns_m gauge",
        'ns_m{env="test",instance="i1",job="shop/cart",otel_scope_name="scope",otel_scope_schema_url="",otel_scope_version="1.0"} 1 1700000000000',
        "# TYPE ns_target_info gauge",
        'ns_target_info{host_name="h",instance="i1",job="shop/cart"} 1',
    ]


def delta(value, start, end, monotonic=True):
    metric = number_metric("sum", "d", [({}, value)], temporality=DELTA, monotonic=monotonic)
    metric.sum.data_points[0].start_time_unix_nano, metric.sum.data_points[0].time_unix_nano = start, end
    return request(metric)


def test_deltas_that_join_are_added_up_others_begin_anew():
    assert shown(delta(5, 10, 20), delta(7, 20, 30)) == ["# TYPE d_total counter", "d_total 12"]
    assert shown(delta(5, 10, 20), delta(7, 25, 30)) == ["# TYPE d_total counter", "d_total 7"]
    assert shown(delta(5, 10, 20, monotonic=False)) == []


def test_old_points_are_ignored_and_stale_ones_end_their_series():
    new = request(number_metric("gauge", "m", [({}, 2, 100)]))
    old = request(number_metric("gauge", "m", [({}, 1, 50)]))
    assert shown(new, old) == ["# TYPE m gauge", "m 2"]
    stale = request(number_metric("gauge", "m", [({}, 0, 200)]))
    stale.resource_metrics[0].scope_metrics[0].metrics[0].gauge.data_points[0].flags = 1
    assert shown(new, stale) == []


def test_clashes_are_left_out_not_shown_wrong():
    message = request(
        number_metric("gauge", "m", [({"a.b": "1", "a_b": "2"}, 1), ({"a.b": "1"}, 3)]),
        number_metric("sum", "x.total", [({}, 1)]), number_metric("gauge", "x_total", [({}, 1)]),
    )  # fmt: skip
    assert shown(message) == ["# TYPE m gauge", 'm{a_b="1"} 3', "# TYPE x_total counter", "x_total 1"]


def test_series_expire():
    accumulator = Accumulator(resource_labels=False, service_labels=True)
    accumulator.add(request(number_metric("gauge", "old", [({}, 1)])).resource_metrics, 0.0)
    accumulator.add(request(number_metric("gauge", "new", [({}, 1)])).resource_metrics, 10.0)
    assert [series.metric for series in accumulator.live(5.0)] == ["new"]


def exporter(kind, yaml, telemetry=None):
    config, findings = parse(EXPORTERS[kind], yaml)
    assert not findings, findings
    return EXPORTERS[kind].create(settings(kind, telemetry), config)


def payload(value=1):
    return Metrics.received(
        request(number_metric("sum", "m", [({"a": 1}, value), ({"a": 2}, value)])).SerializeToString()
    )


async def test_the_file_exporter_writes_what_can_be_read_back(tmp_path):
    path = tmp_path / "deep" / "out.jsonl"
    made = exporter("file", f"{{path: '{path}', create_directory: true}}")
    await made.start()
    await made.consume(payload(2**60))
    await made.consume(payload())
    await made.shutdown()
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    point = lines[0]["resourceMetrics"][0]["scopeMetrics"][0]["metrics"][0]["sum"]["dataPoints"][0]
    assert point["asInt"] == str(2**60)
    assert point["timeUnixNano"] == str(T0)
    assert lines[0]["resourceMetrics"][0]["scopeMetrics"][0]["metrics"][0]["sum"]["aggregationTemporality"] == 2
    assert len(lines) == 2
    proto = exporter("file", f"{{path: '{path}', format: proto, append: true}}")
    before = path.stat().st_size
    await proto.start()
    await proto.consume(payload())
    await proto.shutdown()
    frame = path.read_bytes()[before:]
    assert struct.unpack(">I", frame[:4])[0] == len(frame) - 4
    assert len(numbers(ExportMetricsServiceRequest.FromString(frame[4:]))) == 2


async def test_a_file_that_cannot_be_opened_is_a_start_error(tmp_path):
    with pytest.raises(StartError, match="No such file"):
        await exporter("file", f"path: '{tmp_path}/no/where'").start()


async def test_the_debug_exporter_tells(caplog):
    made = exporter("debug", "verbosity: normal")
    with caplog.at_level("INFO"):
        await made.consume(payload())
    assert caplog.messages == ["Metrics resource_metrics=1 metrics=1 data_points=2", "m{a=1} 1", "m{a=2} 1"]


class Backend:
    """A real HTTP server that answers with the statuses it was given, then 200."""

    def __init__(self, *statuses, hold=None):
        self.statuses, self.bodies, self.encodings, self.hold = list(statuses), [], [], hold

    async def __aenter__(self):
        async def take(got):
            if self.hold:
                await self.hold.wait()
            self.bodies.append(await got.read())
            self.encodings.append(got.headers.get("Content-Encoding", ""))
            status = self.statuses.pop(0) if self.statuses else 200
            return web.Response(status=status)

        app = web.Application()
        app.router.add_post("/v1/metrics", take)
        self.runner = web.AppRunner(app, auto_decompress=False)
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self.runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_):
        if self.hold:
            self.hold.set()
        await self.runner.cleanup()


def counts(telemetry):
    found = {}
    for line in telemetry.render().decode().splitlines():
        if line.startswith("otelcol_exporter_"):
            name, value = line.rsplit(" ", 1)
            found[name.split("{")[0].removeprefix("otelcol_exporter_")] = int(float(value))
    return found


RETRY = "retry_on_failure: {initial_interval: 5ms, max_interval: 10ms, max_elapsed_time: 5s}"


async def test_retryable_answers_are_retried_and_permanent_ones_are_not():
    telemetry = Telemetry()
    async with Backend(503, 429, 200, 400) as backend:
        made = exporter(
            "otlphttp",
            f"{{endpoint: '{backend.url}', compression: none, {RETRY}, sending_queue: {{enabled: false}}}}",
            telemetry,
        )
        await made.start()
        await made.consume(payload())
        with pytest.raises(ConsumeError) as caught:
            await made.consume(payload())
        assert not caught.value.retryable
        await made.shutdown()
        assert len(backend.bodies) == 4
        assert backend.bodies[0] == payload().encoded()
    assert counts(telemetry) == {
        "sent_metric_points": 2,
        "send_failed_metric_points": 2,
        "enqueue_failed_metric_points": 0,
    }


async def test_gzip_is_the_default():
    async with Backend() as backend:
        made = exporter("otlphttp", f"endpoint: '{backend.url}/'")
        await made.start()
        await made.consume(payload())
        await made.shutdown()
        assert backend.encodings == ["gzip"]
        assert gzip.decompress(backend.bodies[0]) == payload().encoded()


async def test_a_full_queue_refuses_and_counts_and_shutdown_sends_the_rest():
    telemetry, gate = Telemetry(), asyncio.Event()
    async with Backend(hold=gate) as backend:
        made = exporter(
            "otlphttp", f"{{endpoint: '{backend.url}', sending_queue: {{queue_size: 2, num_consumers: 1}}}}", telemetry
        )
        await made.start()
        await made.consume(payload())
        await made.consume(payload())
        with pytest.raises(ConsumeError, match="queue is full"):
            await made.consume(payload())
        assert counts(telemetry)["queue_size"] == 2
        gate.set()
        await made.shutdown()
        await made.shutdown()
        assert len(backend.bodies) == 2
    assert counts(telemetry) == {
        "sent_metric_points": 4, "send_failed_metric_points": 0, "enqueue_failed_metric_points": 2, "queue_size": 0,
        "queue_capacity": 2,
    }  # fmt: skip


async def test_a_queue_that_cannot_be_sent_in_time_is_counted_as_failed():
    telemetry, gate = Telemetry(), asyncio.Event()
    async with Backend(hold=gate) as backend:
        made = exporter("otlphttp", f"{{endpoint: '{backend.url}', sending_queue: {{num_consumers: 1}}}}", telemetry)
        await made.start()
        for _ in range(3):
            await made.consume(payload())
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await made.shutdown()
    assert counts(telemetry)["send_failed_metric_points"] == 6


async def test_nobody_listening_is_retryable_and_ends_at_shutdown():
    telemetry = Telemetry()
    made = exporter("otlphttp", f"{{endpoint: 'http://127.0.0.1:1', {RETRY.replace('5ms', '10s')}}}", telemetry)
    await made.start()
    await made.consume(payload())
    async with asyncio.timeout(5):
        await made.shutdown()
    assert counts(telemetry)["send_failed_metric_points"] == 2
