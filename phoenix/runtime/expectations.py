"""Do not act on a cache that has not seen our own last write.

Why: a reconciler that creates a child and runs again before the child's event has come would create it twice, or count
wrongly. The manager's client notes the version of each write a reconcile makes; the controller lets the same key run
again only when the informers of the written kinds are at those versions. Reconcilers do nothing for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from phoenix.aio.clock import SYSTEM_CLOCK, Clock
from phoenix.apimachinery.meta import ObjectKey, Resource
from phoenix.client.interface import Client, ListResult, TokenGrant, WatchEvent
from phoenix.runtime.informer import InformerFactory
from phoenix.runtime.reconcile import RetryAfter
from phoenix.samples.model import Sample, SampleKind

R = TypeVar("R", bound=Resource)

_WAIT_S = 2.0
_LIFE_S = 30.0


@dataclass(slots=True)
class _Writes:
    """Latest version written, by kind."""

    versions: dict[type[Resource], str] = field(default_factory=dict)
    until_s: float = 0.0

    def note(self, obj: Resource) -> None:
        version, known = obj.metadata.resource_version, self.versions.get(type(obj), "0")
        if version.isdigit() and int(version) > int(known):
            self.versions[type(obj)] = version


_recording: ContextVar[_Writes | None] = ContextVar("phoenix_writes", default=None)


class Expectations:
    """What one controller's reconciles have written and the caches must show first.

    An expectation is dropped after 30 s: a server restored from an older state never reaches the version.
    """

    def __init__(self, informers: InformerFactory, *, clock: Clock = SYSTEM_CLOCK) -> None:
        self._informers = informers
        self._clock = clock
        self._pending: dict[ObjectKey, _Writes] = {}

    @property
    def remembered(self) -> int:
        """Number of keys of which writes are remembered."""
        return len(self._pending)

    @contextmanager
    def recording(self, key: ObjectKey) -> Iterator[None]:
        """Note the writes made inside (also by tasks started inside) as those of `key`."""
        writes = _Writes()
        token = _recording.set(writes)
        try:
            yield
        finally:
            _recording.reset(token)
            if writes.versions:
                now_s = self._clock.monotonic()
                writes.until_s = now_s + _LIFE_S
                self._pending.pop(key, None)  # the latest is last
                self._pending[key] = writes
                self._drop_old(now_s)

    def _drop_old(self, now_s: float) -> None:
        """Forget what nobody came back for: of an object that is gone, there is no next reconcile."""
        for key, writes in list(islice(self._pending.items(), 2)):
            if writes.until_s < now_s:
                del self._pending[key]

    async def settle(self, key: ObjectKey) -> None:
        """Return when the caches show what `key`'s last reconcile wrote. Raises RetryAfter when that takes long."""
        writes = self._pending.get(key)
        if writes is None:
            return
        if self._clock.monotonic() < writes.until_s:
            try:
                async with asyncio.timeout(_WAIT_S):
                    for informer in self._informers.informers:
                        # NB: one with selectors may rightly never see the object.
                        if informer.kind in writes.versions and not informer.selective and not informer.namespace:
                            await informer.wait_for(writes.versions[informer.kind])
            except TimeoutError:
                raise RetryAfter(1.0, "the cache has not caught up with our last write") from None
        self._pending.pop(key, None)


class TrackingClient:
    """A Client that notes the writes of the reconcile it is used in; otherwise the one it wraps."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def get(self, kind: type[R], name: str, namespace: str = "") -> R:
        """See Client.get."""
        return await self._client.get(kind, name, namespace)

    async def list(
        self, kind: type[R], namespace: str = "", *, label_selector: str = "", field_selector: str = ""
    ) -> ListResult[R]:
        """See Client.list."""
        return await self._client.list(kind, namespace, label_selector=label_selector, field_selector=field_selector)

    def watch(
        self,
        kind: type[R],
        namespace: str = "",
        *,
        resource_version: str = "",
        label_selector: str = "",
        field_selector: str = "",
    ) -> AsyncGenerator[WatchEvent[R], None]:
        """See Client.watch."""
        return self._client.watch(
            kind,
            namespace,
            resource_version=resource_version,
            label_selector=label_selector,
            field_selector=field_selector,
        )

    async def create(self, obj: R) -> R:
        """See Client.create."""
        return _noted(await self._client.create(obj))

    async def update(self, obj: R) -> R:
        """See Client.update."""
        return _noted(await self._client.update(obj))

    async def update_status(self, obj: R) -> R:
        """See Client.update_status."""
        return _noted(await self._client.update_status(obj))

    async def patch(
        self, kind: type[R], name: str, namespace: str, patch: Mapping[str, Any], *, subresource: str = ""
    ) -> R:
        """See Client.patch."""
        return _noted(await self._client.patch(kind, name, namespace, patch, subresource=subresource))

    async def delete(
        self, kind: type[R], name: str, namespace: str = "", *, uid: str = "", propagation: str = "Background"
    ) -> None:
        """See Client.delete."""
        await self._client.delete(kind, name, namespace, uid=uid, propagation=propagation)

    async def request_token(self, kind: type[R], name: str, namespace: str = "", *, uid: str = "") -> TokenGrant:
        """See Client.request_token."""
        return await self._client.request_token(kind, name, namespace, uid=uid)

    async def post_samples(self, namespace: str, experiment: str, samples: Sequence[Sample]) -> None:
        """See Client.post_samples."""
        await self._client.post_samples(namespace, experiment, samples)

    async def list_samples(
        self, namespace: str, experiment: str, *, run: int, kind: SampleKind | None = None, since: int = 0
    ) -> Sequence[Sample]:
        """See Client.list_samples."""
        return await self._client.list_samples(namespace, experiment, run=run, kind=kind, since=since)


def _noted(obj: R) -> R:
    if (writes := _recording.get()) is not None:
        writes.note(obj)
    return obj


if TYPE_CHECKING:
    _conforms: type[Client] = TrackingClient
