"""From a Collector object to its process being ready, against exec'ing the same collector; and the shim's fork alone.

*Through Phoenix*: a whole `python -m phoenix.up` runs; over TLS a Collector with `spec.host` and a small embedded
configuration is created, and the clock stops when the client's watch shows condition Ready. That is admission, a
durable write, the agent's watch, a finalizer, a durable identity, the shim's fork, the collector's own start, probes,
and the status back. *Exec*: `python -m phoenix.collector --config FILE` with the same configuration, until its health
address answers 200. *Fork*: the same collector by a start request to a shim, until its health address answers 200. The
three take turns.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any
from uuid import uuid4

from ruamel.yaml import YAML

from benchmarks.processes import child, end, free_port, is_ready, python, wait_until
from benchmarks.result import Row, Setting, Spread, at_most, ratios
from phoenix.agent.placeholders import Values, fill, port_names
from phoenix.agent.records import StateFolder
from phoenix.agent.shimclient import ShimClient
from phoenix.agent.shimstart import ShimOptions, obtain
from phoenix.agent.shimwire import StartRequest
from phoenix.api.collector import Collector, CollectorSpec
from phoenix.apimachinery.conditions import is_true
from phoenix.apimachinery.errors import NotFound
from phoenix.apimachinery.meta import ObjectMeta
from phoenix.apimachinery.names import LABEL_DEPLOYMENT
from phoenix.client.config import ClientConfig
from phoenix.client.http import HttpClient
from phoenix.pipelines.render import render

TITLE = "From apply to a ready collector, against exec"
LIMIT = (
    "Through Phoenix: durable writes and round trips over TLS (the object, its finalizer, its status), the durable "
    "identity, and the collector's own start of some milliseconds. Exec: importing aiohttp, pydantic and protobuf."
)
GOAL = 1 / 5
HOST = "bench"
_WITHIN_S = 20.0
_LOOK_S = 0.001


def configuration() -> dict[str, Any]:
    """A small collector as Phoenix deploys it: OTLP in, a batch, a debug exporter, health and telemetry."""
    pipeline = {"processors": {"batch": {}}, "service": {"pipelines": {"metrics": {"processors": ["batch"]}}}}
    return render(pipeline).config


def filled(folder: Path) -> tuple[Path, int]:
    """The configuration on free ports as a file, and its health port."""
    config = configuration()
    ports = {name: free_port() for name in port_names(config)}
    path = folder / f"{uuid4().hex}.yaml"
    with path.open("w") as file:
        whose = {"host": HOST, "deployment": "bench", "namespace": "default"}
        YAML(typ="safe").dump(fill(config, Values(ports, {}, "127.0.0.1", "", whose)), file)
    return path, ports["health"]


class Phoenix:
    """A whole Phoenix in a process of its own."""

    def __init__(self, client: HttpClient) -> None:
        self._client = client

    async def ready_s(self) -> float:
        """Create a Collector, wait until it is Ready, delete it, wait until it is gone. Raises TimeoutError."""
        name = f"bench-{uuid4().hex[:8]}"
        spec = CollectorSpec(host=HOST, config=configuration(), config_hash="bench")
        labels = {LABEL_DEPLOYMENT: "bench"}  # what the configuration says whose it is by
        wanted = Collector(metadata=ObjectMeta(name=name, namespace="default", labels=labels), spec=spec)
        async with asyncio.timeout(_WITHIN_S):
            found = await self._client.list(Collector, "default")
            began = time.perf_counter()
            watching = asyncio.create_task(self._until_ready(name, found.resource_version))
            await self._client.create(wanted)
            await watching
            took_s = time.perf_counter() - began
            await self._client.delete(Collector, name, "default")
            with contextlib.suppress(NotFound):
                while True:
                    await self._client.get(Collector, name, "default")
                    await asyncio.sleep(0.05)
        return took_s

    async def _until_ready(self, name: str, version: str) -> None:
        events = self._client.watch(
            Collector, "default", resource_version=version, field_selector=f"metadata.name={name}"
        )
        async with aclosing(events):
            async for event in events:
                if event.object is not None and is_true(event.object.status.conditions, "Ready"):
                    return
        raise ConnectionError("the watch ended")


@contextlib.asynccontextmanager
async def phoenix(folder: Path) -> AsyncIterator[Phoenix]:
    """`python -m phoenix.up`, ready."""
    state, log = folder / "up", folder / "up.log"
    arguments = python("phoenix.up", "--state", str(state), "--port", "0", "--host-name", HOST)
    with child(arguments, log=log) as process:
        await asyncio.to_thread(
            wait_until, lambda: "Phoenix is ready" in log.read_text() or process.poll() is not None, "Phoenix is ready"
        )
        if process.poll() is not None:
            msg = f"phoenix.up ended: {log.read_text()[-2000:]}"
            raise RuntimeError(msg)
        async with HttpClient(ClientConfig.from_endpoint_file(state / "endpoint.json")) as client:
            yield Phoenix(client)


def exec_s(folder: Path) -> float:
    """Start the collector by exec; seconds until its health address answers 200."""
    path, port = filled(folder)
    began = time.perf_counter()
    with child(python("phoenix.collector", "--config", str(path)), log=folder / "exec.log") as process:
        wait_until(lambda: is_ready(port), "the collector is ready", within_s=_WITHIN_S, every_s=_LOOK_S)
        took_s = time.perf_counter() - began
        end(process)
    return took_s


class Shim:
    """A shim of the benchmark's own."""

    def __init__(self, state: StateFolder, client: ShimClient) -> None:
        self._state, self._client = state, client

    async def fork_s(self) -> float:
        """Start the collector through the shim; seconds until its health address answers 200."""
        workload = str(uuid4())
        folder = self._state.workload(workload)
        folder.mkdir(mode=0o700)
        path, port = filled(folder)
        began = time.perf_counter()
        await self._client.start(StartRequest(workload, uuid4().hex, "collector", ["--config", str(path)]))
        await asyncio.to_thread(
            wait_until, lambda: is_ready(port), "the collector is ready", within_s=_WITHIN_S, every_s=_LOOK_S
        )
        took_s = time.perf_counter() - began
        await self._client.stop(workload, 5.0)
        return took_s


@contextlib.asynccontextmanager
async def shim(folder: Path) -> AsyncIterator[Shim]:
    """A shim, ended with all it started."""
    state = StateFolder(folder / "shim-state")
    state.create()
    client = await obtain(state, ShimOptions(orphan_timeout_s=10.0), lambda _workload, _exit: None)
    try:
        yield Shim(state, client)
    finally:
        await client.shutdown(5.0)
        await client.close()


def run(setting: Setting) -> Iterator[Row]:
    """Rows for Phoenix and for the shim."""
    applied: list[float] = []
    execed: list[float] = []
    forked: list[float] = []

    async def measure(folder: Path) -> None:
        async with phoenix(folder) as whole, shim(folder) as alone:
            await whole.ready_s()
            await alone.fork_s()
            for _ in range(setting.pairs):
                applied.append(await whole.ready_s())
                execed.append(await asyncio.to_thread(exec_s, folder))
                forked.append(await alone.fork_s())

    with tempfile.TemporaryDirectory(dir=setting.directory) as name:
        asyncio.run(measure(Path(name)))
    peer = f"exec {_ms(execed)}"
    yield Row("apply to Ready", _ms(applied), peer=peer, measured=ratios(applied, execed), goal=at_most(GOAL))
    yield Row("fork by the shim to healthy", _ms(forked), peer=peer, measured=ratios(forked, execed))


def _ms(seconds: list[float]) -> str:
    return f"{Spread.of(seconds).median * 1e3:.1f} ms"
