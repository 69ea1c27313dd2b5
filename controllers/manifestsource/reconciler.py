"""Keeps the directory of a ManifestSource applied.

From changes of the source, of its directory and of what it applied, to the API. One look does all there is to do; what
it cannot do yet it comes back for. What it knows beyond the source's status is a cache of what the objects say.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from controllers.manifestsource.keeping import Keeper, Memory, report_of
from controllers.manifestsource.live import LiveObjects
from controllers.manifestsource.status import Report, status_of
from phoenix.aio.clock import Clock
from phoenix.api.manifestsource import MANIFESTSOURCE_FINALIZER, DeletionPolicy, ManifestSource
from phoenix.client.http import HttpClient
from phoenix.client.interface import Client
from phoenix.gitops.applying import Action, Writer
from phoenix.gitops.errors import DirectoryFault
from phoenix.gitops.faults import Fault
from phoenix.gitops.ids import ObjectId
from phoenix.gitops.ownership import Owner
from phoenix.gitops.plan import Hold, Need, Prune
from phoenix.gitops.selecting import Rules
from phoenix.gitops.tree import ManifestTree, Settings, Snapshot
from phoenix.gitops.trees import ManifestTrees
from phoenix.runtime.children import get_or_none
from phoenix.runtime.events import NORMAL, WARNING, EventRecorder
from phoenix.runtime.finalizers import add_finalizer, remove_finalizer
from phoenix.runtime.reconcile import Request, Result, RetryAfter
from phoenix.runtime.status import patch_status

COMPONENT = "manifestsource-controller"
_MANY = 50
"""Objects to apply from which on it is said beforehand that they are being applied."""
_FIRST_RETRY_S, _LAST_RETRY_S = 2.0, 300.0
_NAMED = 5

_log = logging.getLogger(__name__)


class ManifestSourceReconciler:
    """One source a call.

    Args:
        writes: writes what is in the directories; `client` reads and writes the sources themselves.
        sources: uids of the sources there are.
    """

    def __init__(
        self,
        client: Client,
        writes: HttpClient,
        recorder: EventRecorder,
        trees: ManifestTrees,
        live: LiveObjects,
        sources: Callable[[], Iterable[str]],
        clock: Clock,
    ) -> None:
        self._client, self._writes, self._recorder = client, writes, recorder
        self._trees, self._live, self._sources = trees, live, sources
        self._clock = clock
        self._memories: dict[str, Memory] = {}

    async def reconcile(self, request: Request) -> Result:
        """Look once, and do what there is to do."""
        name = request.key.name
        source = await get_or_none(self._client, ManifestSource, name)
        if source is None:
            self._forget(name)
            return Result()
        if source.metadata.deletion_timestamp is not None:
            await self._end(source)
            return Result()
        source = await add_finalizer(self._client, source, MANIFESTSOURCE_FINALIZER)
        if source.spec.suspend:
            self._forget(name)
            await self._say(source, Report(suspended=True))
            return Result()
        if not source.status.conditions:
            # Thousands of manifests take seconds to read.
            source = await self._say(source, Report(reconciling=f"reading {source.spec.path}"))
        memory = self._memory(source)
        tree = self._trees.tree(name, settings_of(source))
        try:
            snapshot = await tree.load()
        except DirectoryFault as fault:
            return await self._stalled(source, fault)
        except ChildProcessError as error:
            raise RetryAfter(_FIRST_RETRY_S, str(error)) from error
        return await self._keep(source, memory, tree, snapshot)

    def _memory(self, source: ManifestSource) -> Memory:
        name, uid = source.metadata.name, source.metadata.uid
        memory = self._memories.get(name)
        if memory is None or memory.uid != uid:
            memory = self._memories[name] = Memory(uid)
        return memory

    def _forget(self, name: str) -> None:
        self._trees.forget(name)
        self._memories.pop(name, None)

    async def _keep(self, source: ManifestSource, memory: Memory, tree: ManifestTree, snapshot: Snapshot) -> Result:
        now_s = self._clock.monotonic()
        full = now_s >= memory.next_full_s or memory.generation != source.metadata.generation
        keeper = self._keeper(source, memory, tree)
        needed = keeper.needed(snapshot, full=full)
        if len(needed) >= _MANY and any(what is Need.APPLY for what in needed.values()):
            words = f"applying {len(needed)} of {snapshot.revision[:19]}"
            interim = report_of(keeper, snapshot, None, stalled="", reconciling=words)
            source = keeper.source = await self._say(source, replace(interim, beginning=True))
        await keeper.apply(snapshot, needed)
        delay_s = source.spec.prune_delay.seconds
        pruned = await keeper.prune(snapshot, settled=snapshot.unchanged_s >= delay_s)
        if full:
            memory.generation = source.metadata.generation
            memory.next_full_s = now_s + source.spec.interval.seconds
        memory.failures = memory.failures + 1 if keeper.done.faults else 0
        reconciling, again_s = self._next(source, memory, snapshot, pruned)
        stalled = _stall_of(keeper, snapshot, pruned)
        report = report_of(keeper, snapshot, pruned, stalled=stalled, reconciling=reconciling)
        before, source = source, await self._say(source, report)
        await self._tell(before, source, keeper, report)
        return Result(again_s)

    def _keeper(self, source: ManifestSource, memory: Memory, tree: ManifestTree) -> Keeper:
        owner = Owner(source.metadata.name, source.metadata.uid)
        writer = Writer(self._writes, owner, self._live.version)
        return Keeper(source, memory, tree, writer, self._live, frozenset(self._sources()))

    def _next(self, source: ManifestSource, memory: Memory, snapshot: Snapshot, pruned: Prune) -> tuple[str, float]:
        """What is left to do, in words, and when to look again."""
        again_s = max(0.05, memory.next_full_s - self._clock.monotonic())
        if pruned.hold is Hold.UNSETTLED:
            delay_s = source.spec.prune_delay.seconds
            words = f"{len(pruned.idents)} to prune once the directory has been unchanged for {delay_s:g} s"
            return words, min(again_s, max(0.05, delay_s - snapshot.unchanged_s))
        if memory.failures:
            retry_s = min(_LAST_RETRY_S, _FIRST_RETRY_S * 2 ** (memory.failures - 1))
            return "", min(again_s, retry_s)
        if snapshot.faults:
            # What cannot be read may become readable without any event.
            return "", min(again_s, _LAST_RETRY_S)
        return "", again_s

    async def _stalled(self, source: ManifestSource, fault: DirectoryFault) -> Result:
        report = Report(faults=(Fault("", 0, fault.message),), stalled=fault.reason)
        was = _stalled_reason(source)
        source = await self._say(source, report)
        if was != fault.reason:
            _log.warning("manifestsource/%s is stalled: %s", source.metadata.name, fault.message)
            await self._recorder.record(source, "ManifestSourceStalled", fault.message, type_=WARNING)
        return Result(min(source.spec.interval.seconds, 60.0))

    async def _say(self, source: ManifestSource, report: Report) -> ManifestSource:
        return await patch_status(self._client, source, status_of(source, report, self._clock.now()))

    async def _end(self, source: ManifestSource) -> None:
        """The source is being deleted: its objects go, or stay, as its policy says."""
        if MANIFESTSOURCE_FINALIZER not in source.metadata.finalizers:
            return
        spec = source.spec
        delete = spec.deletion_policy is DeletionPolicy.DELETE or (
            spec.deletion_policy is DeletionPolicy.MIRROR_PRUNE and spec.prune
        )
        if delete and not spec.suspend and not spec.dry_run:
            keeper = self._keeper(source, self._memory(source), ManifestTree(settings_of(source), ()))
            await keeper.delete(keeper.owned())
            if keeper.done.pruned:
                await self._recorder.record(source, "ManifestsPruned", _pruned(keeper.done.pruned))
            if keeper.done.faults:
                words = f"what it applied cannot all be deleted: {keeper.done.faults[0]}"
                await self._recorder.record(source, "ManifestsFailed", words, type_=WARNING)
                raise RetryAfter(10.0, words)
        self._forget(source.metadata.name)
        await remove_finalizer(self._client, source, MANIFESTSOURCE_FINALIZER)

    async def _tell(self, before: ManifestSource, source: ManifestSource, keeper: Keeper, report: Report) -> None:
        """Events of what was done, and of what is newly wrong; the same in the log."""
        done, name, revision = keeper.done, source.metadata.name, report.revision[:19]
        if report.created or report.configured:
            would = "would be " if report.dry_run else ""
            words = f"{would}applied {revision}: {_applied(keeper)}"
            _log.info("manifestsource/%s %s", name, words)
            await self._recorder.record(source, "ManifestsApplied", words, type_=NORMAL)
        if done.pruned:
            _log.info("manifestsource/%s %s", name, _pruned(done.pruned))
            await self._recorder.record(source, "ManifestsPruned", _pruned(done.pruned), type_=NORMAL)
        if done.corrected:
            words = f"put back what others changed: {_drift(done.corrected)}"
            _log.info("manifestsource/%s %s", name, words)
            await self._recorder.record(source, "DriftCorrected", words, type_=NORMAL)
        if done.drifted:
            words = f"others changed what was applied: {_drift(done.drifted)}"
            _log.warning("manifestsource/%s %s", name, words)
            await self._recorder.record(source, "DriftDetected", words, type_=WARNING)
        if source.status.errors and source.status.errors != before.status.errors:
            words = "; ".join(str(fault) for fault in report.faults[:_NAMED])
            words += f"; and {len(report.faults) - _NAMED} more" if len(report.faults) > _NAMED else ""
            _log.warning("manifestsource/%s %s", name, words)
            await self._recorder.record(source, "ManifestsFailed", words, type_=WARNING)


def settings_of(source: ManifestSource) -> Settings:
    """What of the spec decides about the reading of files."""
    spec = source.spec
    rules = Rules(recurse=spec.recurse, include=tuple(spec.include), ignore=tuple(spec.ignore))
    return Settings(Path(spec.path), rules, spec.target_namespace, spec.debounce.seconds)


def _stall_of(keeper: Keeper, snapshot: Snapshot, pruned: Prune) -> str:
    """Why nothing more will happen before somebody acts; empty where that is not so."""
    if pruned.hold is Hold.EMPTY:
        message = (
            f"there is no manifest in {keeper.source.spec.path}, where {len(pruned.idents)} objects came from: nothing "
            "is pruned; set spec.allowEmpty if that is meant"
        )
        keeper.done.faults.append(Fault("", 0, message))
        return "EmptyDirectory"
    return "InvalidManifests" if snapshot.faults or snapshot.desired.faults else ""


def _stalled_reason(source: ManifestSource) -> str:
    return next((one.reason for one in source.status.conditions if one.type == "Stalled" and one.status == "True"), "")


def _applied(keeper: Keeper) -> str:
    words = []
    for action in (Action.CREATED, Action.CONFIGURED):
        found = sorted(one.ident for one in keeper.done.outcomes if one.action is action)
        if found:
            words.append(f"{len(found)} {action} ({_some(found)})")
    return ", ".join(words)


def _pruned(idents: list[ObjectId]) -> str:
    return f"pruned {len(idents)} no longer in the directory: {_some(sorted(idents))}"


def _drift(found: dict[ObjectId, list[str]]) -> str:
    parts = [
        f"{ident.shown} ({', '.join(fields[:_NAMED]) if fields else 'deleted'})"
        for ident, fields in sorted(found.items())[:_NAMED]
    ]
    return "; ".join(parts) + (f"; and {len(found) - _NAMED} more" if len(found) > _NAMED else "")


def _some(idents: list[ObjectId]) -> str:
    more = f", and {len(idents) - _NAMED} more" if len(idents) > _NAMED else ""
    return ", ".join(ident.shown for ident in idents[:_NAMED]) + more
