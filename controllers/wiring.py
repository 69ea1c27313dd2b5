"""Which controllers run, with what, and which change wakes which of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from controllers.catalog.reconciler import ProfileReconciler, TemplateReconciler
from controllers.experiment import reconciler as experiment
from controllers.garbage.cascade import CascadeReconciler
from controllers.garbage.plan import EVENT_TTL
from controllers.garbage.reconciler import EventTtlReconciler, GarbageReconciler, TtlReconciler
from controllers.hostlifecycle import reconciler as hostlifecycle
from controllers.hostlifecycle.plan import DEFAULT_PATIENCE as DEFAULT_PATIENCE
from controllers.hostlifecycle.plan import HostPatience as HostPatience
from controllers.manifestsource import reconciler as manifestsource
from controllers.manifestsource.live import APPLICABLE, LiveObjects
from controllers.pipelinedeployment import reconciler as pipelinedeployment
from controllers.placement import reconciler as placement
from phoenix.aio.clock import Clock
from phoenix.api.collector import Collector
from phoenix.api.core import Event, Namespace
from phoenix.api.experiment import Experiment
from phoenix.api.host import Host
from phoenix.api.loadgenerator import LoadGenerator
from phoenix.api.loadprofile import LoadProfile
from phoenix.api.manifestsource import ManifestSource
from phoenix.api.meter import Meter
from phoenix.api.pipeline import PipelineDeployment, PipelineRevision, PipelineTemplate
from phoenix.api.pricebook import PriceBook
from phoenix.api.scheme import KINDS
from phoenix.apimachinery.conditions import find_condition
from phoenix.apimachinery.meta import ObjectKey, Resource
from phoenix.apimachinery.names import LABEL_EXPERIMENT
from phoenix.client.http import HttpClient
from phoenix.gitops.ownership import LABEL as LABEL_MANIFESTSOURCE
from phoenix.gitops.trees import ManifestTrees
from phoenix.runtime.informer import Informer
from phoenix.runtime.manager import Manager

R = TypeVar("R", bound=Resource)

OWNED: tuple[type[Resource], ...] = tuple(kind for kind in KINDS if kind not in (Event, Namespace))
"""Kinds whose objects may have owners: ours give them to some, people to any."""
OWNERS: tuple[type[Resource], ...] = (*OWNED, Namespace)
"""Kinds whose objects may own, or be deleted with a policy."""


@dataclass(frozen=True, slots=True)
class Manifests:
    """What the manifestsource controller needs: a client to apply with, and the folders it may read below."""

    client: HttpClient
    roots: tuple[Path, ...] = ()


def wire(
    manager: Manager,
    clock: Clock,
    patience: HostPatience = DEFAULT_PATIENCE,
    manifests: Manifests | None = None,
    *,
    event_ttl_s: float = EVENT_TTL.total_seconds(),
) -> None:
    """Add every controller to the manager; without `manifests` nobody looks at directories."""
    _experiments(manager, clock)
    _deployments(manager, clock)
    _hosts(manager, clock, patience)
    _garbage(manager, clock, timedelta(seconds=event_ttl_s))
    _catalog(manager, clock)
    if manifests is not None:
        _manifests(manager, clock, manifests)


def _by_experiment(obj: Resource) -> Iterable[ObjectKey]:
    name = obj.metadata.labels.get(LABEL_EXPERIMENT)
    return (ObjectKey(obj.metadata.namespace, name),) if name else ()


def _experiments(manager: Manager, clock: Clock) -> None:
    recorder = manager.recorder(experiment.COMPONENT)
    reconciler = experiment.ExperimentReconciler(manager.client, recorder, clock)
    controller = manager.controller("experiment", reconciler, workers=4)
    experiments = manager.informer(Experiment)
    controller.reconciles(experiments, when=_spec_or_phase_changed)
    for kind in (Meter, PipelineDeployment, LoadGenerator, Collector):
        controller.watches(manager.informer(kind), _by_experiment)
    pending = _all_keys(experiments, lambda item: not item.status.phase.finished)
    for catalogue in (PipelineTemplate, LoadProfile, PriceBook):
        controller.watches(manager.informer(catalogue), pending, when=_generation_changed)
    controller.watches(manager.informer(Host), pending, when=_readiness_changed)


def _host_of(process: Resource) -> Iterable[ObjectKey]:
    name = process.spec.host if isinstance(process, (Meter, LoadGenerator, Collector)) else ""
    return (ObjectKey("", name),) if name else ()


def _deployments(manager: Manager, clock: Clock) -> None:
    recorder = manager.recorder(pipelinedeployment.COMPONENT)
    reconciler = pipelinedeployment.PipelineDeploymentReconciler(manager.client, recorder, clock)
    controller = manager.controller("pipelinedeployment", reconciler, workers=4)
    deployments = manager.informer(PipelineDeployment)
    controller.reconciles(deployments, when=_generation_changed)
    controller.owns(manager.informer(Collector), PipelineDeployment)
    controller.owns(manager.informer(PipelineRevision), PipelineDeployment, when=_appeared)
    everything = _all_keys(deployments, lambda _: True)
    controller.watches(manager.informer(PipelineTemplate), everything, when=_generation_changed)
    controller.watches(manager.informer(Host), everything, when=_readiness_changed)

    def measured(meter: Meter) -> Iterable[ObjectKey]:
        wanted = meter.metadata.labels.get(LABEL_EXPERIMENT)
        return [
            item.key
            for item in deployments.list(meter.metadata.namespace, copy=False)
            if item.metadata.labels.get(LABEL_EXPERIMENT) == wanted
        ]

    controller.watches(manager.informer(Meter), measured, when=_readiness_changed)


def _hosts(manager: Manager, clock: Clock, patience: HostPatience) -> None:
    recorder = manager.recorder(hostlifecycle.COMPONENT)
    reconciler = hostlifecycle.HostLifecycleReconciler(manager.client, recorder, clock, patience)
    hosts = manager.controller("hostlifecycle", reconciler, workers=1).reconciles(manager.informer(Host))
    for kind in hostlifecycle.PROCESS_KINDS:
        hosts.watches(manager.informer(kind), _host_of, when=_deletion_began)
    recorder = manager.recorder(placement.COMPONENT)
    for kind in placement.PROCESS_KINDS:
        place = placement.PlacementReconciler(kind, manager.client, recorder, clock)
        manager.controller(f"placement-{kind.info.plural}", place, workers=1).reconciles(
            manager.informer(kind), when=_generation_changed
        )


def _garbage(manager: Manager, clock: Clock, event_ttl: timedelta) -> None:
    for kind in OWNED:
        dependents = manager.informer(kind)
        controller = manager.controller(
            f"garbage-{kind.info.plural}", GarbageReconciler(kind, manager.client), workers=1
        )
        controller.reconciles(dependents, when=_has_other_owners)
        for owner in OWNERS:
            controller.watches(manager.informer(owner), _dependents(dependents), when=_disappeared)
    for kind in OWNERS:
        cascade = manager.controller(f"cascade-{kind.info.plural}", CascadeReconciler(kind, manager.client), workers=1)
        cascade.reconciles(manager.informer(kind), when=_going_otherwise)
    ttl = manager.controller("ttl", TtlReconciler(manager.client, clock), workers=1)
    ttl.reconciles(manager.informer(Experiment), when=_spec_or_phase_changed)
    events = manager.controller("events", EventTtlReconciler(manager.client, clock, event_ttl), workers=1)
    events.reconciles(manager.informer(Event), when=_appeared)


def _catalog(manager: Manager, clock: Clock) -> None:
    # NB: several workers, as a directory brings a thousand at once and each waits for its status to be durable.
    templates = manager.controller("templates", TemplateReconciler(manager.client, clock), workers=4)
    templates.reconciles(manager.informer(PipelineTemplate), when=_generation_changed)
    profiles = manager.controller("profiles", ProfileReconciler(manager.client, clock), workers=4)
    profiles.reconciles(manager.informer(LoadProfile), when=_generation_changed)


def _manifests(manager: Manager, clock: Clock, manifests: Manifests) -> None:
    informers: dict[type[Resource], Informer[Any]] = {kind: manager.informer(kind) for kind in APPLICABLE}
    sources: Informer[ManifestSource] = informers[ManifestSource]
    # NB: a directory changed from a thread's point of view at any time; the queue takes a key once, however often.
    trees = ManifestTrees(manifests.roots, lambda name: controller.enqueue(ObjectKey("", name)), clock=clock)
    reconciler = manifestsource.ManifestSourceReconciler(
        manager.client,
        manifests.client,
        manager.recorder(manifestsource.COMPONENT),
        trees,
        LiveObjects(informers),
        lambda: [source.metadata.uid for source in sources.list(copy=False)],
        clock,
    )
    controller = manager.controller("manifestsource", reconciler, workers=2)
    controller.reconciles(sources, when=_generation_changed)
    for informer in informers.values():
        controller.watches(informer, _by_manifestsource, when=_not_mere_status)
    manager.add_loop("manifest directories", trees.run)


def _by_manifestsource(obj: Resource) -> Iterable[ObjectKey]:
    name = obj.metadata.labels.get(LABEL_MANIFESTSOURCE)
    return (ObjectKey("", name),) if name else ()


def _not_mere_status(old: Resource | None, new: Resource | None) -> bool:
    """Anything somebody could have meant: spec, labels, annotations, going or gone."""
    if old is None or new is None or _generation_changed(old, new):
        return True
    before, after = old.metadata, new.metadata
    return (before.labels, before.annotations) != (after.labels, after.annotations)


def _dependents(informer: Informer[R]) -> Callable[[Resource], Iterable[ObjectKey]]:
    def keys(owner: Resource) -> Iterable[ObjectKey]:
        return [item.key for item in informer.by_owner(owner.metadata.uid, copy=False)]

    return keys


def _all_keys(informer: Informer[R], wanted: Callable[[R], bool]) -> Callable[[Resource], Iterable[ObjectKey]]:
    return lambda _: [item.key for item in informer.list(copy=False) if wanted(item)]


def _appeared(old: Resource | None, _new: Resource | None) -> bool:
    return old is None


def _has_other_owners(old: Resource | None, new: Resource | None) -> bool:
    """It came with owners, or was given some: most objects have none and need no look."""
    if new is None or not new.metadata.owner_references:
        return False
    return old is None or old.metadata.owner_references != new.metadata.owner_references


def _deletion_began(old: Resource | None, new: Resource | None) -> bool:
    going = new is not None and new.metadata.deletion_timestamp is not None
    return going and (old is None or old.metadata.deletion_timestamp is None)


def _going_otherwise(old: Resource | None, new: Resource | None) -> bool:
    """Began to go, or has other finalizers while it goes."""
    if new is None or new.metadata.deletion_timestamp is None:
        return False
    before = old.metadata if old is not None else None
    return before is None or (before.deletion_timestamp, before.finalizers) != (
        new.metadata.deletion_timestamp,
        new.metadata.finalizers,
    )


def _disappeared(_old: Resource | None, new: Resource | None) -> bool:
    return new is None


def _generation_changed(old: Resource | None, new: Resource | None) -> bool:
    """Spec changed, deletion began, or it came or went: not a mere status."""
    if old is None or new is None:
        return True
    return (old.metadata.generation, old.metadata.deletion_timestamp, old.metadata.finalizers) != (
        new.metadata.generation,
        new.metadata.deletion_timestamp,
        new.metadata.finalizers,
    )


def _spec_or_phase_changed(old: Experiment | None, new: Experiment | None) -> bool:
    if old is None or new is None or _generation_changed(old, new):
        return True
    return old.status.phase != new.status.phase or (old.status.ending is None) != (new.status.ending is None)


def _readiness_changed(old: Resource | None, new: Resource | None) -> bool:
    return _ready(old) != _ready(new) or _generation_changed(old, new)


def _ready(obj: Resource | None) -> str:
    if isinstance(obj, (Host, Meter, Collector)):
        condition = find_condition(obj.status.conditions, "Ready")
        return str(condition.status) if condition else ""
    return ""
