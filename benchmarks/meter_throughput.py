"""Points per second that one meter process takes over real HTTP, points shuffled in every request.

    python -m benchmarks.meter_throughput [seconds] [--same-order] [--new]

Starts the shipped `python -m phoenix.meter` and posts requests of 10,000 counter points with 8 attributes (349 bytes a
point) over two connections, plain, each request in another order and with another time stamp, one signal asked for. The
figure that other work on the machine disturbs least is CPU per point. `--same-order` sends the points in one order, as
most senders do. `--new` posts only series never seen before, and tells the memory a series takes.
"""

from __future__ import annotations

import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import psutil
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest as Request

POINTS, METRICS, ORDERS = 10_000, 10, 8
TIME = 0x1122334455667788
STREAM = "sum by (k8s_namespace_name) (rate(app_metric_0_total[4s]))"


def payload(first: int, seed: int) -> bytes:
    """POINTS points of series numbered from `first`, in an order that `seed` decides; every time stamp is TIME."""
    order, request = random.Random(seed), Request()
    scope = request.resource_metrics.add()
    for key, value in (("service.name", "checkout"), ("service.version", "1.2.3"), ("deployment.environment", "test")):
        scope.resource.attributes.add(key=key).value.string_value = value
    metrics = scope.scope_metrics.add()
    for number in range(METRICS):
        data = metrics.metrics.add(name=f"app.metric.{number}", unit="1").sum
        data.aggregation_temporality, data.is_monotonic = 2, True
        series = list(range(first, first + POINTS // METRICS))
        order.shuffle(series)
        for index in series:
            point = data.data_points.add(start_time_unix_nano=TIME - 1, time_unix_nano=TIME, as_double=order.random())
            for key, text in attributes(index):
                point.attributes.add(key=key).value.string_value = text
            point.attributes.add(key="http.response.status_code").value.int_value = (200, 201, 404, 500)[index % 4]
    return request.SerializeToString()


def attributes(index: int) -> list[tuple[str, str]]:
    return [
        ("http.request.method", ("GET", "POST", "PUT", "DELETE")[index % 4]),
        ("http.route", f"/api/v1/resource{index % 37}/{{id}}"),
        ("k8s.namespace.name", f"team-{index % 13}"),
        ("k8s.pod.name", f"checkout-7d9f8b6c5-{index:06x}"),
        ("host.name", f"node-{index % 50:03d}.eu-west-1.internal"),
        ("cloud.region", "eu-west-1"),
        ("service.instance.id", f"627cc493-f310-47de-96bd-{index:012x}"),
    ]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start(folder: Path) -> tuple[subprocess.Popen[bytes], int, int]:
    """The meter, its OTLP port and its health port; ready."""
    otlp, health = free_port(), free_port()
    config = {
        "otlpAddress": f"127.0.0.1:{otlp}",
        "healthAddress": f"127.0.0.1:{health}",
        "variants": ["baseline"],
        "signals": [{"name": "rate", "query": STREAM}],
    }
    path = folder / "config.json"
    path.write_text(json.dumps(config))
    child = subprocess.Popen([sys.executable, "-m", "phoenix.meter", "--config", str(path)])
    for _ in range(400):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{health}/").read()
            return child, otlp, health
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.05)
    raise TimeoutError("the meter did not get ready")


class Body:
    """A payload whose time stamps are written over before it is sent; costs the sender next to nothing."""

    def __init__(self, data: bytes) -> None:
        self.data = bytearray(data)
        mark = TIME.to_bytes(8, "little")
        places, at = [], data.find(mark)
        while at >= 0:
            places.append(at)
            at = data.find(mark, at + 8)
        self._places = np.array(places)
        self._words = np.ndarray((len(data) - 7,), "<u8", buffer=self.data, strides=(1,))

    def stamp(self) -> bytearray:
        self._words[self._places] = time.time_ns()
        return self.data


class Sender:
    """One connection that posts and waits for each answer."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))

    def post(self, body: Body) -> None:
        head = (
            "POST /v/baseline/v1/metrics HTTP/1.1\r\nHost: meter\r\nContent-Type: application/x-protobuf\r\n"
            f"Content-Length: {len(body.data)}\r\n\r\n"
        )
        self._socket.sendall(head.encode())
        self._socket.sendall(body.stamp())
        answer = self._socket.recv(4096)
        assert b" 200 " in answer, answer

    def close(self) -> None:
        self._socket.close()


def steady(child: psutil.Process, port: int, seconds: float, orders: int) -> None:
    bodies = [Body(payload(0, seed if orders > 1 else 0)) for seed in range(2 * orders)]
    senders = [Sender(port) for _ in range(2)]
    for body in bodies * 2:
        senders[0].post(body)
    posted = [0, 0]
    began, cpu = time.perf_counter(), cpu_s(child)

    def send(number: int) -> None:
        while time.perf_counter() - began < seconds:
            senders[number].post(bodies[(2 * posted[number] + number) % len(bodies)])
            posted[number] += 1

    threads = [threading.Thread(target=send, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wall, cpu = time.perf_counter() - began, cpu_s(child) - cpu
    points = sum(posted) * POINTS
    size = len(bodies[0].data)
    order = "in one order" if orders == 1 else "shuffled in every request"
    print(f"{points:,} points of {POINTS:,} series, {order}, {sum(posted)} requests of {size:,} bytes")
    print(f"wall  {points / wall:>12,.0f} points/s")
    print(f"CPU   {points / cpu:>12,.0f} points per CPU second, {cpu / points * 1e6:.3f} us a point")
    naive = naive_points_per_s(bytes(bodies[0].data))
    print(f"yardstick: decoding every attribute with upb, here and now, {naive:,.0f} points per CPU second; ", end="")
    print(f"the meter {points / cpu / naive:.1f} times that, HTTP and accounting included")
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    for sender in senders:
        sender.close()


def naive_points_per_s(body: bytes) -> float:
    """The usual decoder, which says how fast this machine is at the moment."""
    began, count = time.thread_time(), 0
    for resource in Request.FromString(body).resource_metrics:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                for point in metric.sum.data_points:
                    tuple((pair.key, getattr(pair.value, pair.value.WhichOneof("value"))) for pair in point.attributes)
                    count += 1
    return count / (time.thread_time() - began)


def new_series(child: psutil.Process, port: int, health: int, requests: int = 10) -> None:
    sender = Sender(port)
    sender.post(Body(payload(0, 0)))
    before, cpu = child.memory_info().rss, cpu_s(child)
    for number in range(1, requests + 1):
        sender.post(Body(payload(number * POINTS, number)))
    cpu = cpu_s(child) - cpu
    flush = urllib.request.Request(f"http://127.0.0.1:{health}/flush", method="POST")
    urllib.request.urlopen(flush).read()
    series = requests * POINTS
    grown = child.memory_info().rss - before
    sender.close()
    print(f"{series:,} new series: {cpu / series * 1e6:.1f} us and {grown / series:,.0f} bytes each")


def cpu_s(child: psutil.Process) -> float:
    times = child.cpu_times()
    return times.user + times.system


def main() -> None:
    seconds = next((float(word) for word in sys.argv[1:] if word[0] != "-"), 3.0)
    with tempfile.TemporaryDirectory() as folder:
        child, otlp, health = start(Path(folder))
        try:
            if "--new" in sys.argv:
                new_series(psutil.Process(child.pid), otlp, health)
            else:
                steady(psutil.Process(child.pid), otlp, seconds, 1 if "--same-order" in sys.argv else ORDERS)
        finally:
            child.terminate()
            child.wait(10)


if __name__ == "__main__":
    main()
