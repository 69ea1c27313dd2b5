"""The rules every write goes through: identity, concurrency, generation, immutables, finalizers; reads beside them.

Between HTTP and the store: speaks decoded targets and bytes, knows no requests. A write that changes nothing makes no
revision and no event. What is stored is the pruned JSON with its resourceVersion inside; it is what clients get.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import orjson

from phoenix.apimachinery.conditions import timestamp
from phoenix.apimachinery.errors import (
    AlreadyExists,
    BadRequest,
    Invalid,
    NotFound,
    ServerTimeout,
)
from phoenix.apiserver.access.guards import Guards
from phoenix.apiserver.admission import admit, default_type, invalid
from phoenix.apiserver.codec import with_resource_version
from phoenix.apiserver.deletion import finalizers_for, mark_going, set_finalizers
from phoenix.apiserver.identity import (
    check_form,
    check_identity,
    check_namespace,
    check_preconditions,
    conflict,
    not_a_result,
)
from phoenix.apiserver.namespaces import NamespaceGate
from phoenix.apiserver.objectmeta import (
    check_finalizers,
    check_immutable,
    keep_from_live,
    stamp_new,
    without_empty,
)
from phoenix.apiserver.options import DeleteOptions, WriteOptions
from phoenix.apiserver.owners import Owners, applied, claim_new, take_managed
from phoenix.apiserver.strategy import Wire, strategy_of
from phoenix.apiserver.target import Target
from phoenix.store.interface import KeyExists, KeyNotFound, Record, RevisionConflict, Store

Change = Callable[[Wire], Any]
"""Makes the wanted object out of the live one, which it may change in place."""

_ATTEMPTS = 32  # lost races after which a write gives up; each is against another writer's success


@dataclass(frozen=True, slots=True)
class Written:
    """What a write answers: the object's bytes and warnings. `removed`: it is gone (the bytes are its last state).

    `created`: it was not there before (told of an apply, which may do either).
    """

    body: bytes
    warnings: tuple[str, ...] = ()
    removed: bool = False
    created: bool = False


class Registry:
    """Create, get, update and delete of every kind.

    Guarantees: a write is answered after it is durable; of two racing writes that name the same resourceVersion one
    gets Conflict.
    Cancellation: a write may still happen, whole.

    Args:
        now: the time for creation and deletion stamps.
        before_removal: awaited before an object leaves the store; again when the removal did not happen.
        guards: check what is written against who writes it; they raise Forbidden.
    """

    def __init__(
        self,
        store: Store,
        *,
        now: Callable[[], datetime],
        before_removal: Callable[[Target], Awaitable[None]],
        guards: Guards,
    ) -> None:
        self._store = store
        self.now = now
        self._before_removal = before_removal
        self._guards = guards
        self._gate = NamespaceGate(store)

    def live(self, target: Target) -> Record:
        """The stored object. Raises NotFound."""
        record = self._store.get(target.key)
        if record is None:
            raise not_found(target)
        return record

    async def create(self, target: Target, wire: Wire, options: WriteOptions) -> Written:
        """Store a new object in the collection `target`.

        Raises:
            BadRequest, Invalid: the object will not do.
            NotFound, Forbidden: its namespace is missing or going.
            AlreadyExists: the name is taken.
        """
        kind = target.kind
        strategy = strategy_of(kind)
        wire = default_type(kind, wire)
        metadata: dict[str, Any] = wire["metadata"]
        check_namespace(target, metadata)
        if metadata.get("resourceVersion"):
            raise BadRequest("resourceVersion should not be set on objects to be created")
        if kind.info.has_status:
            wire.pop("status", None)
        strategy.prepare_create(wire)
        try:
            wire, warnings = admit(kind, wire, options.field_validation)
            if strategy.check_create is not None and (causes := strategy.check_create(wire)):
                raise invalid(kind, str(wire["metadata"].get("name") or ""), causes)
        except Invalid:
            if target.namespace:  # as upstream: where the namespace is not there, that is what is wrong
                self._gate.admit(target.namespace, str(metadata.get("name") or ""), target)
            raise
        metadata = wire["metadata"]
        now = self.now()
        stamp_new(metadata, now=now, generation=strategy.has_generation)
        strategy.finish(wire)
        claim_new(kind, wire, options, timestamp(now))
        self._guards.create(target, wire)
        if target.namespace:
            self._gate.admit(target.namespace, metadata["name"], target)
        new = Target(kind, target.namespace, metadata["name"])
        if options.dry_run:
            if self._store.get(new.key) is not None:
                raise self._already_exists(new)
            return Written(orjson.dumps(wire), tuple(warnings))
        try:
            record = await self._store.create(new.key, lambda revision: with_resource_version(wire, revision))
        except KeyExists as error:
            raise self._already_exists(new) from error
        return Written(record.value, tuple(warnings))

    async def update(self, target: Target, change: Change, options: WriteOptions, *, patch: bool) -> Written:
        """Store what `change` makes of the live object; called again for each lost race, with the new live object.

        Args:
            target: the object, or its `status` subresource.
            patch: the change names only what it wants changed; an update must name the resourceVersion it was made of.

        Raises:
            NotFound: no such object.
            Conflict: the result's resourceVersion or uid is not the live one's.
            BadRequest, Invalid: the result will not do.
        """
        for _ in range(_ATTEMPTS):
            live = self.live(target)
            old: Wire = orjson.loads(live.value)
            wanted = change(orjson.loads(live.value))
            check_form(target.kind, wanted, options, patch=patch)
            owners = Owners(target, options, take_managed(old), take_managed(wanted))
            new = self._changed(target, old, wanted, patch=patch)
            if new == old and owners.untouched:
                return Written(live.value)
            try:
                new, warnings = admit(target.kind, new, options.field_validation, old)
            except BadRequest as error:
                raise (not_a_result(error.message) if patch else error) from error
            if new == old and owners.untouched:
                return Written(live.value, tuple(warnings))
            self._check_update(target, old, new)
            self._guards.update(target, old, new)
            metadata = new["metadata"]
            if strategy_of(target.kind).has_generation and _spec_of(new) != _spec_of(old):
                metadata["generation"] = metadata.get("generation", 0) + 1
            if managed := owners.after(old, new, self.now()):
                metadata["managedFields"] = managed
            leaving = bool(metadata.get("deletionTimestamp")) and self._removable(target, new)
            if options.dry_run:
                return Written(orjson.dumps(new), tuple(warnings), leaving)
            record = await self._replace(target, new, live, remove=leaving)
            if record is not None:
                return Written(record.value, tuple(warnings), leaving)
        raise _busy(target)

    async def apply(self, target: Target, config: Wire, options: WriteOptions) -> Written:
        """Server-side apply: create the object, or lay the configuration over it (see `owners.applied`).

        Raises:
            NotFound: of a status: no such object.
            Conflict: others own what this would change, or its resourceVersion or uid is not the live one's.
            BadRequest, Invalid: the configuration or what comes of it will not do.
        """
        for _ in range(_ATTEMPTS):
            if target.subresource or self._store.get(target.key) is not None:
                return await self.update(
                    target, lambda live: applied(target, config, options, self.now(), live), options, patch=True
                )
            wire = applied(target, _named(target, config), options, self.now(), None)
            try:
                settled = replace(options, settled=take_managed(wire))
                return replace(await self.create(replace(target, name=""), wire, settled), created=True)
            except AlreadyExists:
                if options.dry_run:
                    raise
        raise _busy(target)

    async def delete(self, target: Target, options: DeleteOptions) -> Written:
        """Remove an object, or mark it as going where finalizers hold it.

        Raises:
            NotFound: no such object.
            Conflict: a precondition does not hold.
            Forbidden: it may not be deleted.
        """
        self._gate.check_delete(target)
        for _ in range(_ATTEMPTS):
            live = self.live(target)
            wire: Wire = orjson.loads(live.value)
            metadata = wire["metadata"]
            check_preconditions(target, metadata, options)
            held = finalizers_for(metadata, options.propagation)
            if metadata.get("deletionTimestamp") and held == metadata.get("finalizers", []):
                return Written(live.value)
            set_finalizers(metadata, held)
            remove = self._removable(target, wire)
            if not remove and not metadata.get("deletionTimestamp"):
                self._mark_going(target, wire)
            if options.dry_run:
                return Written(orjson.dumps(wire), removed=remove)
            record = await self._replace(target, wire, live, remove=remove)
            if record is not None:
                return Written(record.value, removed=self._store.get(target.key) is None)
        raise _busy(target)

    async def remove_namespace(self, target: Target) -> None:
        """Drop a namespace that is going, empty and held by no finalizer; otherwise do nothing."""
        live = self._store.get(target.key)
        if live is None:
            return
        wire: Wire = orjson.loads(live.value)
        metadata = wire["metadata"]
        if metadata.get("deletionTimestamp") and not metadata.get("finalizers"):
            await self._replace(target, wire, live, remove=True)

    def _already_exists(self, target: Target) -> AlreadyExists:
        info = target.kind.info
        live = self._store.get(target.key)
        going = live is not None and "deletionTimestamp" in orjson.loads(live.value)["metadata"]
        msg = f'{"object is being deleted: " if going else ""}{target.qualified} "{target.name}" already exists'
        return AlreadyExists(msg, name=target.name, group=info.group, kind=info.plural)

    def _removable(self, target: Target, wire: Wire) -> bool:
        """Whether nothing holds the object. A namespace is removed by its lifecycle, once it is empty."""
        return not wire["metadata"].get("finalizers") and not self._gate.is_namespace(target)

    def _mark_going(self, target: Target, wire: Wire) -> None:
        now, has_generation = timestamp(self.now()), strategy_of(target.kind).has_generation
        mark_going(wire["metadata"], now, has_generation=has_generation)
        if self._gate.is_namespace(target):
            wire["status"] = {**(wire.get("status") or {}), "phase": "Terminating"}

    async def _replace(self, target: Target, wire: Wire, live: Record, *, remove: bool) -> Record | None:
        """Write over or remove the live record; None: another writer was first."""
        verb = self._store.delete if remove else self._store.update
        if remove:
            await self._before_removal(target)
        try:
            record = await verb(
                target.key,
                lambda revision: with_resource_version(wire, revision),
                expected_revision=live.revision,
            )
        except (RevisionConflict, KeyNotFound):
            return None
        return record

    def _changed(self, target: Target, old: Wire, new: Any, *, patch: bool) -> Wire:
        """The object wanted, with everything put back that this endpoint may not change."""
        wanted: Wire = default_type(target.kind, new)
        metadata, live = wanted["metadata"], old["metadata"]
        check_identity(target, metadata, live, patch=patch)
        if target.subresource == "status":
            changed = dict(old)
            if "status" in wanted:
                changed["status"] = wanted["status"]
            else:
                changed.pop("status", None)
            return changed
        if causes := check_immutable(metadata, live):
            raise invalid(target.kind, target.name, causes)
        keep_from_live(metadata, live)
        without_empty(metadata)
        strategy_of(target.kind).finish(wanted)
        if target.kind.info.has_status:
            if "status" in old:
                wanted["status"] = old["status"]
            else:
                wanted.pop("status", None)
        return wanted

    def _check_update(self, target: Target, old: Wire, new: Wire) -> None:
        strategy = strategy_of(target.kind)
        causes = [*check_finalizers(old["metadata"], new["metadata"]), *strategy.check_update(old, new)]
        if strategy.check_create is not None:
            causes += strategy.check_create(new)
        if causes:
            raise invalid(target.kind, target.name, causes)


def _named(target: Target, config: Wire) -> Wire:
    """A configuration that is to be created, by the name on the URL. Raises BadRequest, Conflict."""
    metadata = config.get("metadata") or {}
    name = metadata.get("name") or target.name
    if name != target.name:
        msg = f"the name of the object ({name}) does not match the name on the URL ({target.name})"
        raise BadRequest(msg)
    if uid := metadata.get("uid"):
        reason = f"uid mismatch: the provided object specified uid {uid}, and no existing object was found"
        raise conflict(target, reason)
    return {**config, "metadata": {**metadata, "name": name}}


def _spec_of(wire: Wire) -> Wire:
    return {key: value for key, value in wire.items() if key not in ("metadata", "status")}


def not_found(target: Target) -> NotFound:
    """The answer where there is no such object."""
    info = target.kind.info
    return NotFound(
        f'{target.qualified} "{target.name}" not found', name=target.name, group=info.group, kind=info.plural
    )


def _busy(target: Target) -> ServerTimeout:
    msg = f'{target.qualified} "{target.name}" was changed by others {_ATTEMPTS} times meanwhile: try again'
    return ServerTimeout(msg, retry_after_s=1)
