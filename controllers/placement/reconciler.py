"""Binds process objects without a host to one."""

from __future__ import annotations

from collections import Counter

from controllers.placement.plan import choose
from phoenix.aio.clock import Clock
from phoenix.api.collector import Collector
from phoenix.api.host import Host
from phoenix.api.loadgenerator import LoadGenerator
from phoenix.api.meter import Meter
from phoenix.apimachinery.conditions import set_condition
from phoenix.client.interface import Client
from phoenix.runtime.children import get_or_none
from phoenix.runtime.events import EventRecorder
from phoenix.runtime.reconcile import Request, Result
from phoenix.runtime.status import patch_status

COMPONENT = "placement-controller"
RETRY_S = 10.0

Process = Collector | LoadGenerator | Meter
PROCESS_KINDS: tuple[type[Process], ...] = (Collector, LoadGenerator, Meter)


class PlacementReconciler:
    """Chooses a host for objects of one process kind, see `plan.choose`."""

    def __init__(self, kind: type[Process], client: Client, events: EventRecorder, clock: Clock) -> None:
        self._kind = kind
        self._client, self._events, self._clock = client, events, clock

    async def reconcile(self, request: Request) -> Result:
        """Bind, or say why not."""
        found = await get_or_none(self._client, self._kind, request.key.name, request.key.namespace)
        if found is None or found.spec.host or found.metadata.deletion_timestamp is not None:
            return Result()
        hosts = (await self._client.list(Host)).items
        placement = choose(found.spec, hosts, await self._counts())
        if placement.host:
            await self._client.patch(
                self._kind,
                found.metadata.name,
                found.metadata.namespace,
                {"metadata": {"resourceVersion": found.metadata.resource_version}, "spec": {"host": placement.host}},
            )
            await self._events.record(found, "Scheduled", f"placed on {placement.host}", data={"host": placement.host})
            return Result()
        status = found.status.model_copy(deep=True)
        status.conditions = set_condition(
            status.conditions,
            "Scheduled",
            False,
            placement.reason,
            placement.message,
            now=self._clock.now(),
            generation=found.metadata.generation,
        )
        await patch_status(self._client, found, status)
        return Result(requeue_after_s=RETRY_S)

    async def _counts(self) -> Counter[str]:
        counts: Counter[str] = Counter()
        for kind in PROCESS_KINDS:
            counts.update(item.spec.host for item in (await self._client.list(kind)).items if item.spec.host)
        return counts
