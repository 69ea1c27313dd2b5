"""OTLP/gRPC between both engines, each sending and each receiving; what arrives is what was sent."""

from __future__ import annotations

import time
from contextlib import AsyncExitStack
from pathlib import Path

import grpc
import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from tests.harness.engines import engine
from tests.harness.eventually import eventually
from tests.harness.otlp_sink import OtlpSink
from tests.unit.engine.otlp import number_metric, numbers, request

pytestmark = pytest.mark.process
EXPORT = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export"
SERVICE = "service:\n  pipelines:\n    metrics: {receivers: [otlp], exporters: [%s]}"
RECEIVES = '      grpc: {endpoint: "127.0.0.1:@grpc@", max_recv_msg_size_mib: 1}'
TO_SINK = 'exporters:\n  otlphttp: {endpoint: "%s", compression: none}\n' + SERVICE % "otlphttp"
TO_GRPC = (
    """\
exporters:
  otlp:
    endpoint: 127.0.0.1:%d
    compression: %s
    tls: {insecure: true}
    retry_on_failure: {initial_interval: 100ms, max_interval: 200ms}
"""
    + SERVICE % "otlp"
)


def points(number: int) -> ExportMetricsServiceRequest:
    return request(number_metric("sum", "m", [({"n": str(n)}, n) for n in range(number)]))


@pytest.mark.parametrize(
    ("sender", "receiver", "compression"),
    [("Otelcol", "Embedded", "gzip"), ("Embedded", "Otelcol", "gzip"), ("Embedded", "Embedded", "none")],
)
async def test_what_is_sent_arrives(tmp_path: Path, sender: str, receiver: str, compression: str) -> None:
    async with AsyncExitStack() as stack:
        sink = await stack.enter_async_context(OtlpSink())
        for name in ("to", "from"):
            (tmp_path / name).mkdir()
        last = await stack.enter_async_context(
            engine(receiver, tmp_path / "to", RECEIVES, TO_SINK % sink.endpoint, grpc=0)
        )
        first = await stack.enter_async_context(
            engine(sender, tmp_path / "from", "", TO_GRPC % (last.ports["grpc"], compression))
        )
        sent = [points(1), points(3000), points(20)]
        for one in sent:
            assert await first.send(one.SerializeToString()) == 200
        expected = sorted((row for one in sent for row in numbers(one)), key=repr)

        async def arrived() -> list[object]:
            bodies = [ExportMetricsServiceRequest.FromString(body) for body in sink.payloads]
            return sorted((row for body in bodies for row in numbers(body)), key=repr)

        await eventually(arrived, lambda rows: len(rows) >= len(expected), within_s=30, what="all points")
        assert await arrived() == expected
        # What is too large for the receiver is refused for good, and does not hold up what comes after.
        assert await first.send(points(60_000).SerializeToString()) == 200
        assert await first.send(points(1).SerializeToString()) == 200
        await eventually(arrived, lambda rows: len(rows) > len(expected), within_s=30, what="the point after")

        async def failed() -> float:
            return (await first.counters()).get("otelcol_exporter_send_failed_metric_points", 0.0)

        await eventually(failed, lambda found: found == 60_000, within_s=30, what="the large one counted as failed")


@pytest.mark.parametrize("which", ["Embedded", "Otelcol"])
async def test_statuses_are_those_of_the_collector(tmp_path: Path, which: str) -> None:
    """The sending queue of one takes one request; the receiver behind it never answers."""
    async with OtlpSink() as sink:
        sink.flow.clear()
        full = TO_SINK.replace(
            "compression: none", "compression: none, sending_queue: {queue_size: 1, num_consumers: 1}"
        )
        async with engine(which, tmp_path, RECEIVES, full % sink.endpoint, grpc=0) as found:
            async with grpc.aio.insecure_channel(f"127.0.0.1:{found.ports['grpc']}") as channel:
                call = channel.unary_unary(EXPORT)

                async def code(body: bytes, method: object = call) -> str:
                    try:
                        await method(body, timeout=20, wait_for_ready=True)  # type: ignore[operator]
                    except grpc.aio.AioRpcError as error:
                        return str(error.code().name)
                    return "OK"

                body = points(1).SerializeToString()
                assert await code(b"") == "OK"
                assert await code(b"\xff\xff") == "INTERNAL"
                assert await code(points(60_000).SerializeToString()) == "RESOURCE_EXHAUSTED"
                unknown = channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")
                assert await code(b"", unknown) == "UNIMPLEMENTED"
                until = time.monotonic() + 20
                codes = [await code(body)]
                while codes[-1] == "OK" and time.monotonic() < until:
                    codes.append(await code(body))
                assert codes[0] == "OK"
                assert codes[-1] == "UNAVAILABLE"
            sink.flow.set()
