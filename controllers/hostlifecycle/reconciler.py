"""Marks hosts whose heartbeats stopped, and what runs there; lets go of what is being deleted on lost hosts."""

from __future__ import annotations

from datetime import datetime

from controllers.hostlifecycle.plan import (
    DEFAULT_PATIENCE,
    HostPatience,
    HostVerdict,
    Process,
    already_said,
    became_unknown,
    judge_host,
    let_go_in,
)
from phoenix.aio.clock import Clock
from phoenix.api.collector import Collector
from phoenix.api.host import Host
from phoenix.api.loadgenerator import LoadGenerator
from phoenix.api.meter import Meter
from phoenix.api.process import PROCESS_FINALIZER
from phoenix.apimachinery.conditions import ConditionStatus, set_condition
from phoenix.apimachinery.errors import Conflict
from phoenix.client.interface import Client
from phoenix.runtime.children import get_or_none
from phoenix.runtime.events import WARNING, EventRecorder
from phoenix.runtime.finalizers import remove_finalizer
from phoenix.runtime.reconcile import Request, Result
from phoenix.runtime.status import patch_status

COMPONENT = "hostlifecycle-controller"
PROCESS_KINDS: tuple[type[Process], ...] = (Collector, LoadGenerator, Meter)


class HostLifecycleReconciler:
    """See `plan.judge_host`."""

    def __init__(
        self, client: Client, events: EventRecorder, clock: Clock, patience: HostPatience = DEFAULT_PATIENCE
    ) -> None:
        self._client, self._events, self._clock = client, events, clock
        self._patience = patience
        self._watching_since = clock.now()

    async def reconcile(self, request: Request) -> Result:
        """Judge one host by its last heartbeat."""
        host = await get_or_none(self._client, Host, request.key.name)
        now = self._clock.now()
        if host is None:
            return await self._without_host(request.key.name, now)
        verdict = judge_host(host, now, self._watching_since, self._patience)
        if verdict.silent:
            # What runs there first: status of the host says that this is done.
            await self._mark_processes(host.metadata.name, verdict, now)
            if not already_said(host, verdict):
                await self._mark_host(host, verdict, now)
        if verdict.lost:
            for item in await self._on(host.metadata.name):
                if _is_held(item):
                    await remove_finalizer(self._client, item, PROCESS_FINALIZER)
        return Result(requeue_after_s=verdict.check_again_s)

    async def _mark_host(self, host: Host, verdict: HostVerdict, now: datetime) -> None:
        if verdict.lost:
            await self._events.record(host, "HostLost", verdict.message, type_=WARNING)
        else:
            await self._events.record(host, "HostNotReady", verdict.message, type_=WARNING)
        status = host.status.model_copy(deep=True)
        status.conditions = set_condition(
            status.conditions,
            "Ready",
            ConditionStatus.UNKNOWN,
            verdict.reason,
            verdict.message,
            now=now,
            generation=host.metadata.generation,
        )
        await patch_status(self._client, host, status)

    async def _mark_processes(self, host: str, verdict: HostVerdict, now: datetime) -> None:
        """Nobody knows whether they run: Ready is Unknown until the agent says so again."""
        for item in await self._on(host):
            if not became_unknown(item):
                continue
            status = item.status.model_copy(deep=True)
            status.conditions = set_condition(
                status.conditions,
                "Ready",
                ConditionStatus.UNKNOWN,
                "HostNotReady",
                f"host {host}: {verdict.message}",
                now=now,
                generation=item.status.observed_generation,
            )
            try:
                await patch_status(self._client, item, status)
            except Conflict:
                continue  # its agent spoke in between, and knows better

    async def _without_host(self, name: str, now: datetime) -> Result:
        """Nobody is registered under this name: what is being deleted there waits for an agent, but not for ever."""
        left_s: list[float] = []
        for item in await self._on(name):
            if not _is_held(item):
                continue
            left = let_go_in(item, now, self._watching_since, self._patience).total_seconds()
            if left > 0:
                left_s.append(left)
            else:
                await remove_finalizer(self._client, item, PROCESS_FINALIZER)
        return Result(requeue_after_s=min(left_s) + 0.1 if left_s else None)

    async def _on(self, host: str) -> list[Process]:
        """Process objects of this host."""
        found: list[Process] = []
        for kind in PROCESS_KINDS:
            found += (await self._client.list(kind, field_selector=f"spec.host={host}")).items
        return found


def _is_held(item: Process) -> bool:
    """Whether it is being deleted and waits for its agent."""
    return item.metadata.deletion_timestamp is not None and PROCESS_FINALIZER in item.metadata.finalizers
