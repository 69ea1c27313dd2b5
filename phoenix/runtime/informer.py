"""A local, indexed, always current copy of one kind: list, then watch, for ever.

Why: controllers read often and must not ask the server each time; and they must be told of every change. From the
client, to controllers' queues and to reconcilers' reads. Never writes, and never gives out an object that a reader's
change would alter.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from contextlib import aclosing
from enum import StrEnum
from typing import Any, Generic, TypeVar, cast

from phoenix.aio.backoff import Backoff
from phoenix.aio.clock import SYSTEM_CLOCK, Clock
from phoenix.apimachinery.errors import ApiError, Expired, ServiceUnavailable, TooManyRequests
from phoenix.apimachinery.meta import ObjectKey, Resource
from phoenix.client.errors import Unavailable
from phoenix.client.interface import Client, WatchEvent
from phoenix.runtime.cache import Cache
from phoenix.runtime.metrics import INFORMER_FAILURES, INFORMER_LISTS, INFORMER_OBJECTS

R = TypeVar("R", bound=Resource)
Handler = Callable[[R | None, R | None], None]
"""Told of a change as (old, new): (None, obj) it came, (obj, obj) it changed, (obj, None) it went. Must neither block,
nor fail, nor alter what it is given."""

_log = logging.getLogger(__name__)
_HEALTHY_WATCH_S = 5.0
_PASSING = (Unavailable, ServiceUnavailable, TooManyRequests)
"""Failures that say nothing about the version watched from."""


class Phase(StrEnum):
    """What an informer does next.

    List → Watch when a list came. Watch → Watch when the server closed the stream or could not be reached: it goes on
    from its version. Watch → List when the server refuses the version (Expired, or not yet written: it was restored
    from an older state). Failures wait.
    """

    LIST = "List"
    WATCH = "Watch"


class Informer(Generic[R]):
    """A copy of the objects of one kind (and namespace, and selectors).

    Guarantees: every change the server kept is seen, in order, once; a relist replaces the copy whole, and handlers are
    told the differences; reads between two awaits are consistent. The copy may be older than the server's state.
    Callers must: run `run()` as a task; wait for `wait_synced` before they take absence for a fact.
    """

    def __init__(
        self,
        client: Client,
        kind: type[R],
        *,
        namespace: str = "",
        label_selector: str = "",
        field_selector: str = "",
        clock: Clock = SYSTEM_CLOCK,
        backoff: Backoff | None = None,
    ) -> None:
        self.kind = kind
        self.namespace = namespace
        self.selective = bool(label_selector or field_selector)
        self._client = client
        self._selectors = {"label_selector": label_selector, "field_selector": field_selector}
        self._clock = clock
        self._backoff = backoff or Backoff(0.1, 10.0)
        self._cache: Cache[R] = Cache()
        self._handlers: list[Handler[R]] = []
        self._phase = Phase.LIST
        self._version = ""
        self._synced = asyncio.Event()
        self._waiters: list[tuple[int, asyncio.Future[None]]] = []
        labels = [kind.info.kind]
        self._objects, self._lists = INFORMER_OBJECTS.labels(*labels), INFORMER_LISTS.labels(*labels)
        self._failures = INFORMER_FAILURES.labels(*labels)

    # ---- reading ----------------------------------------------------------------------------------------------------

    @property
    def has_synced(self) -> bool:
        """Whether the first list has come."""
        return self._synced.is_set()

    async def wait_synced(self) -> None:
        """Return once the first list has come."""
        await self._synced.wait()

    @property
    def resource_version(self) -> str:
        """The version the copy is at; empty before the first list."""
        return self._version

    def get(self, key: ObjectKey, *, copy: bool = True) -> R | None:
        """An object or None. `copy=False` gives the cached one, which must not be altered."""
        return _given(self._cache.get(key), copy)

    def list(self, namespace: str = "", *, copy: bool = True) -> Sequence[R]:
        """All objects, or those of a namespace, ordered by key."""
        return _sorted((obj for obj in self._cache if namespace in ("", obj.metadata.namespace)), copy)

    def by_owner(self, uid: str, *, copy: bool = True) -> Sequence[R]:
        """Objects with an owner reference to this uid, ordered by key."""
        return _sorted(self._cache.owned_by(uid), copy)

    def __len__(self) -> int:
        return len(self._cache)

    def add_handler(self, handler: Handler[R]) -> None:
        """Tell `handler` of every change from now on, and of each object already here as (None, obj)."""
        self._handlers.append(handler)
        for obj in list(self._cache):
            self._tell(handler, None, obj)

    async def wait_for(self, resource_version: str) -> None:
        """Return once the copy is at this version or a later one. Versions of one server are ordered integers."""
        wanted = _number(resource_version)
        if _number(self._version) >= wanted:
            return
        waiter = (wanted, asyncio.get_running_loop().create_future())
        self._waiters.append(waiter)
        try:
            await waiter[1]
        finally:
            if waiter in self._waiters:
                self._waiters.remove(waiter)

    # ---- following --------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Follow the server until cancelled. A server that cannot be reached is waited for."""
        while True:
            started_s, failure = self._clock.monotonic(), None
            try:
                await (self._list() if self._phase is Phase.LIST else self._watch())
            except ApiError as error:
                failure = error
            if self._clock.monotonic() - started_s >= _HEALTHY_WATCH_S:
                self._backoff.reset()
            if self._move(failure):
                await self._clock.sleep(self._backoff.next_s())

    def _move(self, failure: ApiError | None) -> bool:
        """Choose the next phase; whether to wait before it."""
        if failure is None:
            # A watch the server closed at once, without an event, must not become a hot loop: wait unless it just
            # listed. `_watch` resets the backoff with each event.
            was_list, self._phase = self._phase is Phase.LIST, Phase.WATCH
            return not was_list
        self._failures.inc()
        failed = self._phase
        if failed is Phase.WATCH and not isinstance(failure, _PASSING):
            self._phase = Phase.LIST
        _log.log(
            logging.INFO if isinstance(failure, Expired) else logging.WARNING,
            "%s of %s failed: %s", failed.value, self.kind.info.plural, failure,
            extra={"kind": self.kind.info.kind, "next_phase": self._phase.value},
        )  # fmt: skip
        return True

    async def _list(self) -> None:
        self._lists.inc()
        result = await self._client.list(self.kind, self.namespace, **self._selectors)
        changes = self._cache.replace(result.items)
        # NB: no await from here to the end of the telling, or a reader could see the new copy with the old version.
        self._at(result.resource_version)
        self._synced.set()
        for old, new in changes:
            self._dispatch(old, new)

    async def _watch(self) -> None:
        events = self._client.watch(self.kind, self.namespace, resource_version=self._version, **self._selectors)
        async with aclosing(events):
            async for event in events:
                self._backoff.reset()
                self._apply(event)

    def _apply(self, event: WatchEvent[R]) -> None:
        obj = event.object
        if obj is not None:
            if event.type == "DELETED":
                old = self._cache.pop(obj.key)
                self._dispatch(old or obj, None)
            else:
                known = self._cache.get(obj.key)
                if known is None or known.metadata.resource_version != obj.metadata.resource_version:
                    self._dispatch(self._cache.put(obj), obj)
        self._at(event.resource_version or self._version)

    def _dispatch(self, old: R | None, new: R | None) -> None:
        for handler in self._handlers:
            self._tell(handler, old, new)

    def _tell(self, handler: Handler[R], old: R | None, new: R | None) -> None:
        try:
            handler(old, new)
        except Exception:  # noqa: BLE001 - one handler's defect must not cost the others their events
            obj = new or old
            _log.exception("handler failed", extra={"kind": self.kind.info.kind, "key": str(obj and obj.key)})

    def _at(self, resource_version: str) -> None:
        self._version = resource_version
        self._objects.set(len(self._cache))
        if self._waiters:
            reached = _number(resource_version)
            for wanted, waiter in self._waiters:
                if wanted <= reached and not waiter.done():
                    waiter.set_result(None)


def _number(resource_version: str) -> int:
    return int(resource_version) if resource_version.isdigit() else 0


def _given(obj: R | None, copy: bool) -> R | None:
    return obj.model_copy(deep=True) if obj is not None and copy else obj


def _sorted(objects: Iterable[R], copy: bool) -> Sequence[R]:
    found = sorted(objects, key=lambda obj: obj.key)
    return [obj.model_copy(deep=True) for obj in found] if copy else found


class InformerFactory:
    """One informer for everybody who asks for the same kind, namespace and selectors."""

    def __init__(self, client: Client, *, clock: Clock = SYSTEM_CLOCK) -> None:
        self._client = client
        self._clock = clock
        self._informers: dict[tuple[type[Resource], str, str, str], Informer[Any]] = {}
        self._sealed = False

    def informer(
        self, kind: type[R], *, namespace: str = "", label_selector: str = "", field_selector: str = ""
    ) -> Informer[R]:
        """The shared informer; made at the first ask. Raises RuntimeError for a new one once the manager runs."""
        key = (kind, namespace, label_selector, field_selector)
        if key not in self._informers:
            if self._sealed:
                msg = f"ask for the {kind.info.kind} informer before the manager runs: nobody would run it now"
                raise RuntimeError(msg)
            self._informers[key] = Informer(
                self._client,
                kind,
                namespace=namespace,
                label_selector=label_selector,
                field_selector=field_selector,
                clock=self._clock,
            )
        return cast("Informer[R]", self._informers[key])

    def seal(self) -> None:
        """Make no more of them: the manager has started those there are."""
        self._sealed = True

    @property
    def informers(self) -> Sequence[Informer[Any]]:
        """All that were asked for, in the order of asking."""
        return list(self._informers.values())
