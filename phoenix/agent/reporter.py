"""Telling the API what became of one object, beside the worker: an API that is away must not stop restarts.

Status is coalesced (the newest view wins); events wait in a bounded queue, the oldest go first when it is full, and the
loss is logged.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from phoenix.agent.launch import ProcessObject
from phoenix.agent.view import View, status_of
from phoenix.aio.backoff import Backoff
from phoenix.aio.clock import Clock
from phoenix.apimachinery.errors import ApiError, Conflict, NotFound
from phoenix.client.interface import Client
from phoenix.runtime.events import EventRecorder
from phoenix.runtime.status import patch_status

_log = logging.getLogger(__name__)
_EVENTS_LIMIT = 32
P = TypeVar("P", bound=ProcessObject)


@dataclass(frozen=True, slots=True)
class Notice:
    """An event to record."""

    reason: str
    message: str
    warning: bool = False
    data: dict[str, str | float] = field(default_factory=dict)


class Reporter(Generic[P]):
    """Writes status and events of one object. Run `run()` as a task; `flush()` waits until all is written."""

    def __init__(self, obj: P, client: Client, recorder: EventRecorder, clock: Clock) -> None:
        self._live: P = obj
        self._client, self._recorder, self._clock = client, recorder, clock
        self._view: View | None = None
        self._notices: deque[Notice] = deque()
        self._wake, self._idle = asyncio.Event(), asyncio.Event()
        self._idle.set()
        self._gone = False

    def observe(self, obj: P) -> None:
        """The object as the informer has it; ignored where we have written a later one."""
        if _version(obj) >= _version(self._live):
            self._live = obj

    def show(self, view: View) -> None:
        """Have this view written, unless the status says it already."""
        self._view = view
        self._rouse()

    def tell(self, notice: Notice) -> None:
        """Have this event recorded."""
        if len(self._notices) >= _EVENTS_LIMIT:
            _log.warning("event dropped: too many wait object=%s reason=%s", self._live.key, self._notices[0].reason)
            self._notices.popleft()
        self._notices.append(notice)
        self._rouse()

    def _rouse(self) -> None:
        self._idle.clear()
        self._wake.set()

    async def flush(self, within_s: float) -> bool:
        """Wait until everything is written, at most `within_s` seconds; whether it is."""
        try:
            async with asyncio.timeout(within_s):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True

    async def run(self) -> None:
        """Write until cancelled."""
        backoff = Backoff(0.1, 5.0)
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self._write()
            except ApiError as error:
                delay_s = backoff.next_s()
                _log.warning("not reported object=%s retry_s=%.1f: %s", self._live.key, delay_s, error)
                self._wake.set()
                await self._clock.sleep(delay_s)
                continue
            backoff.reset()
            if not self._wake.is_set():
                self._idle.set()

    async def _write(self) -> None:
        if self._view is not None and not self._gone:
            view = self._view
            await self._write_status(view)
            if self._view is view:  # NB: a newer one may have come meanwhile
                self._view = None
        while self._notices:
            notice = self._notices[0]
            await self._recorder.record(
                self._live, notice.reason, notice.message,
                type_="Warning" if notice.warning else "Normal", data=notice.data,
            )  # fmt: skip
            if self._notices and self._notices[0] is notice:
                self._notices.popleft()

    async def _write_status(self, view: View) -> None:
        live = self._live
        try:
            stored = await patch_status(self._client, live, status_of(live.status, view, self._clock.now()))
            self._live = stored
        except NotFound:
            self._gone = True
        except Conflict:
            try:
                fresh = await self._client.get(type(live), live.metadata.name, live.metadata.namespace)
            except NotFound:
                self._gone = True
                return
            if fresh.metadata.uid != live.metadata.uid:
                self._gone = True
                return
            self._live = fresh
            raise


def _version(obj: ProcessObject) -> int:
    text = obj.metadata.resource_version
    return int(text) if text.isdigit() else 0
