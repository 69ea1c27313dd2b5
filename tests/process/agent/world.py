"""An agent on a state folder of the test's own, the server it speaks to, and objects for it to run."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from phoenix.agent.agent import Agent
from phoenix.agent.config import AgentConfig
from phoenix.agent.records import StateFolder
from phoenix.api.collector import Collector, CollectorSpec
from phoenix.api.core import Event
from phoenix.api.loadgenerator import LoadGenerator, LoadGeneratorSpec, Target
from phoenix.api.meter import Meter, MeterSpec
from phoenix.api.process import ProcessStatus
from phoenix.apimachinery.conditions import is_true
from phoenix.apimachinery.errors import Conflict, NotFound
from phoenix.apimachinery.meta import ObjectMeta, Resource
from phoenix.apimachinery.units import Duration
from phoenix.apiserver.config import ServerConfig
from phoenix.apiserver.server import ApiServer
from phoenix.client.config import ClientConfig
from phoenix.client.http import HttpClient
from tests.harness.eventually import eventually

R = TypeVar("R", Collector, LoadGenerator, Meter)
CHILD = "tests.harness.children.ready"
PROGRAMS = dict.fromkeys(("collector", "loadgen", "meter"), CHILD)


@dataclass
class World:
    client: HttpClient
    state: StateFolder
    agent: Agent | None = None
    task: asyncio.Task[None] | None = None

    async def start(self, **changes: Any) -> Agent:
        config = AgentConfig(
            self.state.root, host_name="h1", programs=PROGRAMS, orphan_timeout_s=20.0, heartbeat_s=0.5, resources_s=0.5,
            **{"stop_workloads": True, "stop_grace_s": 2.0, **changes},
        )  # fmt: skip
        self.agent = Agent(self.client, config)
        self.task = asyncio.create_task(self.agent.run())
        ready = asyncio.create_task(self.agent.ready.wait())
        await asyncio.wait({self.task, ready}, return_when=asyncio.FIRST_COMPLETED, timeout=60)
        if not ready.done():
            ready.cancel()
            await self.task
        return self.agent

    async def stop(self) -> None:
        if self.task is not None:
            self.task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self.task
            self.task = None

    async def until(
        self, obj: R, holds: Callable[[ProcessStatus], object], what: str = "", within_s: float = 40.0
    ) -> R:
        async def look() -> R:
            return await self.client.get(type(obj), obj.metadata.name, "default")

        return await eventually(
            look, lambda found: bool(holds(found.status)), within_s=within_s, what=what, every_s=0.02
        )  # fmt: skip

    async def ready(self, obj: R) -> R:
        return await self.until(obj, lambda status: is_true(status.conditions, "Ready"), "it is ready")

    async def gone(self, obj: Resource) -> None:
        async def look() -> bool:
            try:
                await self.client.get(type(obj), obj.metadata.name, "default")
            except NotFound:
                return True
            return False

        await eventually(look, bool, within_s=40, what=f"{obj.ref} is gone", every_s=0.02)

    async def reasons(self, obj: Resource) -> list[str]:
        events = await self.client.list(Event, "default")
        mine = [event for event in events.items if event.involved_object.uid == obj.metadata.uid]
        return [event.reason for event in sorted(mine, key=lambda event: int(event.metadata.resource_version))]

    async def told(self, obj: Resource, reason: str) -> list[str]:
        """The reasons of its events once this one is there: an event follows what it tells of."""
        return await eventually(lambda: self.reasons(obj), lambda found: reason in found, within_s=40, what=reason)


@asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[HttpClient]:
    async with (
        ApiServer(ServerConfig(state=folder, port=0, tls=False)),
        HttpClient(ClientConfig.from_endpoint_file(folder / "endpoint.json")) as client,
    ):
        yield client


def meter(name: str = "m", **spec: Any) -> Meter:
    spec = {"host": "h1", "variants": ["a"], "stop_grace": Duration("1s"), **spec}
    return Meter(metadata=ObjectMeta(name=name, namespace="default"), spec=MeterSpec(**spec))


def loadgen(*behaviour: str, **spec: Any) -> LoadGenerator:
    targets = [Target(name=name, endpoint="http://127.0.0.1:1") for name in behaviour]
    spec = {"host": "h1", "targets": targets, "stop_grace": Duration("1s"), **spec}
    return LoadGenerator(metadata=ObjectMeta(name="l", namespace="default"), spec=LoadGeneratorSpec(**spec))


def config(*, otlp: str = "${phoenix:port:otlp}", **behaviour: str) -> dict[str, Any]:
    attributes = [{"key": key, "value": value, "action": "upsert"} for key, value in behaviour.items()]
    return {
        "receivers": {"otlp": {"protocols": {"http": {"endpoint": f"${{phoenix:address}}:{otlp}"}}}},
        "processors": {"resource/test": {"attributes": attributes}} if attributes else {},
        "exporters": {"otlphttp": {"endpoint": "http://127.0.0.1:1"}},
        "extensions": {"health_check": {"endpoint": "${phoenix:address}:${phoenix:port:health}"}},
        "service": {
            "extensions": ["health_check"],
            "telemetry": {
                "metrics": {
                    "readers": [
                        {"pull": {"exporter": {"prometheus": {
                            "host": "${phoenix:address}", "port": "${phoenix:port:telemetry}"}}}}
                    ]
                }
            },
            "pipelines": {
                "metrics": {
                    "receivers": ["otlp"],
                    "processors": ["resource/test"] if attributes else [],
                    "exporters": ["otlphttp"],
                }
            },
        },
    }  # fmt: skip


def collector(hash_: str, conf: dict[str, Any], **spec: Any) -> Collector:
    spec = {"host": "h1", "config": conf, "config_hash": hash_, "stop_grace": Duration("1s"), **spec}
    return Collector(metadata=ObjectMeta(name="c", namespace="default"), spec=CollectorSpec(**spec))


async def change(world: World, obj: Collector, hash_: str, conf: dict[str, Any]) -> None:
    while True:
        live = await world.client.get(Collector, obj.metadata.name, "default")
        live.spec.config, live.spec.config_hash = conf, hash_
        with contextlib.suppress(Conflict):
            await world.client.update(live)
            return
