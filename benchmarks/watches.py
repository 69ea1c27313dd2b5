"""Watch fan-out of the API server against etcd's watch, 100 and 1,000 watchers, 500 events/s offered.

Every watcher is a connection of its own: chunked JSON from the API server (`?watch=true` on the collectors of a
namespace), a gRPC Watch stream from etcd. Events are status patches of a Collector, and puts of values as long as the
watch event of such a patch; both come from one writer process with one write in flight. CPU is the server process's by
the scheduler's clock; before each measurement the same events are written with nobody watching, and that cost is
subtracted from both sides alike. The API server's watchers are proved complete by their byte counts (every watcher of
a selector gets the same bytes), etcd's by the last event. Latency counts from when an event was due.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks import etcd as peer
from benchmarks.crowd import Crowd, Seen
from benchmarks.grpc import WATCH, call, hello, watch_request
from benchmarks.processes import cpu_s, python
from benchmarks.result import Row, Setting, Spread, Unavailable, at_most, ratios
from benchmarks.server import Serving, serving
from benchmarks.writer import KEY, PATH, RATE, Patcher, stamp

TITLE = "Watch fan-out against etcd's watch"
LIMIT = (
    "One `transport.write` a watcher and flush: the kernel's price of a send, 3 to 5 us, is nearly all of it. With 100 "
    "watchers each event is flushed for itself; with 1,000 the flusher rests in proportion to what a flush took, so "
    "that several events share each send. An event is encoded once, whatever the crowd. etcd sends each event to each "
    "watcher in frames of its own, and at 1,000 watchers falls behind the writer."
)
GOALS = {100: 1 / 2, 1000: 1 / 10}
SECONDS = {100: 1.6, 1000: 0.7}
_WITHIN_S = 40.0


@dataclass(frozen=True, slots=True)
class Measured:
    """One measurement: CPU a delivery, latencies, and how many of the watchers got everything."""

    cpu_us: float
    writing_us: float
    p50_ms: float
    p99_ms: float
    watchers: int
    complete: int
    events_per_s: float
    deliveries_per_s: float


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two servers: how it is written to and watched."""

    pid: int
    port: int
    writer: tuple[str, ...]
    hello: Callable[[], bytes]
    keep_tails: bool

    def measure(self, watchers: int, events: int) -> Measured:
        """Write with nobody watching, then with a crowd. Raises RuntimeError: not all was delivered."""
        cpu = cpu_s(self.pid)
        with self._writing(events) as writing:
            writing.wait()
        base_s = cpu_s(self.pid) - cpu
        crowd = Crowd(self.port, watchers, self.hello(), keep_tails=self.keep_tails)
        with contextlib.closing(crowd):
            crowd.settle()
            cpu = cpu_s(self.pid)
            with contextlib.ExitStack() as stack:
                started: list[subprocess.Popen[bytes]] = []
                seen = crowd.watch(
                    lambda: started.append(stack.enter_context(self._writing(events))), events, within_s=_WITHIN_S
                )
                said = started[0].communicate(timeout=_WITHIN_S)[0]
            cpu = cpu_s(self.pid) - cpu - base_s
        return _measured(seen, cpu, base_s, watchers, events, float(json.loads(said)["per_s"]))

    @contextlib.contextmanager
    def _writing(self, events: int) -> Iterator[subprocess.Popen[bytes]]:
        kind, size, *rest = self.writer
        command = python("benchmarks.writer", kind, str(self.port), str(events), size, *rest)
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            try:
                yield process
            finally:
                process.kill()


def _measured(seen: Seen, cpu_s: float, base_s: float, watchers: int, events: int, per_s: float) -> Measured:
    if seen.complete != watchers:
        msg = f"{seen.complete} of {watchers} watchers got all of {events} events"
        raise RuntimeError(msg)
    ordered = sorted(seen.latencies_ms)
    deliveries = watchers * events
    return Measured(
        cpu_us=cpu_s / deliveries * 1e6,
        writing_us=base_s / events * 1e6,
        p50_ms=ordered[len(ordered) // 2],
        p99_ms=ordered[int(len(ordered) * 0.99)],
        watchers=watchers,
        complete=seen.complete,
        events_per_s=per_s,
        deliveries_per_s=deliveries / seen.seconds,
    )


def _phoenix(server: Serving) -> tuple[Side, int]:
    """The API server with the object that is patched, and the length of a watch event of it."""
    patcher = Patcher(server.port, server.token)
    config = {"receivers": {"otlp": {"protocols": {"http": {"endpoint": "127.0.0.1:4318"}}}}, "exporters": {"nop": {}}}
    wire = {"metadata": {"name": "bench", "annotations": {"note": "n" * 200}}, "spec": {"host": "h", "config": config}}
    patcher.send("POST", PATH, json.dumps(wire).encode())
    patcher.patch("bench", stamp(0))
    size = len(patcher.send("GET", f"{PATH}/bench", b"")) + len('{"type":"MODIFIED","object":}\n')
    patcher.close()

    def hello_now() -> bytes:
        return (
            f"GET {PATH}?watch=true&resourceVersion={server.revision()} HTTP/1.1\r\nHost: localhost\r\n"
            f"Authorization: Bearer {server.token}\r\n\r\n"
        ).encode()

    return Side(server.pid, server.port, ("phoenix", "0", server.token), hello_now, keep_tails=False), size


def _etcd(server: peer.Etcd, size: int) -> Side:
    greeting = hello() + call(WATCH, watch_request(KEY), 1, ends=False)
    return Side(server.pid, server.port, ("etcd", str(size)), lambda: greeting, keep_tails=True)


def run(setting: Setting) -> Iterator[Row]:
    """A row for each size of crowd."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=setting.directory)))
        ours, size = _phoenix(stack.enter_context(serving(folder)))
        theirs: Side | None = None
        why = ""
        try:
            theirs = _etcd(stack.enter_context(peer.etcd(folder)), size)
        except Unavailable as missing:
            why = str(missing)
        for watchers, goal in GOALS.items():
            events = max(50, int(RATE * setting.seconds(SECONDS[watchers])))
            mine: list[Measured] = []
            others: list[Measured] = []
            for _ in range(setting.pairs):
                mine.append(ours.measure(watchers, events))
                if theirs is not None:
                    others.append(theirs.measure(watchers, events))
            yield _row(watchers, size, mine, others, goal, why)


def _row(watchers: int, size: int, ours: list[Measured], theirs: list[Measured], goal: float, why: str) -> Row:
    def shown(side: list[Measured]) -> str:
        def median(attribute: str) -> float:
            return Spread.of(getattr(one, attribute) for one in side).median

        return (
            f"{median('cpu_us'):.2f} us a delivery, p50 {median('p50_ms'):.1f} ms, p99 {median('p99_ms'):.1f} ms, "
            f"{median('deliveries_per_s'):,.0f}/s"
        )

    name = f"watch, {watchers:,} watchers"
    writing = Spread.of(one.writing_us for one in ours).median
    reached = min(one.events_per_s for one in ours)
    note = f"events of {size} bytes, all delivered; subtracted: {writing:.0f} us a patch"
    note += f"; the writer held {reached:.0f}/s" * (reached < 0.98 * RATE)
    if not theirs:
        return Row(name, shown(ours), note=f"{note}; not compared: {why}")
    putting = Spread.of(one.writing_us for one in theirs).median
    return Row(
        name,
        shown(ours),
        peer=f"etcd {shown(theirs)}",
        measured=ratios((one.cpu_us for one in ours), (one.cpu_us for one in theirs)),
        goal=at_most(goal),
        note=f"{note}, {putting:.0f} us a put",
    )
