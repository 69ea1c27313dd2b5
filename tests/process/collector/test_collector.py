# ruff: noqa: E501 (a configuration in flow style)
"""The collector program as a real child: data in over HTTP, data out to a real sink, nothing lost at SIGTERM."""

import asyncio
import gzip
import io
import signal
import socket
import sys

import aiohttp
import pytest
from aiohttp import web
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from phoenix.collector.__main__ import main
from tests.harness.samples_route import free_port
from tests.unit.engine.otlp import number_metric, numbers, request

pytestmark = pytest.mark.process
HEADERS = {"Content-Type": "application/x-protobuf"}


class Sink:
    def __init__(self):
        self.bodies = []

    async def __aenter__(self):
        async def take(got):
            self.bodies.append(await got.read())
            return web.Response()

        app = web.Application(client_max_size=1 << 28)
        app.router.add_post("/v1/metrics", take)
        self.runner = web.AppRunner(app)
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", 0).start()
        self.port = self.runner.addresses[0][1]
        return self

    async def __aexit__(self, *_):
        await self.runner.cleanup()

    def rows(self):
        return sorted(
            (row for body in self.bodies for row in numbers(ExportMetricsServiceRequest.FromString(body))), key=repr
        )


class Child:
    """A collector process; `port` by name: otlp, health, telemetry."""

    def __init__(self, folder, config, ports):
        self.file, self.port = folder / "config.yaml", ports
        self.file.write_text(config)

    async def __aenter__(self):
        self.process = await start("--config", str(self.file))
        self.http = aiohttp.ClientSession()
        return self

    async def __aexit__(self, *_):
        await self.http.close()
        if self.process.returncode is None:
            self.process.kill()
        await self.process.communicate()

    async def ready(self):
        async with asyncio.timeout(40):
            while True:
                assert self.process.returncode is None, (await self.process.stderr.read()).decode()
                try:
                    async with self.http.get(f"http://127.0.0.1:{self.port['health']}/") as answer:
                        if answer.status == 200:
                            return
                except aiohttp.ClientError:
                    pass
                await asyncio.sleep(0.02)

    async def post(self, body, headers=None, path="/v1/metrics"):
        url = f"http://127.0.0.1:{self.port['otlp']}{path}"
        async with self.http.post(url, data=io.BytesIO(body), headers={**HEADERS, **(headers or {})}) as answer:
            return answer.status, await answer.read(), answer.content_type

    async def telemetry(self):
        async with self.http.get(f"http://127.0.0.1:{self.port['telemetry']}/metrics") as answer:
            lines = (await answer.text()).splitlines()
        return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in lines if not line.startswith("#")}

    async def stop(self):
        self.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(40):
            _, err = await self.process.communicate()
        return self.process.returncode, err.decode()


async def start(*argv):
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "phoenix.collector", *argv, stderr=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )


async def run(*argv):
    process = await start(*argv)
    async with asyncio.timeout(40):
        out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


def config(sink_port, *, processors="{batch: {timeout: 10s}}", chain="[batch]"):
    ports = {"otlp": free_port(), "health": free_port(), "telemetry": free_port()}
    text = f"""
receivers: {{otlp: {{protocols: {{http: {{endpoint: "127.0.0.1:{ports["otlp"]}"}}}}}}}}
processors: {processors}
exporters:
  otlphttp:
    endpoint: http://127.0.0.1:{sink_port}
    compression: none
    retry_on_failure: {{enabled: false}}
    sending_queue: {{num_consumers: 1}}
extensions: {{health_check: {{endpoint: "127.0.0.1:{ports["health"]}"}}}}
service:
  extensions: [health_check]
  telemetry:
    metrics: {{level: basic, readers: [{{pull: {{exporter: {{prometheus: {{host: 127.0.0.1, port: {ports["telemetry"]}}}}}}}}}]}}
  pipelines: {{metrics: {{receivers: [otlp], processors: {chain}, exporters: [otlphttp]}}}}
"""
    return text, ports


def body(value, points=50):
    metric = number_metric("sum", "m", [({"i": i, "v": value}, value) for i in range(points)])
    return request(metric, resource={"r": "x"}).SerializeToString()


async def test_data_goes_through_and_sigterm_loses_nothing(tmp_path):
    async with Sink() as sink, Child(tmp_path, *config(sink.port)) as child:
        await child.ready()
        for value in range(20):
            data = body(value)
            if value % 2:
                answer = await child.post(gzip.compress(data), {"Content-Encoding": "gzip"})
            else:
                answer = await child.post(data)
            assert answer == (200, b"", "application/x-protobuf")
        seen = await child.telemetry()
        assert seen['otelcol_receiver_accepted_metric_points{receiver="otlp",transport="http"}'] == 1000
        assert seen['otelcol_exporter_sent_metric_points{exporter="otlphttp"}'] == 0, "the batch waits for its timer"
        assert seen["otelcol_process_memory_rss"] > 1e6
        assert seen["otelcol_process_cpu_seconds"] > 0
        code, log = await child.stop()
        assert code == 0, log
        expected = sorted(
            ((("r", "x"),), "m", (("i", i), ("v", value)), value) for value in range(20) for i in range(50)
        )
        assert sink.rows() == sorted(expected, key=repr)
        assert len(sink.bodies) == 1, "one batch"


async def test_a_chain_of_processors_in_a_child(tmp_path):
    processors = """
  filter: {metrics: {datapoint: ['attributes["i"] >= 10']}}
  transform:
    metric_statements: [{context: metric, statements: ['aggregate_on_attributes("sum", ["v"])']}]
  resource: {attributes: [{key: phoenix.variant, value: "${env:VARIANT:-none}", action: upsert}]}
  batch: {timeout: 10ms}
"""
    text, ports = config(0, processors=processors, chain="[filter, transform, resource, batch]")
    async with Sink() as sink:
        text = text.replace("127.0.0.1:0\n", f"127.0.0.1:{sink.port}\n")
        async with Child(tmp_path, text, ports) as child:
            await child.ready()
            assert (await child.post(body(3, points=1000)))[0] == 200
            seen = await child.telemetry()
            assert seen['otelcol_processor_incoming_items{otel_signal="metrics",processor="filter"}'] == 1000
            assert seen['otelcol_processor_outgoing_items{otel_signal="metrics",processor="filter"}'] == 10
            assert seen['otelcol_processor_outgoing_items{otel_signal="metrics",processor="transform"}'] == 1
            assert (await child.stop())[0] == 0
        assert sink.rows() == [((("phoenix.variant", "none"), ("r", "x")), "m", (("v", 3),), 30)]


async def test_bad_requests_are_answered_as_the_collector_answers(tmp_path):
    async with Sink() as sink, Child(tmp_path, *config(sink.port)) as child:
        await child.ready()
        status, answer, kind = await child.post(b"\xff\xff garbage")
        assert (status, kind) == (400, "application/x-protobuf")
        assert answer.startswith(b"\x08\x03\x12"), "a google.rpc.Status with code INVALID_ARGUMENT"
        assert (await child.post(b"{}", {"Content-Type": "text/plain"}))[0] == 415
        assert (await child.post(b"x", {"Content-Encoding": "gzip"}))[0] == 400
        cut_short = gzip.compress(body(1))[:-20]
        assert (await child.post(cut_short, {"Content-Encoding": "gzip"}))[0] == 400
        bomb = gzip.compress(bytes(32 << 20))
        assert (await child.post(bomb, {"Content-Encoding": "gzip"}))[0] == 400
        assert (await child.post(b"x", {"Content-Encoding": "snappy"}))[0] == 400
        assert (await child.post(b"", path="/v1/traces"))[0] == 404
        assert (await child.post(b""))[0] == 200, "an empty request is fine"
        async with child.http.get(f"http://127.0.0.1:{child.port['otlp']}/v1/metrics") as got:
            assert got.status == 405
        assert (await child.stop())[0] == 0
        assert sink.bodies == []


async def test_a_full_path_refuses_with_503(tmp_path):
    text, ports = config(1, processors="{}", chain="[]")
    text = text.replace("sending_queue: {num_consumers: 1}", "sending_queue: {enabled: false}")
    async with Child(tmp_path, text, ports) as child:
        await child.ready()
        assert (await child.post(body(1)))[0] == 503
        seen = await child.telemetry()
        assert seen['otelcol_receiver_refused_metric_points{receiver="otlp",transport="http"}'] == 50
        assert seen['otelcol_exporter_send_failed_metric_points{exporter="otlphttp"}'] == 50


async def test_a_bad_configuration_is_one_line_a_fault_and_exit_2(tmp_path):
    text, _ = config(1, processors="{batch: {nope: 1}, kafka: {}}")
    file = tmp_path / "c.yaml"
    file.write_text(text)
    code, out, err = await run("--config", str(file))
    assert code == 2, err
    assert len(err.splitlines()) == 2, err
    assert "processors.batch: has invalid keys: nope" in err
    assert "processors.kafka" in err
    assert out == ""


def test_validate_and_usage(tmp_path, capsys):
    file = tmp_path / "c.yaml"
    file.write_text(config(1)[0])
    assert main(["--config", str(file), "--validate"]) == 0
    assert capsys.readouterr() == ("", "")
    assert main(["--config", str(tmp_path / "missing.yaml")]) == 2
    assert "cannot be read: No such file" in capsys.readouterr().err
    file.write_bytes(b"\xff")
    assert main(["--config", str(file)]) == 2
    assert "is not UTF-8" in capsys.readouterr().err
    assert main([]) == 2


async def test_a_taken_port_is_named_and_exit_1(tmp_path):
    text, ports = config(1)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", ports["otlp"]))
        taken.listen()
        file = tmp_path / "c.yaml"
        file.write_text(text)
        code, _, err = await run("--config", str(file))
    assert code == 1
    assert f"receivers.otlp: cannot listen on 127.0.0.1:{ports['otlp']}: address already in use" in err
    assert "Traceback" not in err


async def test_a_dead_backend_does_not_keep_it_from_stopping(tmp_path):
    dead = socket.socket()  # listens, never answers
    dead.bind(("127.0.0.1", 0))
    dead.listen()
    text, ports = config(dead.getsockname()[1])
    async with Child(tmp_path, text, ports) as child:
        await child.ready()
        assert (await child.post(body(1)))[0] == 200
        begun = asyncio.get_running_loop().time()
        code, log = await child.stop()
        assert code == 0, log
        assert asyncio.get_running_loop().time() - begun < 5.5
        assert "data may be lost" in log or "lost at shutdown" in log
    dead.close()
