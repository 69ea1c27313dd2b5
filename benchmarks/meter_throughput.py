"""Points a second that one meter process takes over real HTTP, points shuffled anew in every request.

The shipped `python -m phoenix.meter`, one variant, one signal asked for. Requests of 10,000 counter points with eight
attributes (about 350 bytes a point), plain, over two connections with one request in flight on each; every request has
its points in an order never sent before, new times and new values. Every point is accounted for: what was acknowledged
is what the meter says it metered. Beside it: the points in one order, as most senders have them, and series that were
never seen before, with the memory one takes.

By itself: `python -m benchmarks.meter_throughput [seconds]`.
"""

from __future__ import annotations

import contextlib
import json
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.meter_load import POINTS, Body
from benchmarks.processes import answer, child, cpu_s, free_port, get, is_ready, python, wait_until
from benchmarks.result import Row, Setting, Spread, at_least

TITLE = "The meter alone"
LIMIT = (
    "One core that scans bytes: points in a new order must be scanned, as a request that repeats is recognised "
    "and only its times and values are read."
)
GOAL = 1_000_000
SECONDS = 1.0
SENDERS = 2
NEW_REQUESTS = 10
SIGNAL = "sum by (k8s_namespace_name) (rate(app_metric_0_total[4s]))"


@dataclass(frozen=True, slots=True)
class Taken:
    """Points a second by the wall, and what one costs the meter."""

    per_s: float
    cpu_us: float


class Meter:
    """A running meter."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, health: int) -> None:
        self.pid, self.port, self._health = process.pid, port, health

    def flush(self) -> None:
        """Close its windows."""
        answer(
            self._health, b"POST /flush HTTP/1.1\r\nHost: m\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
        )  # fmt: skip

    def points(self) -> int:
        """Points it has metered in windows that are closed."""
        page = get(self._health, "/metrics").decode()
        found = re.search(r'^phoenix_meter_points_total{variant="baseline"} (\S+)$', page, re.MULTILINE)
        return int(float(found[1])) if found else 0


@contextlib.contextmanager
def metering(folder: Path, **more: object) -> Iterator[Meter]:
    """The shipped meter, ready. `more`: of its configuration."""
    port, health = free_port(), free_port()
    config = {
        "otlpAddress": f"127.0.0.1:{port}",
        "healthAddress": f"127.0.0.1:{health}",
        "variants": ["baseline"],
        "signals": [{"name": "rate", "query": SIGNAL}],
        **more,
    }
    path = folder / "config.json"
    path.write_text(json.dumps(config))
    with child(python("phoenix.meter", "--config", str(path)), log=folder / "meter.log") as process:
        wait_until(lambda: is_ready(health), "the meter is ready")
        yield Meter(process, port, health)


_HEAD = "POST /v/baseline/v1/metrics HTTP/1.1\r\nHost: meter\r\nContent-Type: application/x-protobuf\r\n"


class Sender:
    """One connection that posts a body over and over and waits for each answer."""

    def __init__(self, port: int, body: Body | None, head: str = _HEAD) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), 30.0)
        self._body, self._head = body, head
        self.posted = 0

    def post(self, data: bytes | bytearray | None = None) -> None:
        """Post the body's next request, or another. Raises ConnectionError: it was not taken."""
        if data is None:
            assert self._body is not None
            data = self._body.next()
        self._socket.sendall(f"{self._head}Content-Length: {len(data)}\r\n\r\n".encode())
        self._socket.sendall(data)
        said = self._socket.recv(4096)
        if said[9:11] != b"20":
            raise ConnectionError(said.decode(errors="replace"))
        self.posted += 1

    def close(self) -> None:
        """Hang up."""
        self._socket.close()


def steady(meter: Meter, senders: list[Sender], seconds: float) -> Taken:
    """All senders at once, as fast as they are answered. Raises RuntimeError: a sender failed."""
    before, cpu, began = sum(sender.posted for sender in senders), cpu_s(meter.pid), time.perf_counter()
    failures: list[Exception] = []

    def send(sender: Sender) -> None:
        try:
            while time.perf_counter() - began < seconds:
                sender.post()
        except OSError as error:
            failures.append(error)

    threads = [threading.Thread(target=send, args=(sender,)) for sender in senders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wall, cpu = time.perf_counter() - began, cpu_s(meter.pid) - cpu
    if failures:
        msg = f"a sender failed: {failures[0]}"
        raise RuntimeError(msg)
    points = (sum(sender.posted for sender in senders) - before) * POINTS
    return Taken(points / wall, cpu / points * 1e6)


def _measure(folder: Path, repeats: int, seconds: float, *, shuffled: bool) -> list[Taken]:
    with contextlib.ExitStack() as stack:
        meter = stack.enter_context(metering(folder))
        senders = [Sender(meter.port, Body(0, seed, shuffled=shuffled)) for seed in range(SENDERS)]
        for sender in senders:
            stack.callback(sender.close)
            sender.post()
        taken = [steady(meter, senders, seconds) for _ in range(repeats)]
        meter.flush()
        posted = sum(sender.posted for sender in senders) * POINTS
        if meter.points() != posted:
            msg = f"of {posted:,} points acknowledged {meter.points():,} were metered"
            raise RuntimeError(msg)
    return taken


def _new_series(folder: Path) -> str:
    """What a series costs when it is seen for the first time."""
    with metering(folder) as meter:
        process = psutil.Process(meter.pid)
        bodies = [Body(number * POINTS, number) for number in range(NEW_REQUESTS + 1)]
        first = Sender(meter.port, bodies[0])
        first.post()
        first.close()
        before, cpu = process.memory_info().rss, cpu_s(meter.pid)
        for body in bodies[1:]:
            with contextlib.closing(Sender(meter.port, body)) as sender:
                sender.post()
        cpu = cpu_s(meter.pid) - cpu
        meter.flush()
        grown = process.memory_info().rss - before
    series = NEW_REQUESTS * POINTS
    return f"{cpu / series * 1e6:.1f} us and {grown / series:,.0f} bytes a series"


def run(setting: Setting) -> Iterator[Row]:
    """Shuffled, in one order, and new."""
    seconds = setting.seconds(SECONDS)
    for name, shuffled in (("points shuffled in every request", True), ("points in one order", False)):
        with tempfile.TemporaryDirectory(dir=setting.directory) as folder:
            taken = _measure(Path(folder), setting.pairs if shuffled else 3, seconds, shuffled=shuffled)
        rates = Spread.of(one.per_s for one in taken)
        cpu_us = statistics.median(one.cpu_us for one in taken)
        yield Row(
            name,
            f"{rates.median:,.0f} points/s, {cpu_us:.2f} us of CPU a point",
            measured=rates,
            unit="points/s",
            goal=at_least(GOAL) if shuffled else None,
            note="acknowledged = metered",
        )
    with tempfile.TemporaryDirectory(dir=setting.directory) as folder:
        yield Row("series never seen before", _new_series(Path(folder)))


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS
    with tempfile.TemporaryDirectory() as folder:
        for row in run(Setting(pairs=5, stretch=seconds / SECONDS, directory=Path(folder))):
            print(row.name, row.figure, sep=": ")


if __name__ == "__main__":
    main()
