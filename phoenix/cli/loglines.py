"""Logs of one process, or of all that belong to something, as lines."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from phoenix.api.collector import Collector
from phoenix.api.experiment import Experiment, ExperimentPhase
from phoenix.api.loadgenerator import LoadGenerator
from phoenix.api.meter import Meter
from phoenix.apimachinery.errors import NotFound
from phoenix.apimachinery.meta import KindInfo, Resource
from phoenix.cli.following import follow
from phoenix.client.http import HttpClient

PROCESS_KINDS: tuple[type[Resource], ...] = (Collector, LoadGenerator, Meter)
_RETRY_S = 0.3
_LAST_LINES_S = 0.5
_FINISHED = frozenset(phase.value for phase in ExperimentPhase if phase.finished)

Say = Callable[[str, str], None]
"""Gets `collector/x` and a line."""


@dataclass(frozen=True, slots=True)
class LogRequest:
    """How much: the last `tail_lines` (None: the server's limit), and whether to go on."""

    namespace: str
    follow: bool = False
    tail_lines: int | None = None


async def one_log(client: HttpClient, info: KindInfo, name: str, request: LogRequest, say: Say) -> None:
    """The log of a process. Raises NotFound where it has none (without `follow`), or its object is gone."""
    while True:
        try:
            lines = client.raw_log(info, name, request.namespace, follow=request.follow, tail_lines=request.tail_lines)
            async with aclosing(lines):
                async for line in lines:
                    say(f"{info.singular}/{name}", line)
            return
        except NotFound:
            if not request.follow:
                raise
            await client.raw_get(info, name, request.namespace)  # NotFound: gone, so nothing will come
            await asyncio.sleep(_RETRY_S)


async def all_logs(client: HttpClient, selector: str, request: LogRequest, say: Say) -> int:
    """The logs of every process there is by a label selector; how many there were."""
    count = 0
    for kind in PROCESS_KINDS:
        listed = await client.raw_list(kind.info, request.namespace, label_selector=selector)
        for item in listed.get("items") or []:
            try:
                await one_log(client, kind.info, item["metadata"]["name"], request, say)
                count += 1
            except NotFound:
                continue  # it has not started, or is gone since the list
    return count


class _OwnerDone(Exception):
    """What the logs are of has ended."""


async def follow_all(
    client: HttpClient, selector: str, owner: KindInfo, name: str, request: LogRequest, say: Say
) -> None:
    """The logs of all processes of an owner as they come and go, until the owner is gone or its run has ended."""
    try:
        async with asyncio.TaskGroup() as group:
            for kind in PROCESS_KINDS:
                group.create_task(
                    _follow_kind(client, kind.info, selector, request, say), name=f"logs {kind.info.plural}"
                )
            group.create_task(_until_done(client, owner, name, request.namespace), name="owner")
    except* _OwnerDone:
        pass


async def _follow_kind(client: HttpClient, info: KindInfo, selector: str, request: LogRequest, say: Say) -> None:
    reading: dict[str, asyncio.Task[None]] = {}
    changes = follow(client, info, request.namespace, label_selector=selector)
    async with aclosing(changes), asyncio.TaskGroup() as group:
        async for change in changes:
            if change.type in ("ADDED", "MODIFIED") and change.wire["metadata"]["uid"] not in reading:
                meta = change.wire["metadata"]
                task = group.create_task(_quiet_log(client, info, meta["name"], request, say))
                reading[meta["uid"]] = task


async def _quiet_log(client: HttpClient, info: KindInfo, name: str, request: LogRequest, say: Say) -> None:
    try:
        await one_log(client, info, name, request, say)
    except NotFound:
        return  # gone before it wrote anything


async def _until_done(client: HttpClient, info: KindInfo, name: str, namespace: str) -> None:
    changes = follow(client, info, namespace, field_selector=f"metadata.name={name}")
    async with aclosing(changes):
        async for change in changes:
            if change.type == "DELETED" or _run_has_ended(info, change.wire):
                await asyncio.sleep(_LAST_LINES_S)
                raise _OwnerDone


def _run_has_ended(info: KindInfo, wire: dict[str, Any]) -> bool:
    if info.kind != Experiment.info.kind or not wire:
        return False
    phase = (wire.get("status") or {}).get("phase")
    restarts = phase == ExperimentPhase.STOPPED and not (wire.get("spec") or {}).get("suspend")
    return phase in _FINISHED and not restarts
