"""The same points into the meter by OTLP and into a real Prometheus by remote write: CPU of both processes.

100,000 series with eleven labels in ten requests of 10,000, over one connection with one request in flight, as fast as
they are answered; the two take turns (A B A B …), each a measurement long. The shipped `python -m phoenix.meter`, one
variant, one signal asked for of a tenth of the series; Debian's Prometheus with `--web.enable-remote-write-receiver`
and otherwise its defaults. Before it counts, each has seen every series twice. What was acknowledged must be what the
meter says it metered, and what Prometheus says it appended (`prometheus_tsdb_head_samples_appended_total`).

They do not do the same. Prometheus parses, looks up each series by its labels, appends to its write-ahead log and to
compressed chunks, and can answer any query on any series for weeks. The meter looks up each series, counts identities,
samples, duplicates and resets of every window exactly, keeps values only of series that a signal asks for, and stores
nothing. The ratio says what measuring costs beside storing, not that one could stand in for the other.

By itself: `python -m benchmarks meter-prometheus`.
"""

from __future__ import annotations

import contextlib
import re
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.meter_load import POINTS, Body
from benchmarks.meter_throughput import Sender, metering
from benchmarks.processes import child, cpu_s, free_port, get, is_ready, program, wait_until
from benchmarks.remote_write import RemoteWrite
from benchmarks.result import Row, Setting, at_least, ratios

TITLE = "The meter against a real Prometheus, the same points"
LIMIT = (
    "Prometheus spends its time on labels (decoding, sorting, hashing, looking up every series of every request) and "
    "on its log. The meter knows a point's key by its bytes, digests a request's keys by numpy, and decodes labels "
    "only of a series it never saw."
)
REQUESTS, SECONDS, GOAL = 10, 3.0, 5.0
_APPENDED = re.compile(r"^prometheus_tsdb_head_samples_appended_total\S* (\S+)$", re.MULTILINE)


@dataclass(slots=True)
class _Side:
    """One of the two: where requests go, and what it took."""

    pid: int
    post: Callable[[int], None]
    per_s: list[float] = field(default_factory=list)
    cpu_us: list[float] = field(default_factory=list)
    posted: int = 0

    def rounds(self, seconds: float) -> None:
        """Post every request in turn until the time is over."""
        cpu, began, first = cpu_s(self.pid), time.perf_counter(), self.posted
        while time.perf_counter() - began < seconds:
            self.round()
        points, wall = (self.posted - first) * POINTS, time.perf_counter() - began
        self.per_s.append(points / wall)
        self.cpu_us.append((cpu_s(self.pid) - cpu) / points * 1e6)

    def round(self) -> float:
        """Post every request once; microseconds of CPU a point."""
        cpu = cpu_s(self.pid)
        for number in range(REQUESTS):
            self.post(number)
        self.posted += REQUESTS
        return (cpu_s(self.pid) - cpu) / REQUESTS / POINTS * 1e6


def run(setting: Setting) -> Iterator[Row]:
    """Points in one order, as senders have them; then in a new one in every request. Raises Unavailable."""
    program("prometheus", "prometheus")
    for shuffled in (False, True):
        with tempfile.TemporaryDirectory(dir=setting.directory) as folder, contextlib.ExitStack() as stack:
            meter = stack.enter_context(metering(Path(folder)))
            bodies = [Body(number * POINTS, number, shuffled=shuffled) for number in range(REQUESTS)]
            sender = stack.enter_context(contextlib.closing(Sender(meter.port, bodies[0])))
            port, prometheus = stack.enter_context(_prometheus(Path(folder)))
            writes = [RemoteWrite(number * POINTS, number) for number in range(REQUESTS)]
            writer = stack.enter_context(contextlib.closing(Sender(port, None, _HEAD)))
            ours = _Side(meter.pid, lambda number: sender.post(bodies[number].next()))  # noqa: B023
            theirs = _Side(prometheus, lambda number: writer.post(writes[number].next()))  # noqa: B023
            first_us = (ours.round(), theirs.round())
            ours.round()
            theirs.round()
            for _ in range(setting.pairs):
                ours.rounds(setting.seconds(SECONDS))
                theirs.rounds(setting.seconds(SECONDS))
            meter.flush()
            _accounted("metered", ours.posted, meter.points())
            appended = sum(float(found) for found in _APPENDED.findall(get(port, "/metrics").decode()))
            _accounted("appended", theirs.posted, int(appended))
        yield _row(ours, theirs, first_us, shuffled=shuffled)


def _row(ours: _Side, theirs: _Side, first_us: tuple[float, float], *, shuffled: bool) -> Row:
    def figure(side: _Side) -> str:
        rate, cpu = statistics.median(side.per_s), statistics.median(side.cpu_us)
        return f"{cpu:.2f} us of CPU a point, {rate:,.0f} points/s"

    return Row(
        "CPU a point, points shuffled in every request" if shuffled else "CPU a point, points in one order",
        figure(ours),
        f"Prometheus {figure(theirs)}",
        ratios(theirs.cpu_us, ours.cpu_us),
        goal=None if shuffled else at_least(GOAL),
        note="Prometheus's requests stay in one order: " * shuffled
        + f"acknowledged = metered = appended; a series' first point: {first_us[0]:.1f} us, there {first_us[1]:.1f} us",
    )


_HEAD = (
    "POST /api/v1/write HTTP/1.1\r\nHost: prometheus\r\nContent-Type: application/x-protobuf\r\n"
    "Content-Encoding: snappy\r\nX-Prometheus-Remote-Write-Version: 0.1.0\r\n"
)


@contextlib.contextmanager
def _prometheus(folder: Path) -> Iterator[tuple[int, int]]:
    """Its port and process, ready to be written to."""
    port = free_port()
    (folder / "prometheus.yml").write_text("global: {scrape_interval: 1h}\n")
    command = [
        program("prometheus", "prometheus"), f"--config.file={folder}/prometheus.yml",
        f"--storage.tsdb.path={folder}/data", f"--web.listen-address=127.0.0.1:{port}",
        "--web.enable-remote-write-receiver",
    ]  # fmt: skip
    with child(command, log=folder / "prometheus.log") as process:
        wait_until(lambda: is_ready(port, "/-/ready"), "Prometheus is ready")
        yield port, process.pid


def _accounted(what: str, posted: int, found: int) -> None:
    """Raises RuntimeError: not everything that was acknowledged is there."""
    if found != posted * POINTS:
        raise RuntimeError(f"of {posted * POINTS:,} points acknowledged {found:,} were {what}")
