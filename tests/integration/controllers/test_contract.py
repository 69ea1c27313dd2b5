"""Every reconciler of ours keeps the contract: settles, is idempotent, absence is normal, cancellation does no harm."""

from __future__ import annotations

from controllers.catalog.reconciler import ProfileReconciler, TemplateReconciler
from controllers.experiment.reconciler import ExperimentReconciler
from controllers.garbage.reconciler import EventTtlReconciler, GarbageReconciler, TtlReconciler
from controllers.hostlifecycle.plan import LOST_AFTER_S
from controllers.hostlifecycle.reconciler import HostLifecycleReconciler
from controllers.pipelinedeployment.reconciler import PipelineDeploymentReconciler
from controllers.placement.reconciler import PlacementReconciler
from phoenix.aio.testing import ManualClock
from phoenix.api.collector import Collector, CollectorSpec
from phoenix.api.core import Event
from phoenix.api.experiment import Experiment, ExperimentPhase
from phoenix.api.host import Host
from phoenix.api.loadprofile import LoadProfile
from phoenix.api.meter import Meter
from phoenix.api.pipeline import PipelineDeployment, PipelineRevision, PipelineTemplate, PipelineTemplateSpec
from phoenix.apimachinery.conditions import find_condition, is_true, timestamp
from phoenix.apimachinery.errors import NotFound
from phoenix.apimachinery.meta import ObjectKey, ObjectMeta, OwnerReference
from phoenix.client.http import HttpClient
from phoenix.client.interface import Client
from phoenix.runtime.events import EventRecorder
from tests.contract.reconciler.suite import ReconcilerContract
from tests.integration.controllers.world import START, World, processors

NAMESPACED = ObjectKey("default", "x")


def recorder(client: Client) -> EventRecorder:
    return EventRecorder(client, "test", clock=ManualClock(START))


async def gone(client: Client, kind: type[Collector | Experiment | Event], name: str) -> bool:
    try:
        await client.get(kind, name, "default")
    except NotFound:
        return True
    return False


class TestExperiment(ReconcilerContract):
    """From Pending to waiting for its children."""

    key = NAMESPACED

    def make(self, client: Client) -> ExperimentReconciler:
        return ExperimentReconciler(client, recorder(client), ManualClock(START))

    async def given(self, client: HttpClient) -> None:  # type: ignore[override]
        world = World(client)
        await world.host("a")
        await world.profile()
        await world.experiment()

    async def check(self, client: Client) -> None:
        found = await client.get(Experiment, "x", "default")
        assert (found.status.phase, found.status.run) == (ExperimentPhase.DEPLOYING, 1)
        assert [item.metadata.name for item in (await client.list(Meter)).items] == ["x-meter-a"]
        deployments = sorted(item.metadata.name for item in (await client.list(PipelineDeployment)).items)
        assert deployments == ["x-baseline", "x-lean"]
        assert [event.reason for event in (await client.list(Event)).items] == ["ExperimentStarted"]


class TestPipelineDeployment(ReconcilerContract):
    """From a spec to a collector asked for."""

    key = ObjectKey("default", "edge")

    def make(self, client: Client) -> PipelineDeploymentReconciler:
        return PipelineDeploymentReconciler(client, recorder(client), ManualClock(START))

    async def given(self, client: HttpClient) -> None:  # type: ignore[override]
        world = World(client)
        await world.host("a")
        await world.deployment()

    async def check(self, client: Client) -> None:
        assert len((await client.list(PipelineRevision)).items) == 1
        assert [item.metadata.name for item in (await client.list(Collector)).items] == ["edge-a"]
        reasons = {event.reason for event in (await client.list(Event)).items}
        assert "DeploymentStarted" in reasons


class TestPlacement(ReconcilerContract):
    key = NAMESPACED

    def make(self, client: Client) -> PlacementReconciler:
        return PlacementReconciler(Collector, client, recorder(client), ManualClock(START))

    async def given(self, client: HttpClient) -> None:  # type: ignore[override]
        await World(client).host("a")
        await client.create(Collector(metadata=ObjectMeta(name="x", namespace="default")))

    async def check(self, client: Client) -> None:
        assert (await client.get(Collector, "x", "default")).spec.host == "a"


class TestPlacementWithoutHosts(TestPlacement):
    async def given(self, client: HttpClient) -> None:  # type: ignore[override]
        await client.create(Collector(metadata=ObjectMeta(name="x", namespace="default")))

    async def check(self, client: Client) -> None:
        found = await client.get(Collector, "x", "default")
        scheduled = find_condition(found.status.conditions, "Scheduled")
        assert scheduled is not None
        assert scheduled.reason == "NoMatchingHost"


class TestHostLifecycle(ReconcilerContract):
    """A host long lost, with a collector that is being deleted."""

    key = ObjectKey("", "a")

    def make(self, client: Client) -> HostLifecycleReconciler:
        clock = ManualClock(START)
        made = HostLifecycleReconciler(client, EventRecorder(client, "test", clock=clock), clock)
        clock._elapsed_s = LOST_AFTER_S + 1  # it has watched for so long
        return made

    async def given(self, client: HttpClient) -> None:  # type: ignore[override]
        await World(client).host("a")
        meta = ObjectMeta(name="x", namespace="default", finalizers=["phoenix.io/process"])
        await client.create(Collector(metadata=meta, spec=CollectorSpec(host="a")))
        await client.delete(Collector, "x", "default")

    async def check(self, client: Client) -> None:
        ready = find_condition((await client.get(Host, "a")).status.conditions, "Ready")
        assert ready is not None
        assert ready.status == "Unknown"
        assert await gone(client, Collector, "x")
        assert len((await client.list(Event)).items) == 1


class TestGarbage(ReconcilerContract):
    key = NAMESPACED

    def make(self, client: Client) -> GarbageReconciler[Collector]:
        return GarbageReconciler(Collector, client)

    async def given(self, client: HttpClient) -> None:  # type: ignore[override]
        live = await World(client).deployment("owner")
        reference = {"api_version": live.api_version, "kind": live.kind, "name": "owner"}
        before = OwnerReference(uid="of-one-of-the-same-name-before", **reference)
        now = OwnerReference(uid=live.metadata.uid, **reference)
        for name, owners in (("x", [before]), ("y", [before, now]), ("z", [])):
            await client.create(Collector(metadata=ObjectMeta(name=name, namespace="default", owner_references=owners)))

    async def check(self, client: Client) -> None:
        assert await gone(client, Collector, "x")
        assert not await gone(client, Collector, "y")
        assert not await gone(client, Collector, "z")


class TestTtl(ReconcilerContract):
    key = NAMESPACED

    def make(self, client: Client) -> TtlReconciler:
        return TtlReconciler(client, ManualClock(START))

    async def given(self, client: HttpClient) -> None:  # type: ignore[override]
        made = await World(client).experiment(ttlAfterFinished="1h")
        made.status.phase, made.status.completed_at = ExperimentPhase.COMPLETED, "2025-12-31T22:00:00Z"
        await client.update_status(made)

    async def check(self, client: Client) -> None:
        assert await gone(client, Experiment, "x")


class TestEventTtl(ReconcilerContract):
    key = NAMESPACED

    def make(self, client: Client) -> EventTtlReconciler:
        return EventTtlReconciler(client, ManualClock(START))

    async def given(self, client: HttpClient) -> None:  # type: ignore[override]
        meta = ObjectMeta(name="x", namespace="default")
        await client.create(Event(metadata=meta, last_timestamp=timestamp(START.replace(year=2025))))

    async def check(self, client: Client) -> None:
        assert await gone(client, Event, "x")


class TestTemplates(ReconcilerContract):
    key = ObjectKey("", "t")

    def make(self, client: Client) -> TemplateReconciler:
        return TemplateReconciler(client, ManualClock(START))

    async def given(self, client: HttpClient) -> None:  # type: ignore[override]
        spec = PipelineTemplateSpec(config=processors(1))
        await client.create(PipelineTemplate(metadata=ObjectMeta(name="t"), spec=spec))

    async def check(self, client: Client) -> None:
        assert is_true((await client.get(PipelineTemplate, "t")).status.conditions, "Valid")


class TestProfiles(ReconcilerContract):
    key = ObjectKey("", "microservices-http")

    def make(self, client: Client) -> ProfileReconciler:
        return ProfileReconciler(client, ManualClock(START))

    async def given(self, client: HttpClient) -> None:  # type: ignore[override]
        await World(client).profile()

    async def check(self, client: Client) -> None:
        found = await client.get(LoadProfile, "microservices-http")
        assert is_true(found.status.conditions, "Valid")
        assert (found.status.expected_streams or 0) > 0
