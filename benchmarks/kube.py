"""The API server against a real kube-apiserver with its etcd: the same requests by the same client, both over TLS.

kube-apiserver and etcd are built by `make kube`, run with their defaults on an empty store, with the generated CRDs; no
controllers run on either side. Both servers run all the while and take turns, unpinned. Creates are POSTs of an
Experiment of 2,048 bytes with `fieldValidation=Strict`, each under a name of its own, durable before it is answered;
patches are merge patches of the status of one of 100 Collectors, each with a new value; lists are whole lists of small
Collectors as JSON. wrk, one thread, one request in flight on each connection. For the watch, events are
status patches at a steady rate by a process of its own, 100 connections read them, and latency counts from when an
event was due. CPU is that of the server's processes, etcd's among them; memory is what is theirs alone (USS).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from benchmarks.creates import VALUE_BYTES, experiment
from benchmarks.kube_crowd import TlsCrowd
from benchmarks.kube_side import GROUP, NUMBER, OBJECT, Load, Side, request_bytes
from benchmarks.processes import program, python, wait_until
from benchmarks.result import Row, Setting, Spread, at_least, at_most, ratios
from benchmarks.server import serving
from conformance.servers import install, kube, ready

TITLE = "Against kube-apiserver and etcd, both with TLS"
LIMIT = (
    "Phoenix serves requests on one thread of Python; kube-apiserver and etcd use both cores where they are to be had. "
    "What Phoenix wins it wins by doing less: one program and one write to disk shared by all who wait, where "
    "kube-apiserver encodes, asks etcd over gRPC, and decodes; lists and watches are bytes that were encoded once."
)
T = TypeVar("T")
CLIENTS = (1, 32)
LISTED = 10_000
PATCHED = 100
WATCHERS = 100
EVENTS_PER_S = 100.0
_WITHIN_S = 60.0
_IDLE_S = 0.1  # CPU in a second
_NAMESPACE = f"{GROUP}/namespaces/default"


@dataclass(frozen=True, slots=True)
class Latency:
    """Of a watch: milliseconds from when an event was due, and server CPU a delivery."""

    p50_ms: float
    p99_ms: float
    cpu_us: float


def run(setting: Setting) -> Iterator[Row]:
    """Rows in the order of the docstring. Raises Unavailable: wrk, kube-apiserver or etcd is not there."""
    program("wrk", "wrk")
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=setting.directory)))
        sides = (_phoenix(stack, folder), _kube(stack, folder))
        for side in sides:
            wait_until(partial(_idle, side), f"{side.name} is done with starting", within_s=_WITHIN_S)
        seconds = setting.seconds(2.0)
        next_number = [0]
        for clients in CLIENTS:
            loads = _take_turns(sides, setting.pairs, partial(_create, clients, seconds, next_number))
            yield _rate(f"create, {_plural(clients)}", loads)
        for side in sides:
            for number in range(PATCHED):
                side.ask("POST", f"{_NAMESPACE}/collectors", _collector(f"patched-{number:08d}"))
        for clients in CLIENTS:
            loads = _take_turns(sides, setting.pairs, partial(_patch, clients, seconds, next_number))
            yield _rate(f"status patch, {_plural(clients)}", loads)
        count = LISTED if setting.stretch >= 1 else LISTED // 10
        for side in sides:
            _fill(side, count)
        lists = _take_turns(sides, setting.pairs, partial(_list, count, seconds))
        yield _rate(f"list of {count:,} objects", lists)
        yield from _latencies(_take_turns(sides, setting.pairs, partial(_watch, setting.seconds(3.0))))
        memory = [[float(side.memory_bytes()) for _ in range(2)] for side in sides]
        yield Row(
            "memory after all of this", f"{memory[0][0] / 2**20:,.0f} MiB", f"kube {memory[1][0] / 2**20:,.0f} MiB",
            ratios(*memory), goal=at_most(1.0), note=f"objects stored: {_stored(sides)}",
        )  # fmt: skip


def _phoenix(stack: contextlib.ExitStack, folder: Path) -> Side:
    server = stack.enter_context(serving(folder, tls=True))
    return Side("phoenix", server.url, server.token, (server.pid,), folder)


def _kube(stack: contextlib.ExitStack, folder: Path) -> Side:
    server = stack.enter_context(kube(folder))

    async def prepare() -> None:
        await install(await ready(server.admin))

    asyncio.run(prepare())
    return Side("kube", server.admin.url, server.admin.token, (server.pid, server.etcd_pid), folder)


def _idle(side: Side) -> bool:
    """Whether it rests: after new CRDs kube-apiserver is busy with its OpenAPI documents for some seconds."""
    before = side.cpu_s()
    time.sleep(1.0)
    return side.cpu_s() - before < _IDLE_S


def _take_turns(sides: tuple[Side, Side], pairs: int, measure: Callable[[Side], T]) -> tuple[list[T], list[T]]:
    for side in sides:
        measure(side)  # warm
    ours: list[T] = []
    theirs: list[T] = []
    for _ in range(pairs):
        ours.append(measure(sides[0]))
        theirs.append(measure(sides[1]))
    return ours, theirs


def _create(clients: int, seconds: float, next_number: list[int], side: Side) -> Load:
    path = f"{_NAMESPACE}/experiments"
    body = experiment(VALUE_BYTES)
    before = side.count(path)
    load = side.load(
        request_bytes(side.token, "POST", f"{path}?fieldValidation=Strict", body, "application/json"),
        clients, seconds, first=next_number[0],
    )  # fmt: skip
    stored = side.count(path) - before
    next_number[0] += stored + 2 * clients
    answered = load.per_s * max(1, round(seconds))
    if stored < answered * 0.9:
        msg = f"{side.name}: {stored} creates were stored of about {answered:.0f} that were answered"
        raise RuntimeError(msg)
    return load


def _patch(clients: int, seconds: float, next_number: list[int], side: Side) -> Load:
    body = json.dumps({"status": {"note": f"n{NUMBER}"}}).encode()
    path = f"{_NAMESPACE}/collectors/patched-{OBJECT}/status"
    next_number[0] += 100_000  # a new value for every patch, whatever was sent before
    return side.load(
        request_bytes(side.token, "PATCH", path, body, "application/merge-patch+json"),
        clients, seconds, first=next_number[0], objects=PATCHED,
    )  # fmt: skip


def _fill(side: Side, count: int) -> None:
    """A namespace with exactly so many objects."""
    name = f"list-{count}"
    side.ask("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    path = f"{GROUP}/namespaces/{name}/collectors"
    side.ask_all("POST", path, (_collector(f"one-{number}", note="n" * 200) for number in range(count)))


def _list(count: int, seconds: float, side: Side) -> Load:
    path = f"{GROUP}/namespaces/list-{count}/collectors"
    found = side.count(path)
    if found != count:
        msg = f"{side.name}: {found} objects to list, not {count}"
        raise RuntimeError(msg)
    return side.load(side.request("GET", path), 1, max(2.0, seconds))


def _watch(seconds: float, side: Side) -> Latency:
    path, events = f"{_NAMESPACE}/collectors", int(EVENTS_PER_S * seconds)
    revision = side.ask("GET", f"{path}?limit=1")["metadata"]["resourceVersion"]
    crowd = TlsCrowd(side.port, WATCHERS, side.request("GET", f"{path}?watch=true&resourceVersion={revision}"))
    with contextlib.closing(crowd):
        crowd.settle()
        cpu = side.cpu_s()
        command = python(
            "benchmarks.kube_crowd", str(side.port), str(events), str(EVENTS_PER_S), f"{path}/patched-00000000/status"
        )
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as writer:
            try:
                crowd.watch(lambda: _tell(writer, side.token), events, within_s=_WITHIN_S)
            finally:
                writer.kill()
        cpu = side.cpu_s() - cpu
    ordered = sorted(crowd.latencies_ms)
    return Latency(ordered[len(ordered) // 2], ordered[int(len(ordered) * 0.99)], cpu / (events * WATCHERS) * 1e6)


def _tell(writer: subprocess.Popen[str], token: str) -> None:
    assert writer.stdin is not None
    writer.stdin.write(f"{token}\n")
    writer.stdin.flush()


def _collector(name: str, *, note: str = "") -> dict[str, object]:
    return {
        "apiVersion": "phoenix.io/v1alpha1",
        "kind": "Collector",
        "metadata": {"name": name, "annotations": {"note": note}},
        "spec": {"host": "h", "config": {"receivers": {"otlp": {}}, "exporters": {"nop": {}}}},
    }


def _rate(name: str, loads: tuple[list[Load], list[Load]]) -> Row:
    ours, theirs = loads

    def median(values: list[Load], attribute: str) -> float:
        return Spread.of(getattr(one, attribute) for one in values).median

    def figure(values: list[Load]) -> str:
        per_s = median(values, "per_s")
        return f"{per_s:,.{0 if per_s >= 100 else 1}f}/s, p99 {median(values, 'p99_ms'):.1f} ms"

    cpu = [median(values, "cpu_us") for values in loads]
    sizes = [median(values, "answer_bytes") / 2**20 for values in loads]
    note = f"CPU {cpu[0]:,.0f} us a request, of kube-apiserver and etcd {cpu[1]:,.0f} us"
    if sizes[0] > 1:
        note += f"; {sizes[0]:.1f} MiB an answer, {sizes[1]:.1f} MiB"
    ratio = ratios((one.per_s for one in ours), (one.per_s for one in theirs))
    return Row(name, figure(ours), f"kube {figure(theirs)}", ratio, goal=at_least(1.0), note=note)


def _latencies(found: tuple[list[Latency], list[Latency]]) -> Iterator[Row]:
    ours, theirs = found

    def median(values: list[Latency], attribute: str) -> float:
        return Spread.of(getattr(one, attribute) for one in values).median

    note = (
        f"{EVENTS_PER_S:g} events/s to each; CPU {median(ours, 'cpu_us'):.1f} us a delivery with the patch, "
        f"kube-apiserver with etcd {median(theirs, 'cpu_us'):.1f} us"
    )
    for attribute in ("p50_ms", "p99_ms"):
        yield Row(
            f"watch latency {attribute[:3]}, {WATCHERS} watchers", f"{median(ours, attribute):.1f} ms",
            f"kube {median(theirs, attribute):.1f} ms",
            ratios((getattr(one, attribute) for one in ours), (getattr(one, attribute) for one in theirs)),
            goal=at_most(1.0), note=note if attribute == "p50_ms" else "",
        )  # fmt: skip


def _stored(sides: tuple[Side, Side]) -> str:
    counts = [side.count(f"{GROUP}/experiments") + side.count(f"{GROUP}/collectors") for side in sides]
    return f"{counts[0]:,} and {counts[1]:,}"


def _plural(clients: int) -> str:
    return f"{clients} client{'s' * (clients > 1)}"
