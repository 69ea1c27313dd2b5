"""What may be deleted: dependents whose owners are gone, finished experiments whose time is up. Pure."""

from __future__ import annotations

from collections.abc import Container
from datetime import datetime, timedelta
from typing import Any

from phoenix.api.core import Event
from phoenix.api.experiment import Experiment
from phoenix.apimachinery.conditions import parse_timestamp
from phoenix.apimachinery.meta import GROUP, Resource
from phoenix.apimachinery.names import FOREGROUND_FINALIZER, ORPHAN_FINALIZER


def orphaned(dependent: Resource, live_uids: Container[str]) -> bool:
    """Whether every owner of `dependent` is gone (an object with several owners goes with the last one).

    Owners are matched by uid: a new object of the same name is not the owner.
    """
    owners = dependent.metadata.owner_references
    if not owners or dependent.metadata.deletion_timestamp is not None:
        return False
    return not any(owner.uid in live_uids for owner in owners)


def next_for(owner: Resource) -> str:
    """The finalizer garbage collection has to act on now; empty where there is none, or not yet.

    What is left behind is let go of first, before its controller could delete it. What goes first waits for our own
    controllers' finalizers: they take children down in their order.
    """
    finalizers = owner.metadata.finalizers
    if owner.metadata.deletion_timestamp is None:
        return ""
    if ORPHAN_FINALIZER in finalizers:
        return ORPHAN_FINALIZER
    ours = any(name.startswith(f"{GROUP}/") for name in finalizers)
    return FOREGROUND_FINALIZER if FOREGROUND_FINALIZER in finalizers and not ours else ""


def blocks(dependent: Resource, uid: str) -> bool:
    """Whether an owner that goes after its dependents has to wait for this one."""
    return any(ref.uid == uid and ref.block_owner_deletion for ref in dependent.metadata.owner_references)


def others_references(dependent: Resource, uid: str) -> list[dict[str, Any]]:
    """Owner references without those to `uid`, as they go on the wire."""
    return [ref.to_wire() for ref in dependent.metadata.owner_references if ref.uid != uid]


def expires_in(experiment: Experiment, now: datetime) -> timedelta | None:
    """Time left until a finished experiment is deleted (zero or less: now); None when it stays."""
    ttl = experiment.spec.ttl_after_finished
    if ttl is None or not experiment.status.phase.finished or not experiment.status.completed_at:
        return None
    return parse_timestamp(experiment.status.completed_at) + timedelta(seconds=ttl.seconds) - now


EVENT_TTL = timedelta(hours=1)
"""How long an event is kept after it last happened where nothing else is said, as in Kubernetes."""


def event_expires_in(event: Event, now: datetime, ttl: timedelta = EVENT_TTL) -> timedelta:
    """Time left until an event is deleted; zero or less: now."""
    seen = event.last_timestamp or event.first_timestamp or event.metadata.creation_timestamp
    return parse_timestamp(seen) + ttl - now if seen else ttl
