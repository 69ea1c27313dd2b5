"""How much memory counting takes: 10 million identities in the meter's table, 1 million series in the shipped meter.

*Identities*: a process of its own gives the digests of 10 million series to the identity table the meter's registry
is made of, then each a second time; every id must be what it should. What the kernel says the process has grown by
(psutil) is divided by the series, at the end and at the highest while it grew (`ru_maxrss`).

*Live series*: the shipped `python -m phoenix.meter` takes OTLP over HTTP from one connection: 1 million series of eight
attributes and three resource attributes, first seen in one window, seen again in the next, a twentieth of them sent
twice with one time. What the meter reports must be exact: points, streams, series, duplicates, and the contributions
of the ten metrics. Its highest resident memory (VmHWM) counts, contributions ranked and bodies in flight included.

By itself: `python -m benchmarks meter-scale`.
"""

from __future__ import annotations

import contextlib
import http.server
import json
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
from xxhash import xxh3_128_intdigest

from benchmarks.meter_load import METRICS, POINTS, Body
from benchmarks.meter_throughput import Sender, metering
from benchmarks.processes import ROOT, cpu_s, python
from benchmarks.result import Row, Setting, Spread, at_most
from phoenix.aio.program import keep_heap
from phoenix.meter.identities import IdentityTable

TITLE = "Ten million identities, a million live series"
LIMIT = (
    "An identity is its 128-bit digest (16 bytes) and a place in an index that is two thirds to four fifths taken "
    "(5 to 6.7 bytes). A live series in the meter is two identities (its OTLP stream, its Prometheus-type series), "
    "the scanner's key for its bytes, 50 bytes of columns, and a hash a label for contributions."
)
IDENTITIES, SERIES = 10_000_000, 1_000_000
GOAL_BYTES, GOAL_MIB = 24.0, 1024.0
_WINDOW_S = 10


def run(setting: Setting) -> Iterator[Row]:
    """The table, then the meter."""
    whole = setting.stretch >= 1
    yield _identities(IDENTITIES if whole else IDENTITIES // 10)
    with tempfile.TemporaryDirectory(dir=setting.directory) as folder:
        yield _live(Path(folder), SERIES if whole else SERIES // 10)


def _identities(number: int) -> Row:
    said = subprocess.run(
        python("benchmarks.meter_scale", str(number)), cwd=ROOT, capture_output=True, text=True, check=False
    )
    if said.returncode:
        raise RuntimeError(f"counting {number:,} identities failed: {said.stderr[-500:]}")
    found = json.loads(said.stdout)
    if found["counted"] != number or found["wrong"]:
        raise RuntimeError(f"of {number:,} identities {found['counted']:,} were counted, {found['wrong']} ids changed")
    each = found["grown_bytes"] / number
    return Row(
        f"{number:,} identities counted exactly",
        f"{each:.1f} bytes and {found['new_us']:.1f} us each, {found['again_us']:.1f} us when known",
        measured=Spread(each, found["table_bytes"] / number, found["peak_bytes"] / number),
        unit="bytes an identity",
        goal=at_most(GOAL_BYTES),
        note="the spread is from the table's own account of itself to the highest while it grew",
    )


def _count(number: int) -> dict[str, float]:
    """In a process of its own: count identities twice."""
    keep_heap()
    table, process = IdentityTable(), psutil.Process()
    table.add(0)  # what is loaded once for all
    table = IdentityTable()
    before, began = process.memory_info().rss, time.process_time()
    for each in range(number):
        table.add(xxh3_128_intdigest(each.to_bytes(8, "little")))
    new_s, after = time.process_time() - began, process.memory_info().rss
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    began = time.process_time()
    wrong = sum(table.add(xxh3_128_intdigest(each.to_bytes(8, "little"))) != each for each in range(number))
    return {
        "counted": len(table), "wrong": wrong, "grown_bytes": after - before, "peak_bytes": peak - before,
        "table_bytes": table.nbytes, "new_us": new_s / number * 1e6,
        "again_us": (time.process_time() - began) / number * 1e6,
    }  # fmt: skip


class _Reports:
    """Stands where an API server takes samples."""

    def __init__(self) -> None:
        self.samples: list[dict[str, Any]] = []
        samples = self.samples

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                samples.extend(json.loads(body)["samples"])
                self.send_response(202)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)

    def __enter__(self) -> _Reports:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def report(self, folder: Path) -> dict[str, Any]:
        """REPORT of the meter's configuration."""
        (folder / "token").write_text("none")
        endpoint = {"server": f"http://127.0.0.1:{self._server.server_port}", "tokenFile": str(folder / "token")}
        (folder / "endpoint.json").write_text(json.dumps(endpoint))
        return {
            "endpointFile": str(folder / "endpoint.json"), "namespace": "default", "experiment": "x", "run": 1,
            "windowSeconds": _WINDOW_S,
        }  # fmt: skip


def _live(folder: Path, series: int) -> Row:
    bodies = [Body(first, 1, shuffled=False) for first in range(0, series, POINTS)]
    twice = bodies[: max(1, len(bodies) // 20)]
    # Windows close when they are told to: nothing is late, however long the first of them takes.
    start = (time.time_ns() // 10**9 // _WINDOW_S + 1) * _WINDOW_S * 10**9
    with contextlib.ExitStack() as stack:
        reports = stack.enter_context(_Reports())
        more = {"windowSeconds": _WINDOW_S, "graceSeconds": 86_400, "signals": [], "report": reports.report(folder)}
        meter = stack.enter_context(metering(folder, **more))
        idle = psutil.Process(meter.pid).memory_info().rss
        sender = stack.enter_context(contextlib.closing(Sender(meter.port, bodies[0])))
        cpus = [cpu_s(meter.pid)]
        for window in range(2):
            for body in [*bodies, *twice]:
                sender.post(body.next(start + window * _WINDOW_S * 10**9 + 1))
            cpus.append(cpu_s(meter.pid))
        meter.flush()
        highest, now = _highest(meter.pid), psutil.Process(meter.pid).memory_info().rss
    _check(reports.samples, series, len(twice) * POINTS)
    new_us, again_us = ((cpus[at + 1] - cpus[at]) / (series + len(twice) * POINTS) * 1e6 for at in range(2))
    return Row(
        f"{series:,} live series metered",
        f"{highest / 2**20:,.0f} MiB at the highest, {(now - idle) / series:,.0f} bytes a series kept; "
        f"{new_us:.1f} us of CPU when new, {again_us:.2f} us a point then",
        measured=Spread(highest / 2**20, now / 2**20, highest / 2**20),
        unit="MiB",
        goal=at_most(GOAL_MIB),
        note=f"points, streams, series, {len(twice) * POINTS:,} duplicates a window and contributions all exact",
    )


def _highest(pid: int) -> int:
    """The most resident memory a process ever had, bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))


def _check(samples: list[dict[str, Any]], series: int, twice: int) -> None:
    """Raises RuntimeError: something reported is not what was sent."""
    wanted = {"points": series + twice, "streams": series, "activeSeries": series, "duplicates": twice}
    found = [{name: sample[name] for name in wanted} for sample in samples]
    rows = samples[-1]["contributions"] if samples else []
    metrics = sorted(row["series"] for row in rows if not row.get("label"))
    if found != [wanted, wanted] or metrics != [series // METRICS] * METRICS:
        raise RuntimeError(f"want twice {wanted}, have {found}; by metric {metrics}")


if __name__ == "__main__":
    print(json.dumps(_count(int(sys.argv[1]))))
