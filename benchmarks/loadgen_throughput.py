"""How fast the shipped generator can go: encoding alone, and sending to one and to two sinks that drop everything.

The sinks are processes of their own, so that on two cores the figure is that of the generator's process as long as it
is the slower of the two. Encoding is compared with building the same request from protobuf objects, alternating.
"""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import cast

import numpy as np
import uvloop
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from benchmarks.processes import ROOT, python
from benchmarks.result import Row, Setting, ratios
from phoenix.loadmodel.emitter import Emitter
from phoenix.loadmodel.load import Load
from phoenix.otlp.encode import MetricShape, ResourceShape, Template, encode_attributes
from phoenix.otlp.fanout import Fanout, Target
from phoenix.otlp.model import MetricType

TITLE = "The generator alone"
LIMIT = (
    "Encoding writes times and values into prepared payloads; sending is HTTP over loopback, with the sinks on "
    "the other core. The generator is never what limits a run."
)
SECONDS = 1.0
SIZE = "S"
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


@dataclass(frozen=True, slots=True)
class Encoded:
    """Seconds a tick took, pair by pair."""

    points: int
    ours: list[float]
    objects: list[float]


def encoding(seconds: float) -> Encoded:
    """The model and its encoder against protobuf objects that are kept and written over."""
    load = Load(Emitter.from_json({"size": SIZE}), seed=7, interval_s=1.0)
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
    return Encoded(load.points, ours, objects)


def number_points(seconds: float) -> float:
    """Points a second of `Template.encode` by itself: 10,000 number points of eight attributes."""
    points = [encode_attributes(7, [(f"key{n}", f"value-{p}-{n}") for n in range(8)]) for p in range(10_000)]
    template = Template([ResourceShape((), [MetricShape("m", "1", MetricType.SUM, points)])])
    values = np.arange(10_000, dtype=np.float64).view(np.uint64)
    took: list[float] = []
    ends = time.perf_counter() + seconds
    while time.perf_counter() < ends or len(took) < 7:
        began = time.perf_counter()
        template.encode(len(took), values)
        took.append(time.perf_counter() - began)
    return template.points / statistics.median(took)


def rebuilt(message: ExportMetricsServiceRequest, tick: int) -> bytes:
    """The kinder way with objects: keep them, set every time, serialise. Values are left out, in its favour."""
    for resource in message.resource_metrics:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                for point in getattr(metric, metric.WhichOneof("data")).data_points:
                    point.time_unix_nano = tick
    return bytes(message.SerializeToString())


async def sending(seconds: float, ports: list[int]) -> tuple[float, float]:
    """Points a second to each of the sinks, and CPU in nanoseconds a point and sink."""
    load = Load(Emitter.from_json({"size": SIZE}), seed=7, interval_s=1.0)
    targets = [Target(f"sink-{port}", f"http://127.0.0.1:{port}") for port in ports]
    sent, tick = 0, 0
    async with Fanout(targets, window_ns=2 * _TICK_NS) as fanout:
        cpu, began = time.process_time(), time.perf_counter()
        while time.perf_counter() < began + seconds:
            tick += _TICK_NS
            for payload in load.tick(tick):
                outcomes = await fanout.send(payload.data, points=payload.points, tick_unix_nano=tick)
                failures = [outcome.failure for outcome in outcomes if outcome.failure]
                if failures:
                    raise RuntimeError(f"a sink refused: {failures}")
            fanout.close_windows(tick)
            sent += load.points
        took, cpu = time.perf_counter() - began, time.process_time() - cpu
    return sent / took, cpu / sent / len(ports) * 1e9


def run(setting: Setting) -> Iterator[Row]:
    """Encoding, then sending to one and to two sinks."""
    seconds = setting.seconds(SECONDS)
    encoded = encoding(seconds)
    yield Row(
        "model and encode a tick",
        f"{encoded.points / statistics.median(encoded.ours):,.0f} points/s",
        peer=f"protobuf objects kept {encoded.points / statistics.median(encoded.objects):,.0f} points/s",
        measured=ratios(encoded.objects, encoded.ours),
        note=f"beside it: the bare encoder, number points alone, {number_points(seconds / 2):,.0f} points/s",
    )
    with ExitStack() as stack:
        ports: list[int] = []
        for _ in range(2):
            child = stack.enter_context(
                subprocess.Popen(python(__name__), cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            )
            assert child.stdin is not None
            assert child.stdout is not None
            stack.callback(child.stdin.close)
            ports.append(int(child.stdout.readline()))
        for count in (1, 2):
            rate, cpu_ns = uvloop.run(sending(seconds, ports[:count]))
            name = f"model, encode and send to {count} sink{'s' * (count > 1)}"
            yield Row(name, f"{rate:,.0f} points/s to each, {cpu_ns:.0f} ns of CPU a point and sink")


if __name__ == "__main__":
    uvloop.run(sink())
