"""One look at a directory put into practice: apply what needs it, tell or correct drift, prune what may be pruned."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from controllers.manifestsource.live import LiveObjects, applied_of
from controllers.manifestsource.status import Report
from phoenix.api.manifestsource import DriftMode, ManifestSource
from phoenix.apimachinery.errors import ApiError
from phoenix.gitops.applying import Action, Outcome, Writer, in_waves
from phoenix.gitops.desired import Wanted
from phoenix.gitops.drift import differing
from phoenix.gitops.faults import Fault
from phoenix.gitops.ids import ObjectId
from phoenix.gitops.ownership import LABEL, Owner, is_owned, owner_uid
from phoenix.gitops.plan import Applied, Circumstances, Hold, Need, Prune, deletion_waves, needs, prune, waves
from phoenix.gitops.tree import ManifestTree, Snapshot


@dataclass(slots=True)
class Memory:
    """What is remembered of a source between looks; lost at a restart, and found again from the objects.

    Attributes:
        known: objects as last applied or compared.
        drift: what others changed and nobody corrected (Detect).
        failures: looks in a row that could not apply everything.
    """

    uid: str
    known: dict[ObjectId, Applied] = field(default_factory=dict)
    drift: dict[ObjectId, list[str]] = field(default_factory=dict)
    generation: int = 0
    next_full_s: float = 0.0
    failures: int = 0


@dataclass(slots=True)
class Done:
    """What was done, for status and events.

    Attributes:
        corrected: objects put back, with the fields others had changed (empty: it was gone).
        drifted: drift first seen in this look (Detect).
    """

    outcomes: list[Outcome] = field(default_factory=list)
    pruned: list[ObjectId] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    corrected: dict[ObjectId, list[str]] = field(default_factory=dict)
    drifted: dict[ObjectId, list[str]] = field(default_factory=dict)


class Keeper:
    """Works on one source once.

    Args:
        others: whether a source with this uid is there.
    """

    def __init__(
        self,
        source: ManifestSource,
        memory: Memory,
        tree: ManifestTree,
        writer: Writer,
        live: LiveObjects,
        others: Collection[str],
    ) -> None:
        self.source, self.memory, self.tree = source, memory, tree
        self.done = Done()
        self._writer, self._live, self._others = writer, live, others
        self._owner = Owner(source.metadata.name, source.metadata.uid)
        self._inventory = {
            ident for entry in source.status.inventory if (ident := ObjectId.parse(entry.id)) is not None
        }

    def needed(self, snapshot: Snapshot, *, full: bool) -> dict[ObjectId, Need]:
        """What the objects need. Forgets what is no longer wanted."""
        memory, desired = self.memory, snapshot.desired
        for ident in memory.known.keys() - desired.objects.keys():
            del memory.known[ident]
        memory.drift = {ident: fields for ident, fields in memory.drift.items() if ident in desired.objects}
        found = needs(desired, memory.known, self._live.live, full=full)
        if self.source.spec.drift is DriftMode.DETECT:
            for ident, what in found.items():
                # It was applied once, and is gone since before this process began: that, too, is drift.
                if what is Need.APPLY and ident not in memory.known and self._is_gone(ident):
                    found[ident] = Need.COMPARE
        return found

    def _is_gone(self, ident: ObjectId) -> bool:
        return ident in self._inventory and self._live.live(ident) is None

    async def apply(self, snapshot: Snapshot, needed: dict[ObjectId, Need]) -> None:
        """Apply and compare. Raises Unavailable."""
        todo = [snapshot.desired.objects[ident] for ident in needed]
        free = [wanted for wanted in todo if not self._belongs_to_another(wanted)]

        async def work(wanted: Wanted) -> None:
            compare = needed[wanted.ident] is Need.COMPARE
            if compare and self.source.spec.drift is DriftMode.DETECT and not self.source.spec.dry_run:
                await self._detect(wanted)
            else:
                await self._apply(wanted, compare=compare)

        await in_waves(waves(free), work)

    def _belongs_to_another(self, wanted: Wanted) -> bool:
        """Whether another source applied the object; two that both apply it would take turns for ever."""
        obj = self._live.get(wanted.ident)
        uid = owner_uid(obj.metadata, wanted.ident) if obj is not None else ""
        if not uid or uid == self._owner.uid or uid not in self._others:
            return False
        name = obj.metadata.labels.get(LABEL, "?") if obj is not None else "?"
        message = f"manifestsource/{name} applies it already: keep its manifest in one directory"
        place = wanted.document.name_line
        self.done.faults.append(Fault(wanted.file, place, message, wanted.ident.shown))
        return True

    async def _apply(self, wanted: Wanted, *, compare: bool) -> None:
        ident, dry_run = wanted.ident, self.source.spec.dry_run
        before = self._live.get(ident) if compare else None
        outcome = await self._writer.apply(wanted, dry_run=dry_run)
        self.done.outcomes.append(outcome)
        if outcome.failure is not None:
            self.memory.known.pop(ident, None)
            self.done.faults += await self._faults_of(wanted, outcome.failure)
            return
        assert outcome.wire is not None
        self.memory.known[ident] = applied_of(wanted.digest, outcome.wire)
        self.memory.drift.pop(ident, None)
        if compare and outcome.action is not Action.UNCHANGED and not dry_run:
            # Both through the model: what the cache keeps has every default written out.
            after = type(before).from_stored(outcome.wire).to_wire() if before is not None else {}
            fields = differing(after, before.to_wire()) if before is not None else []
            if fields or outcome.action is Action.CREATED:
                self.done.corrected[ident] = fields

    async def _detect(self, wanted: Wanted) -> None:
        ident = wanted.ident
        live = await self._writer.get(ident)
        if live is None:
            fields: list[str] | None = []
        else:
            outcome = await self._writer.apply(wanted, dry_run=True)
            if outcome.failure is not None or outcome.wire is None:
                self.done.outcomes.append(outcome)
                if outcome.failure is not None:
                    self.done.faults += await self._faults_of(wanted, outcome.failure)
                return
            fields = differing(outcome.wire, live) or None
            self.memory.known[ident] = applied_of(wanted.digest, live)
        if fields is None:
            self.memory.drift.pop(ident, None)
        else:
            if self.memory.drift.get(ident) != fields:
                self.done.drifted[ident] = fields
            self.memory.drift[ident] = fields

    async def _faults_of(self, wanted: Wanted, failure: ApiError) -> list[Fault]:
        """What the API has against a manifest, with the lines it is about."""
        shown = wanted.ident.shown
        if not failure.causes:
            return [Fault(wanted.file, wanted.document.line, failure.message, shown)]
        return [
            Fault(wanted.file, await self.tree.line_of(wanted, cause.field), cause.message, shown, cause.field)
            for cause in failure.causes[:20]
        ]

    async def prune(self, snapshot: Snapshot, *, settled: bool) -> Prune:
        """Delete what may be deleted; what there is to delete, and why not. Raises Unavailable."""
        spec, name = self.source.spec, self.source.metadata.name
        found = prune(
            snapshot.desired.objects.keys() | snapshot.desired.claimed,
            self._inventory,
            self._live.labelled(name),
            self._is_ours,
            Circumstances(
                asked=spec.prune and not spec.dry_run,
                complete=snapshot.complete,
                faultless=not snapshot.desired.faults,
                applied=not self.done.faults,
                settled=settled,
                allow_empty=spec.allow_empty,
            ),
        )
        await self.delete(found.allowed)
        return found

    async def delete(self, idents: Iterable[ObjectId]) -> None:
        """Delete objects that prove to be the source's. Raises Unavailable."""
        free = [ident for ident in idents if not self._holds_strangers(ident)]
        for outcome in await in_waves(deletion_waves(free), self._writer.delete):
            if outcome.action is Action.DELETED:
                self.done.pruned.append(outcome.ident)
            if outcome.failure is not None:
                self.done.faults.append(Fault("", 0, f"it cannot be pruned: {outcome.failure}", outcome.ident.shown))

    def _is_ours(self, ident: ObjectId) -> bool:
        obj = self._live.get(ident)
        if obj is None or obj.metadata.deletion_timestamp is not None:
            return False
        itself = obj.metadata.uid == self._owner.uid
        return not itself and is_owned(obj.metadata, self._owner, ident)

    def _holds_strangers(self, ident: ObjectId) -> bool:
        """Whether it is a namespace with objects in it that the source did not apply: they would go with it."""
        if ident.kind != "Namespace":
            return False
        strangers = self._live.strangers_in(ident.name, self._owner.name)
        if strangers:
            example = f"{len(strangers)} objects this source did not apply, such as {strangers[0].shown}"
            message = f"it is not pruned because it holds {example}: delete them, or the namespace, yourself"
            self.done.faults.append(Fault("", 0, message, ident.shown))
        return bool(strangers)

    def owned(self) -> set[ObjectId]:
        """Everything that proves to be this source's, as far as the cache knows."""
        return {ident for ident in {*self._inventory, *self._live.labelled(self._owner.name)} if self._is_ours(ident)}

    def inventory_after(self, snapshot: Snapshot) -> set[ObjectId]:
        """What the source answers for now: everything known to be applied, and what it still has to prune."""
        kept = {ident for ident in self._inventory if ident not in self.done.pruned and self._live.get(ident)}
        drifted = self._inventory & self.memory.drift.keys()
        return kept | drifted | (self.memory.known.keys() & snapshot.desired.objects.keys())


def report_of(keeper: Keeper, snapshot: Snapshot, pruned: Prune | None, *, stalled: str, reconciling: str) -> Report:
    """A look in figures."""
    done, spec = keeper.done, keeper.source.spec
    actions = Counter(outcome.action for outcome in done.outcomes)
    faults: Sequence[Fault] = [*snapshot.faults, *snapshot.desired.faults, *done.faults]
    return Report(
        revision=snapshot.revision,
        files=snapshot.files,
        objects=len(snapshot.desired.objects),
        created=actions[Action.CREATED],
        configured=actions[Action.CONFIGURED],
        pruned=len(done.pruned),
        failed=len({(one.file, one.object) for one in done.faults}),
        faults=faults,
        drift=dict(keeper.memory.drift),
        inventory=None if spec.dry_run else keeper.inventory_after(snapshot),
        stalled=stalled,
        reconciling=reconciling,
        held=len(pruned.idents) if pruned and pruned.hold else 0,
        hold=pruned.hold if pruned else Hold.NOT_ASKED,
        dry_run=spec.dry_run,
    )
