"""Marks hosts whose heartbeats stopped; lets go of what is being deleted on hosts that are lost."""

from __future__ import annotations

from controllers.hostlifecycle.plan import already_said, judge_host
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
PROCESS_KINDS: tuple[type[Collector | LoadGenerator | Meter], ...] = (Collector, LoadGenerator, Meter)


class HostLifecycleReconciler:
    """See `plan.judge_host`."""

    def __init__(self, client: Client, events: EventRecorder, clock: Clock) -> None:
        self._client, self._events, self._clock = client, events, clock
        self._watching_since = clock.now()

    async def reconcile(self, request: Request) -> Result:
        """Judge one host by its last heartbeat."""
        host = await get_or_none(self._client, Host, request.key.name)
        if host is None:
            return Result()
        now = self._clock.now()
        verdict = judge_host(host, now, self._watching_since)
        if verdict.silent and not already_said(host):
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
            await self._events.record(host, "HostNotReady", verdict.message, type_=WARNING)
        if verdict.lost:
            await self._let_go(host)
        return Result(requeue_after_s=verdict.check_again_s)

    async def _let_go(self, host: Host) -> None:
        for kind in PROCESS_KINDS:
            for item in (await self._client.list(kind)).items:
                terminating = item.metadata.deletion_timestamp is not None
                if (
                    item.spec.host == host.metadata.name
                    and terminating
                    and PROCESS_FINALIZER in item.metadata.finalizers
                ):
                    await remove_finalizer(self._client, item, PROCESS_FINALIZER)
