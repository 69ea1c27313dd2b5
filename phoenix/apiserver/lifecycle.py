"""Empties namespaces that are going, then removes them. Level-triggered: what it does follows from what is stored."""

from __future__ import annotations

import asyncio
import logging

import orjson

from phoenix.api.core import Namespace
from phoenix.api.scheme import KINDS
from phoenix.apimachinery.errors import Conflict, NotFound
from phoenix.apiserver.namespaces import DEFAULT_NAMESPACE
from phoenix.apiserver.options import DeleteOptions, WriteOptions
from phoenix.apiserver.registry import Registry
from phoenix.apiserver.target import Target, kind_prefix
from phoenix.store.interface import EventType, Store, StoreEvent

_LOGGER = logging.getLogger(__name__)
_PREFIX = kind_prefix(Namespace)
_RETRY_S = 1.0


class NamespaceLifecycle:
    """One task; `notice` every change of the store, from the store's event loop."""

    def __init__(self, store: Store, registry: Registry) -> None:
        self._store = store
        self._registry = registry
        self._going: set[str] = set()
        self._wake = asyncio.Event()

    async def ensure_default(self) -> None:
        """Make the `default` namespace where it is missing."""
        wire = {"metadata": {"name": DEFAULT_NAMESPACE}}
        if self._store.get(_PREFIX + DEFAULT_NAMESPACE) is None:
            await self._registry.create(Target(Namespace), wire, WriteOptions())

    def notice(self, event: StoreEvent) -> None:
        """Take note of a change: a namespace began to go, or one that is going lost an object."""
        if event.key.startswith(_PREFIX):
            if event.type == EventType.MODIFIED and b"deletionTimestamp" in event.value:
                self._note(event.key.removeprefix(_PREFIX), event.value)
        elif event.type == EventType.DELETED and self._going:
            self._wake.set()

    def _note(self, name: str, value: bytes) -> None:
        if orjson.loads(value)["metadata"].get("deletionTimestamp"):
            self._going.add(name)
            self._wake.set()

    async def run(self) -> None:
        """Work until cancelled."""
        for record in self._store.list(_PREFIX):
            self._note(record.key.removeprefix(_PREFIX), record.value)
        while True:
            # The retry finds what a lost race or a full queue left behind; events make it prompt.
            try:
                async with asyncio.timeout(_RETRY_S if self._going else None):
                    await self._wake.wait()
            except TimeoutError:
                pass
            self._wake.clear()
            for name in sorted(self._going):
                try:
                    if await self._empty(name):
                        self._going.discard(name)
                except Exception:
                    _LOGGER.exception("emptying a namespace failed, it is tried again namespace=%s", name)

    async def _empty(self, name: str) -> bool:
        """Delete what is in a namespace; remove it when nothing is. Returns whether it is gone."""
        left = False
        for kind in KINDS:
            if not kind.info.namespaced:
                continue
            for record in self._store.list(Target(kind, name).prefix):
                target = Target(kind, name, record.key.rpartition("/")[2])
                try:
                    written = await self._registry.delete(target, DeleteOptions())
                except (NotFound, Conflict):
                    continue
                left = left or not written.removed
        target = Target(Namespace, name=name)
        if not left:
            await self._registry.remove_namespace(target)
        return self._store.get(target.key) is None
