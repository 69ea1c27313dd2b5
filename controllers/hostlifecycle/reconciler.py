"""Marks hosts whose heartbeats stopped; lets go of what is being deleted on hosts that are lost or removed."""

from __future__ import annotations

from datetime import datetime

from controllers.hostlifecycle.plan import already_said, judge_host, let_go_in
from phoenix.aio.clock import Clock
from phoenix.api.collector import Collector
from phoenix.api.host import Host
from phoenix.api.loadgenerator import LoadGenerator
from phoenix.api.meter import Meter
from phoenix.api.process import PROCESS_FINALIZER
from phoenix.apimachinery.conditions import ConditionStatus, set_condition
from phoenix.client.interface import Client
from phoenix.runtime.children import get_or_none
from phoenix.runtime.events import WARNING, EventRecorder
from phoenix.runtime.finalizers import remove_finalizer
from phoenix.runtime.reconcile import Request, Result
from phoenix.runtime.status import patch_status

COMPONENT = "hostlifecycle-controller"
Process = Collector | LoadGenerator | Meter
PROCESS_KINDS: tuple[type[Process], ...] = (Collector, LoadGenerator, Meter)


class HostLifecycleReconciler:
    """See `plan.judge_host`."""

    def __init__(self, client: Client, events: EventRecorder, clock: Clock) -> None:
        self._client, self._events, self._clock = client, events, clock
        self._watching_since = clock.now()

    async def reconcile(self, request: Request) -> Result:
        """Judge one host by its last heartbeat."""
        host = await get_or_none(self._client, Host, request.key.name)
        now = self._clock.now()
        if host is None:
            return await self._without_host(request.key.name, now)
        verdict = judge_host(host, now, self._watching_since)
        if verdict.silent and not already_said(host):
            await self._events.record(host, "HostNotReady", verdict.message, type_=WARNING)
            status = host.status.model_copy(deep=True)
            status.conditions = set_condition(
                status.conditions,
                "Ready",
                ConditionStatus.UNKNOWN,
                "HeartbeatMissed",
                verdict.message,
                now=now,
                generation=host.metadata.generation,
            )
            await patch_status(self._client, host, status)
        if verdict.lost:
            for item in await self._held(host.metadata.name):
                await remove_finalizer(self._client, item, PROCESS_FINALIZER)
        return Result(requeue_after_s=verdict.check_again_s)

    async def _without_host(self, name: str, now: datetime) -> Result:
        """Nobody is registered under this name: what is being deleted there waits for an agent, but not for ever."""
        left_s: list[float] = []
        for item in await self._held(name):
            left = let_go_in(item, now, self._watching_since).total_seconds()
            if left > 0:
                left_s.append(left)
            else:
                await remove_finalizer(self._client, item, PROCESS_FINALIZER)
        return Result(requeue_after_s=min(left_s) + 0.1 if left_s else None)

    async def _held(self, host: str) -> list[Process]:
        """Objects on this host that are being deleted and wait for its agent."""
        found: list[Process] = []
        for kind in PROCESS_KINDS:
            found += (await self._client.list(kind)).items
        return [
            item
            for item in found
            if item.spec.host == host
            and item.metadata.deletion_timestamp is not None
            and PROCESS_FINALIZER in item.metadata.finalizers
        ]
