"""How fast the shipped generator can go: encoding alone, and sending to one and to two sinks that drop everything.

usage: python benchmarks/loadgen_throughput.py [--seconds 1.0] [--size S]
The sinks are processes of their own, so that on two cores the figure is that of the generator's process as long as it
is the slower of the two. Encoding is compared with building the same request from protobuf objects, alternating.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import time
from contextlib import ExitStack
from typing import cast

import numpy as np
import uvloop
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from phoenix.loadmodel.emitter import Emitter
from phoenix.loadmodel.load import Load
from phoenix.otlp.encode import MetricShape, ResourceShape, Template, encode_attributes
from phoenix.otlp.fanout import Fanout, Target
from phoenix.otlp.model import MetricType

_TICK_NS = 1_000_000_000


class DroppingSink(asyncio.Protocol):
    """Reads requests by their Content-Length and answers 200 without looking at them."""

    def __init__(self) -> None:
        self._head = bytearray()
        self._left = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)

    def data_received(self, data: bytes) -> None:
        at = 0
        while at < len(data):
            if self._left:
                taken = min(self._left, len(data) - at)
                self._left -= taken
                at += taken
            else:
                self._head += data[at:]
                end = self._head.find(b"\r\n\r\n")
                if end < 0:
                    return
                head = bytes(self._head[:end]).lower()
                at = len(data) - (len(self._head) - end - 4)
                self._left = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
                self._head.clear()
            if not self._left:
                self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


async def sink() -> None:
    server = await asyncio.get_running_loop().create_server(DroppingSink, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await asyncio.to_thread(sys.stdin.read)  # until the benchmark closes the pipe


def encoding(size: str, seconds: float) -> dict[str, float]:
    load = Load(Emitter.from_json({"size": size}), seed=7, interval_s=1.0)
    messages = [ExportMetricsServiceRequest.FromString(payload.data) for payload in load.tick(0)]
    ours: list[float] = []
    objects: list[float] = []
    ends = time.perf_counter() + seconds
    tick = 0
    while time.perf_counter() < ends or len(ours) < 7:
        tick += 1
        began = time.perf_counter()
        load.tick(tick)
        ours.append(time.perf_counter() - began)
        began = time.perf_counter()
        for message in messages:
            rebuilt(message, tick)
        objects.append(time.perf_counter() - began)
    return {
        "points": load.points,
        "template_points_per_s": load.points / statistics.median(ours),
        "objects_points_per_s": load.points / statistics.median(objects),
        "ratio": statistics.median(slow / fast for slow, fast in zip(objects, ours, strict=True)),
    }


def number_points(seconds: float) -> dict[str, float]:
    """`Template.encode` by itself: 10,000 number points of eight attributes."""
    points = [encode_attributes(7, [(f"key{n}", f"value-{p}-{n}") for n in range(8)]) for p in range(10_000)]
    template = Template([ResourceShape((), [MetricShape("m", "1", MetricType.SUM, points)])])
    values = np.arange(10_000, dtype=np.float64).view(np.uint64)
    took: list[float] = []
    ends = time.perf_counter() + seconds
    while time.perf_counter() < ends or len(took) < 7:
        began = time.perf_counter()
        template.encode(len(took), values)
        took.append(time.perf_counter() - began)
    return {"points_per_s": template.points / statistics.median(took), "bytes": template.size_bytes}


def rebuilt(message: ExportMetricsServiceRequest, tick: int) -> bytes:
    """The kinder way with objects: keep them, set every time, serialise. Values are left out, in its favour."""
    for resource in message.resource_metrics:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                for point in getattr(metric, metric.WhichOneof("data")).data_points:
                    point.time_unix_nano = tick
    return message.SerializeToString()


async def sending(size: str, seconds: float, ports: list[int]) -> dict[str, float]:
    load = Load(Emitter.from_json({"size": size}), seed=7, interval_s=1.0)
    targets = [Target(f"sink-{port}", f"http://127.0.0.1:{port}") for port in ports]
    sent, tick = 0, 0
    async with Fanout(targets, window_ns=2 * _TICK_NS) as fanout:
        cpu, began = time.process_time(), time.perf_counter()
        while time.perf_counter() < began + seconds:
            tick += _TICK_NS
            for payload in load.tick(tick):
                outcomes = await fanout.send(payload.data, points=payload.points, tick_unix_nano=tick)
                assert not any(outcome.failure for outcome in outcomes), outcomes
            fanout.close_windows(tick)
            sent += load.points
        took, cpu = time.perf_counter() - began, time.process_time() - cpu
    return {"points_per_s_to_each": sent / took, "cpu_ns_per_point_and_target": cpu / sent / len(ports) * 1e9}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=1.0, help="length of each measurement")
    parser.add_argument("--size", default="S", choices=["S", "M", "L"])
    parser.add_argument("--sink", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.sink:
        uvloop.run(sink())
        return
    figures: dict[str, dict[str, float]] = {
        "encode_number_points": number_points(options.seconds / 4),
        "model_and_encode": encoding(options.size, options.seconds),
    }
    with ExitStack() as stack:
        ports: list[int] = []
        for _ in range(2):
            command = [sys.executable, __file__, "--sink"]
            child = stack.enter_context(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE))
            assert child.stdin is not None
            assert child.stdout is not None
            stack.callback(child.stdin.close)
            ports.append(int(child.stdout.readline()))
        for count in (1, 2):
            figures[f"send_to_{count}"] = uvloop.run(sending(options.size, options.seconds, ports[:count]))
    print(json.dumps({"size": options.size, **figures}, indent=2))


if __name__ == "__main__":
    main()
