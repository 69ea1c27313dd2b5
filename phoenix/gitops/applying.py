"""Writes what was planned to the API: bounded, in waves, each object by itself; deletes only what proves to be ours.

One object's refusal is its own; a server that cannot be reached ends the whole.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

import orjson

from phoenix.apimachinery.errors import ApiError, NotFound
from phoenix.apimachinery.meta import ObjectMeta
from phoenix.client.errors import Unavailable
from phoenix.client.http import HttpClient
from phoenix.gitops.desired import Wanted
from phoenix.gitops.ids import ObjectId
from phoenix.gitops.ownership import FIELD_MANAGER, Owner, is_owned, stamped

CONCURRENCY = 8
"""Writes under way at a time: enough for the server to commit them in groups."""

T = TypeVar("T")
U = TypeVar("U")


class Action(StrEnum):
    """What became of an object."""

    CREATED = "created"
    CONFIGURED = "configured"
    UNCHANGED = "unchanged"
    DELETED = "deleted"
    KEPT = "kept"  # it is not ours, or gone already
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one object.

    Args:
        wire: the object afterwards, without meaning where it failed or was deleted.
        failure: why it failed.
    """

    ident: ObjectId
    action: Action
    wire: Mapping[str, Any] | None = None
    failure: ApiError | None = None


class Writer:
    """Applies and deletes for one source.

    Args:
        version: the resourceVersion an object is known to have, empty where it is not known to be there: by it a write
            that changed nothing is told from one that did.
    """

    def __init__(self, client: HttpClient, owner: Owner, version: Callable[[ObjectId], str]) -> None:
        self._client, self._owner, self._version = client, owner, version

    async def apply(self, wanted: Wanted, *, dry_run: bool = False) -> Outcome:
        """Make one object what its manifest says. Raises Unavailable."""
        ident, document = wanted.ident, wanted.document
        wire = stamped(orjson.loads(document.wire), self._owner, ident, document.digest)
        try:
            done = await self._client.server_side_apply(wire, field_manager=FIELD_MANAGER, force=True, dry_run=dry_run)
        except Unavailable:
            raise
        except ApiError as error:
            return Outcome(ident, Action.FAILED, failure=error)
        if done.created:
            return Outcome(ident, Action.CREATED, done.wire)
        same = done.wire["metadata"].get("resourceVersion") == self._version(ident)
        return Outcome(ident, Action.UNCHANGED if same else Action.CONFIGURED, done.wire)

    async def get(self, ident: ObjectId) -> dict[str, Any] | None:
        """The object as it is now, or None. Raises ApiError."""
        model = ident.model
        if model is None:
            return None
        try:
            return await self._client.raw_get(model.info, ident.name, ident.namespace)
        except NotFound:
            return None

    async def delete(self, ident: ObjectId) -> Outcome:
        """Delete one object, if it is there and proves to be this source's at this moment. Raises Unavailable."""
        model = ident.model
        try:
            live = await self.get(ident)
            if model is None or live is None:
                return Outcome(ident, Action.KEPT)
            meta = ObjectMeta.from_stored(live["metadata"])
            if not is_owned(meta, self._owner, ident):
                return Outcome(ident, Action.KEPT)
            await self._client.raw_delete(model.info, ident.name, ident.namespace, uid=meta.uid)
        except Unavailable:
            raise
        except NotFound:
            return Outcome(ident, Action.KEPT)
        except ApiError as error:
            return Outcome(ident, Action.FAILED, failure=error)
        return Outcome(ident, Action.DELETED)


async def in_waves(waves: Iterable[Sequence[T]], work: Callable[[T], Awaitable[U]]) -> list[U]:
    """The outcomes of `work` on everything: waves one after the other, at most `CONCURRENCY` at a time within one.

    Raises what `work` raises; the rest is then cancelled.
    """
    found: list[U] = []
    for wave in waves:
        items = iter(wave)

        async def worker(items: Iterable[T] = items) -> None:
            for item in items:
                found.append(await work(item))  # noqa: PERF401 - shared by workers

        if len(wave) == 1:
            await worker()
            continue
        try:
            async with asyncio.TaskGroup() as group:
                for number in range(min(CONCURRENCY, len(wave))):
                    group.create_task(worker(), name=f"apply {number}")
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from failures
    return found
