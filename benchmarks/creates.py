"""A durable, validated create over HTTP against etcd's put over gRPC, at 1 and 10 clients.

POST of an Experiment of 2,048 bytes with `fieldValidation=Strict`: authenticated, checked, defaulted, stored with
`synchronous=FULL` before it is answered, each under a name of its own; against a put of a value of 2,048 bytes into
etcd, durable before it is answered too. Both clients are C programs with one thread: wrk with a script that makes the
names, and h2load with one fixed put (a connection a client, one request in flight on each). The servers run all the
while and take turns, unpinned: etcd may use what its client leaves of the second core. Every answer is checked (201,
OK), and the stores' revisions must have moved by as many writes as were acknowledged.
"""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import etcd as peer
from benchmarks.grpc import PUT, put_request
from benchmarks.processes import ROOT, cpu_s, program
from benchmarks.result import Row, Setting, Spread, Unavailable, at_least, ratios
from benchmarks.server import Serving, serving
from phoenix.manifest.loader import load_file

TITLE = "Durable, validated create against etcd's put"
LIMIT = (
    "The interpreter. Of what a create costs the server at 10 clients, a fifth each is the answer's way through the "
    "kernel, checking and completing the object, and the store (SQLite, the flush shared by the ten); an eighth tells "
    "who owns which field, a tenth is access and audit, the rest reading, decoding, stamping and the loop. At one "
    "client every create waits for a flush of the disk by itself, and after each wait Python runs two to three times "
    "slower than when warm: a virtual processor that halts comes back to cold caches, and an interpreter needs more "
    "of them than etcd does. etcd spends less processor time a write and uses two cores, the API server one."
)
VALUE_BYTES = 2048
CLIENTS = (1, 10)
GOAL = 0.8
SECONDS = 1.2
_EXAMPLE = ROOT / "resources" / "examples" / "http-microservices.yaml"
_SCRIPT = Path(__file__).with_name("creates.lua")
_MARK = "@@@@@@@@"


@dataclass(frozen=True, slots=True)
class Measured:
    """Writes a second, CPU of the server a write, and how long a client waited (milliseconds; p99 0: not known)."""

    per_s: float
    cpu_us: float
    p50_ms: float
    p99_ms: float


def experiment(size: int) -> bytes:
    """An Experiment of the examples as JSON of `size` bytes, its name to be filled in where the mark is."""
    (found,) = load_file(_EXAMPLE)
    wire: dict[str, Any] = dict(found.wire)
    wire["metadata"] = {"name": f"bench-{_MARK}", "labels": {"team": "observability"}, "annotations": {"note": ""}}
    room = size - len(_encoded(wire))
    wire["metadata"]["annotations"]["note"] = ("baseline against candidate " * 100)[:room]
    body = _encoded(wire)
    assert len(body) == size, f"the example alone has {size - room} bytes"
    return body


def _encoded(wire: dict[str, Any]) -> bytes:
    return json.dumps(wire, separators=(",", ":")).encode()


def request(server: Serving) -> bytes:
    """The whole request, with the mark in it."""
    body = experiment(VALUE_BYTES)
    head = (
        "POST /apis/phoenix.io/v1alpha1/namespaces/default/experiments?fieldValidation=Strict HTTP/1.1\r\n"
        f"Host: localhost\r\nAuthorization: Bearer {server.token}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class Creates:
    """Drives one API server with wrk."""

    def __init__(self, server: Serving, folder: Path) -> None:
        self._server, self._wrk = server, program("wrk", "wrk")
        self._request = folder / f"request-{server.port}"
        self._request.write_bytes(request(server))
        self._next = 0

    def __call__(self, clients: int, seconds: float) -> Measured:
        """Raises RuntimeError: not every create was answered 201, or not every one is in the store."""
        plain = self._server.url.startswith("http:")
        revision = self._server.revision() if plain else 0
        cpu = cpu_s(self._server.pid)
        # wrk counts whole seconds only: it is ended by its own clock of the least length and told to begin anew.
        ran = subprocess.run(
            [self._wrk, "-t1", f"-c{clients}", f"-d{max(1, round(seconds))}s", "-s", str(_SCRIPT), self._server.url,
             "--", str(self._request), str(self._next)],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        cpu = cpu_s(self._server.pid) - cpu
        found = json.loads(ran.stdout.rpartition("RESULT ")[2])
        count = int(found["requests"])
        stored = self._server.revision() - revision if plain else count
        if found["failed"] or not count <= stored <= count + clients:  # wrk leaves its last requests unread
            msg = f"{found['failed']} of {count} creates failed, {stored} were stored"
            raise RuntimeError(msg)
        self._next += stored + 2 * clients
        per_s = count / found["duration_us"] * 1e6
        return Measured(per_s, cpu / max(stored, 1) * 1e6, found["p50_us"] / 1e3, found["p99_us"] / 1e3)


class Puts:
    """Drives one etcd with h2load."""

    def __init__(self, server: peer.Etcd, folder: Path) -> None:
        self._server, self._h2load = server, program("h2load", "nghttp2-client")
        self._body = folder / "put"
        self._body.write_bytes(put_request(b"/experiments/default/bench-00000001", experiment(VALUE_BYTES)))
        self._rates: dict[int, float] = {}

    def __call__(self, clients: int, seconds: float) -> Measured:
        """Raises RuntimeError: not every put was acknowledged and stored."""
        count = max(clients, int(self._rates.get(clients, 300 * clients) * seconds))
        revision, cpu = self._server.revision(), cpu_s(self._server.pid)
        ran = subprocess.run(
            [self._h2load, "-t1", f"-c{clients}", "-m1", f"-n{count}", "-d", str(self._body),
             "-H", "content-type: application/grpc", "-H", "te: trailers",
             f"http://127.0.0.1:{self._server.port}{PUT}"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        cpu = cpu_s(self._server.pid) - cpu
        stored = self._server.revision() - revision
        per_s = float(_found(r"([\d.]+) req/s", ran.stdout))
        done = int(_found(r"(\d+) succeeded", ran.stdout))
        if done != count or stored != count:
            msg = f"of {count} puts {done} were answered and {stored} stored"
            raise RuntimeError(msg)
        self._rates[clients] = per_s
        return Measured(per_s, cpu / count * 1e6, clients / per_s * 1e3, 0.0)


def _found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    if match is None:
        msg = f"h2load said nothing of {pattern!r}: {text[-300:]}"
        raise RuntimeError(msg)
    return match[1]


def run(setting: Setting) -> Iterator[Row]:
    """Rows for both numbers of clients, then the same with TLS."""
    program("wrk", "wrk")
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=setting.directory)))
        plain = Creates(stack.enter_context(serving(folder)), folder)
        tls = Creates(stack.enter_context(serving(folder, tls=True)), folder)
        puts: Puts | None = None
        why = ""
        try:
            program("h2load", "nghttp2-client")
            puts = Puts(stack.enter_context(peer.etcd(folder)), folder)
        except Unavailable as missing:
            why = str(missing)
        for clients in CLIENTS:
            seconds = setting.seconds(SECONDS)
            sides: list[Callable[[int, float], Measured]] = [plain, tls, *([puts] if puts else [])]
            for warm in sides:
                warm(clients, 0.4)
            ours: list[Measured] = []
            secure: list[Measured] = []
            theirs: list[Measured] = []
            for _ in range(setting.pairs):
                ours.append(plain(clients, seconds))
                if puts is not None:
                    theirs.append(puts(clients, seconds))
                secure.append(tls(clients, seconds))
            yield _row(f"create, {_clients(clients)}", ours, theirs, why, barred=True)
            yield _row(f"create over TLS, {_clients(clients)}", secure, theirs, why, barred=False)


def _clients(count: int) -> str:
    return f"{count} client{'s' * (count > 1)}"


def _row(name: str, ours: list[Measured], theirs: list[Measured], why: str, *, barred: bool) -> Row:
    def median(values: list[Measured], attribute: str) -> float:
        return Spread.of(getattr(one, attribute) for one in values).median

    figure = f"{median(ours, 'per_s'):,.0f}/s, p99 {median(ours, 'p99_ms'):.1f} ms"
    if not theirs:
        return Row(name, figure, note=f"not compared: {why}")
    return Row(
        name,
        figure,
        peer=f"etcd {median(theirs, 'per_s'):,.0f}/s",
        measured=ratios((one.per_s for one in ours), (one.per_s for one in theirs)),
        goal=at_least(GOAL) if barred else None,
        note=f"server CPU {median(ours, 'cpu_us'):.0f} us a create, etcd's {median(theirs, 'cpu_us'):.0f} us a put",
    )
