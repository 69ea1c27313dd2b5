"""The controllers' world without processes: a real API server, a clock by hand, and hosts that obey at once.

Reconcilers are called one by one, so that a test chooses what happens between any two of their steps.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from controllers.experiment.reconciler import ExperimentReconciler
from controllers.garbage.reconciler import GarbageReconciler
from controllers.hostlifecycle.reconciler import HostLifecycleReconciler
from controllers.pipelinedeployment.reconciler import PipelineDeploymentReconciler
from controllers.wiring import OWNED
from phoenix.aio.testing import ManualClock
from phoenix.api.collector import Collector, Engine
from phoenix.api.core import Event
from phoenix.api.experiment import Experiment
from phoenix.api.host import Host, HostEngine
from phoenix.api.loadgenerator import LoadGenerator
from phoenix.api.loadprofile import LoadProfile
from phoenix.api.meter import Meter
from phoenix.api.pipeline import PipelineDeployment
from phoenix.api.process import PROCESS_FINALIZER, ConfigAttempt, ProcessPhase
from phoenix.apimachinery.conditions import ConditionStatus, parse_timestamp, set_condition, timestamp
from phoenix.apimachinery.errors import NotFound
from phoenix.apimachinery.meta import ObjectKey, ObjectMeta, Resource
from phoenix.apiserver.server import ApiServer, ServerConfig
from phoenix.client.config import ClientConfig
from phoenix.client.http import HttpClient
from phoenix.client.interface import Client
from phoenix.manifest.loader import load_file
from phoenix.runtime.events import EventRecorder
from phoenix.runtime.finalizers import remove_finalizer
from phoenix.runtime.reconcile import Request, RetryAfter

R = TypeVar("R", bound=Resource)
Process = Collector | LoadGenerator | Meter
PROCESS_KINDS: tuple[type[Process], ...] = (Meter, Collector, LoadGenerator)
PROFILES = Path(__file__).resolve().parents[3] / "resources" / "catalog" / "loadprofiles.yaml"
HEARTBEAT_S = 10.0
START = datetime(2026, 1, 1, tzinfo=UTC)


def processors(number: int) -> dict[str, Any]:
    """A pipeline that differs from others by a number."""
    return {
        "processors": {"batch": {"timeout": f"{number}s"}},
        "service": {"pipelines": {"metrics": {"processors": ["batch"]}}},
    }


def experiment_wire(name: str = "x", **spec: Any) -> dict[str, Any]:
    """An experiment of two variants."""
    return {
        "apiVersion": "phoenix.io/v1alpha1",
        "kind": "Experiment",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "source": {"load": {"profileRef": {"name": "microservices-http"}}},
            "variants": [
                {"name": "baseline", "role": "Baseline", "pipeline": {"config": processors(1)}},
                {"name": "lean", "role": "Candidate", "pipeline": {"config": processors(2)}},
            ],
            "timing": {"warmup": "2s", "duration": "10s", "interval": "1s"},
            **spec,
        },
    }


def deployment_wire(name: str = "edge", number: int = 1, namespace: str = "default", **spec: Any) -> dict[str, Any]:
    """A deployment."""
    return {
        "apiVersion": "phoenix.io/v1alpha1",
        "kind": "PipelineDeployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"pipeline": {"config": processors(number)}, "minReady": "0s", **spec},
    }


class World:
    """The server, the clock, the hosts' obedience, and each reconciler by hand."""

    def __init__(self, client: HttpClient) -> None:
        self.client = client
        self.clock = ManualClock(START)
        self.dead_hosts: set[str] = set()
        self.refused: dict[str, str] = {}
        """Configuration hash → why hosts refuse it."""
        self.unready: set[str] = set()
        """Configuration hashes that never become ready."""

    # ---- making things

    async def host(self, name: str = "a", *, ready: bool = True, **labels: str) -> None:
        """A host with a heartbeat of now."""
        host = await self.get(Host, name, "")
        if host is None:
            host = await self.client.create(Host(metadata=ObjectMeta(name=name, labels=labels)))
        host.status.engines = [HostEngine(engine=Engine.EMBEDDED), HostEngine(engine=Engine.OTELCOL)]
        host.status.heartbeat_at = timestamp(self.clock.now())
        host.status.conditions = set_condition(
            host.status.conditions, "Ready", ready, "AgentReady", "", now=self.clock.now()
        )
        await self.client.update_status(host)

    async def profile(self) -> None:
        """The load profile experiments use."""
        for found in load_file(PROFILES):
            if found.wire["metadata"]["name"] == "microservices-http":
                await self.client.create(LoadProfile.from_wire(found.wire))

    async def experiment(self, name: str = "x", **spec: Any) -> Experiment:
        """Create one."""
        return await self.client.create(Experiment.from_wire(experiment_wire(name, **spec)))

    async def deployment(
        self, name: str = "edge", number: int = 1, namespace: str = "default", **spec: Any
    ) -> PipelineDeployment:
        """Create one."""
        return await self.client.create(PipelineDeployment.from_wire(deployment_wire(name, number, namespace, **spec)))

    async def get(self, kind: type[R], name: str, namespace: str = "default") -> R | None:
        """The object or None."""
        try:
            return await self.client.get(kind, name, namespace)
        except NotFound:
            return None

    async def events(self, name: str) -> list[str]:
        """Reasons of an object's events, in order."""
        found = await self.client.list(Event, "default", field_selector=f"involvedObject.name={name}")
        return [item.reason for item in sorted(found.items, key=lambda item: int(item.metadata.resource_version))]

    async def revision(self) -> int:
        """The store's revision: it grows with every write."""
        return int((await self.client.list(Host)).resource_version)

    # ---- running things

    def experiments(self, client: Client | None = None) -> ExperimentReconciler:
        """A reconciler that remembers nothing."""
        client = client or self.client
        return ExperimentReconciler(client, EventRecorder(client, "test", clock=self.clock), self.clock)

    def deployments(self, client: Client | None = None) -> PipelineDeploymentReconciler:
        """A reconciler that remembers nothing."""
        client = client or self.client
        return PipelineDeploymentReconciler(client, EventRecorder(client, "test", clock=self.clock), self.clock)

    def hosts(self) -> HostLifecycleReconciler:
        """A reconciler that begins to watch now."""
        return HostLifecycleReconciler(self.client, EventRecorder(self.client, "test", clock=self.clock), self.clock)

    async def obey(self) -> None:
        """Every live host brings its processes to what their specs ask for."""
        for kind in PROCESS_KINDS:
            for item in (await self.client.list(kind)).items:
                if item.spec.host in self.dead_hosts:
                    continue
                if item.metadata.deletion_timestamp is not None:
                    await remove_finalizer(self.client, item, PROCESS_FINALIZER)
                else:
                    await self._run(item)

    async def _run(self, item: Process) -> None:
        new = item.model_copy(deep=True)
        status, wanted = new.status, item.spec.config_hash if isinstance(item, Collector) else "-"
        status.observed_generation = item.metadata.generation
        status.address, status.phase = "127.0.0.1", ProcessPhase.RUNNING
        status.ports = {"otlp": 4318, "health": 4319}
        if wanted in self.refused:
            status.attempted = ConfigAttempt(
                config_hash=wanted, reason="ConfigInvalid", message=self.refused[wanted], at=timestamp(self.clock.now())
            )
        else:
            ready = wanted not in self.unready
            if status.effective_hash != wanted and ready:
                status.started_at = timestamp(self.clock.now())
            status.effective_hash = wanted if ready else status.effective_hash
            status.conditions = set_condition(
                status.conditions, "Ready", ConditionStatus(str(ready)), "Running", "", now=self.clock.now()
            )
        if new.status != item.status:
            await self.client.update_status(new)

    async def beat(self) -> None:
        """Every live host says that it lives."""
        for host in (await self.client.list(Host)).items:
            silent = self.clock.now() - parse_timestamp(host.status.heartbeat_at)
            if host.metadata.name not in self.dead_hosts and silent.total_seconds() >= HEARTBEAT_S:
                await self.host(host.metadata.name)

    async def collect_garbage(self) -> None:
        """What has no owner any more is deleted."""
        for kind in OWNED:
            collector = GarbageReconciler(kind, self.client)
            for item in (await self.client.list(kind)).items:
                await collector.reconcile(Request(item.key))

    async def turn(self, *, seconds: float = 0.0) -> None:
        """Everyone once: time, controllers, hosts."""
        if seconds:
            await self.clock.advance(seconds)
        for experiment in (await self.client.list(Experiment)).items:
            if not experiment.status.phase.finished:
                await self.beat()
            await _quietly(self.experiments(), experiment.key)
        for deployment in (await self.client.list(PipelineDeployment)).items:
            await _quietly(self.deployments(), deployment.key)
        await self.collect_garbage()
        await self.obey()

    async def turns(self, number: int, *, seconds: float = 0.0) -> None:
        """Everyone several times."""
        for _ in range(number):
            await self.turn(seconds=seconds)


async def _quietly(reconciler: ExperimentReconciler | PipelineDeploymentReconciler, key: ObjectKey) -> None:
    try:
        await reconciler.reconcile(Request(key))
    except RetryAfter:
        return


@asynccontextmanager
async def world(state: Path) -> AsyncIterator[World]:
    """A world with one host `a` and the profile."""
    async with (
        ApiServer(ServerConfig(state=state, port=0, tls=False)),
        HttpClient(ClientConfig.from_endpoint_file(state / "endpoint.json")) as client,
    ):
        made = World(client)
        await made.host("a")
        await made.profile()
        yield made
