"""A controller: changes become keys in a queue, workers give them to the reconciler, the outcome decides what is next.

From informers, to one reconciler. Knows nothing of what is reconciled. A reconcile that fails, by bug or by bad luck,
costs its own key a delay and nothing else.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from typing import Any, Self, TypeVar

from phoenix.aio.clock import SYSTEM_CLOCK, Clock
from phoenix.apimachinery.errors import AlreadyExists, Conflict, NotFound
from phoenix.apimachinery.meta import ObjectKey, Resource, controller_of
from phoenix.client.errors import Unavailable
from phoenix.runtime.expectations import Expectations
from phoenix.runtime.informer import Informer
from phoenix.runtime.metrics import ACTIVE_WORKERS, RECONCILE_SECONDS, RECONCILES
from phoenix.runtime.reconcile import Reconciler, Request, RetryAfter, TerminalError
from phoenix.runtime.workqueue import WorkQueue

R = TypeVar("R", bound=Resource)
Change = Callable[[R | None, R | None], bool]
"""Whether a change, as (old, new), matters."""

_log = logging.getLogger(__name__)


class Controller:
    """Runs one reconciler.

    Args:
        name: in logs and metrics.
        reconciler: what to call with each key.
        workers: how many keys at the same time.
        expectations: made by the manager; None: a key may run on a cache older than its last write.
    """

    def __init__(
        self,
        name: str,
        reconciler: Reconciler,
        *,
        workers: int = 2,
        clock: Clock = SYSTEM_CLOCK,
        queue: WorkQueue[ObjectKey] | None = None,
        expectations: Expectations | None = None,
    ) -> None:
        self.name = name
        self.queue: WorkQueue[ObjectKey] = queue or WorkQueue(name, clock=clock)
        self._reconciler = reconciler
        self._workers = workers
        self._clock = clock
        self._expectations = expectations
        self._seconds = RECONCILE_SECONDS.labels(name)
        self._active = ACTIVE_WORKERS.labels(name)

    # ---- which changes become which keys ----------------------------------------------------------------------------

    def reconciles(self, informer: Informer[R], *, when: Change[R] | None = None) -> Self:
        """A change of an object is a request for that object."""
        return self.watches(informer, lambda obj: (obj.key,), when=when)

    def owns(self, informer: Informer[R], owner: type[Resource], *, when: Change[R] | None = None) -> Self:
        """A change of a child is a request for the `owner` that manages it."""

        def managing_owner(obj: R) -> Iterable[ObjectKey]:
            reference = controller_of(obj)
            if reference is None or (reference.api_version, reference.kind) != (
                owner.info.api_version,
                owner.info.kind,
            ):
                return ()
            return (ObjectKey(obj.metadata.namespace if owner.info.namespaced else "", reference.name),)

        return self.watches(informer, managing_owner, when=when)

    def watches(
        self, informer: Informer[R], keys: Callable[[R], Iterable[ObjectKey]], *, when: Change[R] | None = None
    ) -> Self:
        """A change of an object is a request for each key that `keys` maps the old and the new object to."""

        def handler(old: R | None, new: R | None) -> None:
            if when is not None and not when(old, new):
                return
            for obj in (old, new):
                for key in keys(obj) if obj is not None else ():
                    self.queue.add(key)

        informer.add_handler(handler)
        return self

    def enqueue(self, key: ObjectKey) -> None:
        """Request a key for a reason that is no change of an object."""
        self.queue.add(key)

    # ---- running ----------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Work until cancelled. Cancellation: reconciles that run are cancelled midway and awaited."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.queue.run(), name=f"{self.name} queue")
            for number in range(self._workers):
                group.create_task(self._work(), name=f"{self.name} worker {number}")

    async def _work(self) -> None:
        while True:
            key = await self.queue.get()
            started_s = self._clock.monotonic()
            self._active.inc()
            try:
                RECONCILES.labels(self.name, await self._reconcile(key)).inc()
            finally:
                self.queue.done(key)
                self._active.dec()
                self._seconds.observe(self._clock.monotonic() - started_s)

    async def _reconcile(self, key: ObjectKey) -> str:
        """Reconcile one key and arrange what is next; the outcome's name."""
        try:
            if self._expectations is not None:
                await self._expectations.settle(key)
            with self._expectations.recording(key) if self._expectations else nullcontext():
                delay_s = (await self._reconciler.reconcile(Request(key))).requeue_after_s
        except asyncio.CancelledError:
            # NB: a reconciler that awaits a task somebody cancelled sees CancelledError too; only ours ends us.
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            return self._failed(key, RuntimeError("the reconcile was cancelled from inside"))
        except Exception as error:  # noqa: BLE001 - the loop that owns reconcile errors
            return self._failed(key, _only_cause(error))
        self.queue.forget(key)
        if delay_s is None:
            return "success"
        self.queue.add_after(key, delay_s)
        return "requeue_after"

    def _failed(self, key: ObjectKey, error: Exception) -> str:
        fields: dict[str, Any] = {"controller": self.name, "key": str(key)}
        if isinstance(error, RetryAfter):
            self.queue.forget(key)
            self.queue.add_after(key, error.delay_s)
            _log.debug("%s %s will be retried: %s", self.name, key, error, extra=fields)
            return "retry_after"
        if isinstance(error, TerminalError):
            self.queue.forget(key)
            _log.error("%s %s cannot go on until the object changes: %s", self.name, key, error, extra=fields)
            return "terminal_error"
        delay_s = self.queue.add_rate_limited(key)
        fields |= {"failures": self.queue.failures(key), "retry_in_s": round(delay_s, 3)}
        match error:
            case Conflict() | AlreadyExists() | NotFound():
                # The read was older than the write: normal, and gone with the next read.
                _log.info("%s %s acted on an old read, will be retried: %s", self.name, key, error, extra=fields)
            case Unavailable():
                _log.warning("%s %s will be retried: %s", self.name, key, error, extra=fields)
            case _:
                _log.error("%s %s failed: %s", self.name, key, error, extra=fields, exc_info=error)
        return "error"


def _only_cause(error: Exception) -> Exception:
    """The error inside groups of one, as a TaskGroup wraps it, so that its type can decide."""
    while isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error
