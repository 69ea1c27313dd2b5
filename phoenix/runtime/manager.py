"""Everything a controller process runs, started and stopped in the right order."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from phoenix.aio.clock import SYSTEM_CLOCK, Clock
from phoenix.aio.tasks import cancel_and_wait
from phoenix.apimachinery.meta import Resource
from phoenix.client.interface import Client
from phoenix.runtime.controller import Controller
from phoenix.runtime.events import EventRecorder
from phoenix.runtime.expectations import Expectations, TrackingClient
from phoenix.runtime.informer import Informer, InformerFactory
from phoenix.runtime.reconcile import Reconciler

R = TypeVar("R", bound=Resource)
_log = logging.getLogger(__name__)


class Manager:
    """Informers, then controllers; stopped in reverse.

    Guarantees: no reconcile runs before every informer has synced. A reconcile that fails ends nothing; a defect in the
    machinery itself ends `run` with its error.

    Attributes:
        client: what reconcilers write with, so that their keys do not run again on a cache older than the write.
        informers: the shared informers.
    """

    def __init__(self, client: Client, *, clock: Clock = SYSTEM_CLOCK) -> None:
        self.client: Client = TrackingClient(client)
        self.informers = InformerFactory(client, clock=clock)
        self.started = asyncio.Event()
        self._clock = clock
        self._controllers: list[Controller] = []
        self._loops: list[tuple[str, Callable[[], Coroutine[Any, Any, None]]]] = []

    def informer(
        self, kind: type[R], *, namespace: str = "", label_selector: str = "", field_selector: str = ""
    ) -> Informer[R]:
        """The shared informer of a kind."""
        return self.informers.informer(
            kind, namespace=namespace, label_selector=label_selector, field_selector=field_selector
        )

    def controller(self, name: str, reconciler: Reconciler, *, workers: int = 2) -> Controller:
        """A new controller of this manager; say what it `reconciles`, `owns` and `watches`."""
        expectations = Expectations(self.informers, clock=self._clock)
        controller = Controller(name, reconciler, workers=workers, clock=self._clock, expectations=expectations)
        self._controllers.append(controller)
        return controller

    def add_loop(self, name: str, loop: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run something else beside the controllers, once the informers have synced; cancelled at the stop."""
        self._loops.append((name, loop))

    def recorder(self, component: str, *, host: str = "") -> EventRecorder:
        """An event recorder that writes with this manager's client."""
        return EventRecorder(self.client, component, host=host, clock=self._clock)

    async def run(self, stop: asyncio.Event | None = None) -> None:
        """Run until `stop` is set, or until cancelled; returns when everything has ended.

        `started` is set when the controllers run.
        """
        stop = stop or asyncio.Event()
        self.informers.seal()
        async with asyncio.TaskGroup() as group:
            informers = [
                group.create_task(informer.run(), name=f"informer {informer.kind.info.kind}")
                for informer in self.informers.informers
            ]
            running: list[asyncio.Task[None]] = []
            try:
                if await self._synced_before(stop):
                    running += [group.create_task(one.run(), name=one.name) for one in self._controllers]
                    running += [group.create_task(loop(), name=name) for name, loop in self._loops]
                    _log.info("controllers run", extra={"controllers": [one.name for one in self._controllers]})
                    self.started.set()
                    await stop.wait()
            finally:
                self.started.clear()
                await cancel_and_wait(*reversed(running))
                await cancel_and_wait(*reversed(informers))

    async def _synced_before(self, stop: asyncio.Event) -> bool:
        async def all_synced() -> None:
            for informer in self.informers.informers:
                await informer.wait_synced()

        return await _first(all_synced(), stop.wait())


async def _first(one: Awaitable[Any], other: Awaitable[Any]) -> bool:
    """Whether `one` ended while `other` had not; both have ended afterwards."""
    first, second = asyncio.ensure_future(one), asyncio.ensure_future(other)
    try:
        await asyncio.wait({first, second}, return_when=asyncio.FIRST_COMPLETED)
        return not second.done()
    finally:
        for future in (first, second):
            future.cancel()
        await asyncio.gather(first, second, return_exceptions=True)
