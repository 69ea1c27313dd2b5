"""Owners on their way out: Foreground deletes their dependents first, Orphan lets go of them.

A dependent that another owner still has is let go of either way: that one keeps it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Generic, TypeVar

from controllers.garbage.plan import blocks, next_for, others_references
from controllers.garbage.reconciler import live_uid
from phoenix.api.core import Event
from phoenix.api.scheme import KINDS
from phoenix.apimachinery.errors import NotFound
from phoenix.apimachinery.meta import Resource
from phoenix.apimachinery.names import ORPHAN_FINALIZER
from phoenix.client.interface import Client
from phoenix.runtime.children import get_or_none
from phoenix.runtime.finalizers import remove_finalizer
from phoenix.runtime.reconcile import Request, Result

R = TypeVar("R", bound=Resource)
_LOOK_AGAIN_S = 0.5  # rather than a watch of every kind for every kind: such deletions are few and short


class CascadeReconciler(Generic[R]):
    """Looks at one kind's objects that are going and held by a finalizer of garbage collection."""

    def __init__(self, kind: type[R], client: Client) -> None:
        self._kind, self._client = kind, client

    async def reconcile(self, request: Request) -> Result:
        """Act on the dependents there are, and remove the finalizer when there is nothing left to do."""
        found = await get_or_none(self._client, self._kind, request.key.name, request.key.namespace)
        finalizer = next_for(found) if found is not None else ""
        if found is None or not finalizer:
            return Result()
        waiting = False
        async for dependent in self._dependents(found):
            if finalizer == ORPHAN_FINALIZER or await self._has_another(dependent, found):
                await self._let_go(dependent, found)
            else:
                await self._delete(dependent)
                waiting = waiting or blocks(dependent, found.metadata.uid)
        if waiting:
            return Result(requeue_after_s=_LOOK_AGAIN_S)
        await remove_finalizer(self._client, found, finalizer)
        return Result()

    async def _dependents(self, owner: Resource) -> AsyncIterator[Resource]:
        """Everything that names the owner by its uid, in its namespace where it has one."""
        namespace = owner.metadata.namespace
        for kind in KINDS:
            if kind is Event or (namespace and not kind.info.namespaced):
                continue
            for item in (await self._client.list(kind, namespace)).items:
                if any(ref.uid == owner.metadata.uid for ref in item.metadata.owner_references):
                    yield item

    async def _has_another(self, dependent: Resource, owner: Resource) -> bool:
        others = [ref for ref in dependent.metadata.owner_references if ref.uid != owner.metadata.uid]
        return any([await live_uid(self._client, dependent, ref) == ref.uid for ref in others])

    async def _delete(self, dependent: Resource) -> None:
        metadata = dependent.metadata
        if metadata.deletion_timestamp is not None:
            return  # it goes already, by whatever policy it was deleted with
        try:
            await self._client.delete(
                type(dependent), metadata.name, metadata.namespace, uid=metadata.uid, propagation="Foreground"
            )
        except NotFound:
            return

    async def _let_go(self, dependent: Resource, owner: Resource) -> None:
        metadata = dependent.metadata
        references = others_references(dependent, owner.metadata.uid)
        patch = {"metadata": {"ownerReferences": references or None, "resourceVersion": metadata.resource_version}}
        try:
            await self._client.patch(type(dependent), metadata.name, metadata.namespace, patch)
        except NotFound:
            return
