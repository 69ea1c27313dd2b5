"""Deletes dependents whose owners are gone, and finished experiments whose time is up."""

from __future__ import annotations

from datetime import timedelta
from typing import Generic, TypeVar

from controllers.garbage.plan import EVENT_TTL, event_expires_in, expires_in, orphaned
from phoenix.aio.clock import Clock
from phoenix.api.core import Event
from phoenix.api.experiment import Experiment
from phoenix.api.scheme import BY_GVK
from phoenix.apimachinery.meta import OwnerReference, Resource
from phoenix.client.interface import Client
from phoenix.runtime.children import delete_if_present, get_or_none
from phoenix.runtime.reconcile import Request, Result

COMPONENT = "garbage-controller"

R = TypeVar("R", bound=Resource)


class GarbageReconciler(Generic[R]):
    """Looks at one kind's objects; a deleted owner brings its dependents here (see wiring)."""

    def __init__(self, kind: type[R], client: Client) -> None:
        self._kind, self._client = kind, client

    async def reconcile(self, request: Request) -> Result:
        """Delete the object if every owner it names is gone."""
        found = await get_or_none(self._client, self._kind, request.key.name, request.key.namespace)
        if found is None or not found.metadata.owner_references:
            return Result()
        live = [uid for ref in found.metadata.owner_references if (uid := await live_uid(self._client, found, ref))]
        if orphaned(found, live):
            await delete_if_present(self._client, found)
        return Result()


async def live_uid(client: Client, dependent: Resource, ref: OwnerReference) -> str:
    """The uid of what is there under an owner's name: the owner's own while it lives; empty where nothing is."""
    kind = BY_GVK.get((ref.api_version, ref.kind))
    if kind is None:
        return ref.uid  # a kind we do not serve: not ours to judge
    namespace = dependent.metadata.namespace if kind.info.namespaced else ""
    owner = await get_or_none(client, kind, ref.name, namespace)
    return owner.metadata.uid if owner is not None else ""


class TtlReconciler:
    """Deletes finished experiments `spec.ttlAfterFinished` after their end."""

    def __init__(self, client: Client, clock: Clock) -> None:
        self._client, self._clock = client, clock

    async def reconcile(self, request: Request) -> Result:
        """Delete, or come back when it is time."""
        found = await get_or_none(self._client, Experiment, request.key.name, request.key.namespace)
        left = expires_in(found, self._clock.now()) if found is not None else None
        if found is None or left is None:
            return Result()
        if left.total_seconds() > 0:
            return Result(requeue_after_s=left.total_seconds())
        await delete_if_present(self._client, found)
        return Result()


class EventTtlReconciler:
    """Deletes events some time after they last happened, so that the store does not grow for ever."""

    def __init__(self, client: Client, clock: Clock, ttl: timedelta = EVENT_TTL) -> None:
        self._client, self._clock, self._ttl = client, clock, ttl

    async def reconcile(self, request: Request) -> Result:
        """Delete, or come back when it is time."""
        found = await get_or_none(self._client, Event, request.key.name, request.key.namespace)
        if found is None:
            return Result()
        left = event_expires_in(found, self._clock.now(), self._ttl)
        if left.total_seconds() > 0:
            return Result(requeue_after_s=left.total_seconds() + 1)
        await delete_if_present(self._client, found)
        return Result()
