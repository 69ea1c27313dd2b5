"""What to say of a source. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from phoenix.api.manifestsource import (
    DriftedObject,
    InventoryEntry,
    ManifestCounts,
    ManifestFault,
    ManifestSource,
    ManifestSourceStatus,
)
from phoenix.apimachinery.conditions import set_condition, timestamp
from phoenix.gitops.faults import Fault
from phoenix.gitops.ids import ObjectId
from phoenix.gitops.plan import Hold

MAX_LISTED = 20
_MAX_FIELDS = 20
_MAX_MESSAGE_CHARS = 400


@dataclass(frozen=True, slots=True)
class Report:
    """What one look at a directory came to.

    Args:
        revision: of the files looked at; empty: the directory could not be looked at.
        stalled: reason why nothing will change before somebody acts; empty: it may go on by itself.
        reconciling: what there is left to do, in words; empty: nothing.
        inventory: everything applied, None: as before.
        held: how many objects would be deleted, and why they are not.
        dry_run: nothing was done.
        beginning: nothing was done yet: what `reconciling` tells of begins now.
    """

    revision: str = ""
    files: int = 0
    objects: int = 0
    created: int = 0
    configured: int = 0
    pruned: int = 0
    failed: int = 0
    faults: Sequence[Fault] = ()
    drift: Mapping[ObjectId, Sequence[str]] = field(default_factory=dict)
    inventory: Iterable[ObjectId] | None = None
    stalled: str = ""
    reconciling: str = ""
    held: int = 0
    hold: Hold | None = None
    dry_run: bool = False
    suspended: bool = False
    beginning: bool = False

    @property
    def changed(self) -> int:
        """Objects that were written or deleted."""
        return self.created + self.configured + self.pruned


def status_of(source: ManifestSource, report: Report, now: datetime) -> ManifestSourceStatus:
    """The source's status after this look."""
    # NB: not deep: every field is replaced below, and copying an inventory of thousands takes longer than a look.
    status = source.status.model_copy()
    status.observed_generation = source.metadata.generation
    status.errors = [
        ManifestFault(file=one.file, line=one.line, object=one.object, field=one.field, message=one.message)
        for one in report.faults[:MAX_LISTED]
    ]
    status.errors_omitted = max(0, len(report.faults) - MAX_LISTED)
    drifted = sorted(report.drift.items())
    status.drift = [
        DriftedObject(id=str(ident), fields=list(fields[:_MAX_FIELDS])) for ident, fields in drifted[:MAX_LISTED]
    ]
    status.drift_omitted = max(0, len(drifted) - MAX_LISTED)
    if report.inventory is not None:
        status.inventory = [_entry(ident) for ident in sorted(report.inventory)]
    if report.revision:
        _count(status, report, now)
    _conditions(source, status, report, now)
    return status


def _entry(ident: ObjectId) -> InventoryEntry:
    model = ident.model
    return InventoryEntry(id=str(ident), v=model.info.version if model else "")


def _count(status: ManifestSourceStatus, report: Report, now: datetime) -> None:
    if report.beginning:
        status.counts = ManifestCounts(files=report.files, objects=report.objects)
        return
    # What was last done stays to be seen until something else is done.
    if report.changed or report.failed or report.revision != status.last_attempted_revision:
        status.counts = ManifestCounts(
            files=report.files,
            objects=report.objects,
            created=report.created,
            configured=report.configured,
            pruned=report.pruned,
            failed=report.failed,
            unchanged=max(0, report.objects - report.created - report.configured - report.failed),
        )
    else:
        status.counts = status.counts.model_copy(update={"failed": report.failed})
    status.last_attempted_revision = report.revision
    clean = not report.faults and not report.failed and not report.reconciling and not report.stalled
    if clean and not report.dry_run:
        status.last_applied_revision = report.revision
    if report.changed and not report.dry_run:
        status.last_applied_at = timestamp(now)


def _conditions(source: ManifestSource, status: ManifestSourceStatus, report: Report, now: datetime) -> None:
    ready, reason, message = _verdict(status, report)

    def put(type_: str, holds: bool, why: str, words: str) -> None:
        status.conditions = set_condition(
            status.conditions,
            type_,
            holds,
            why,
            words[:_MAX_MESSAGE_CHARS],
            now=now,
            generation=source.metadata.generation,
        )

    put("Ready", ready, reason, message)
    put("Reconciling", bool(report.reconciling), "Progressing" if report.reconciling else "Done", report.reconciling)
    put("Stalled", bool(report.stalled), report.stalled or "NotStalled", message if report.stalled else "")


def _verdict(status: ManifestSourceStatus, report: Report) -> tuple[bool, str, str]:
    """Whether the directory is applied, a word why, and words for people."""
    if report.suspended:
        return False, "Suspended", "spec.suspend is true: the directory is not looked at"
    if report.faults:
        first, more = report.faults[0], len(report.faults) - 1
        rest = f" (and {more} more)" if more else ""
        reason = report.stalled or ("ApplyFailed" if report.failed else "InvalidManifests")
        return False, reason, f"{first}{rest}{_kept(report)}"
    if report.reconciling:
        return False, "Progressing", report.reconciling
    if report.drift:
        ident, fields = min(report.drift.items())
        what = f": {', '.join(fields[:3])}" if fields else " is gone"
        return False, "Drifted", f"{len(report.drift)} changed by others, such as {ident.shown}{what}"
    counts = status.counts
    if report.dry_run:
        words = f"dry run: {counts.created} would be created, {counts.configured} configured, {report.held} pruned"
        return True, "DryRun", words
    return (
        True,
        "Applied",
        f"applied {_number(counts.objects, 'object')} of {_number(counts.files, 'file')}{_kept(report)}",
    )


def _number(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def _kept(report: Report) -> str:
    if not report.held:
        return ""
    match report.hold:
        case Hold.NOT_ASKED:
            return f"; {report.held} no longer in the directory are kept (spec.prune is false)"
        case None | Hold.EMPTY:  # the fault of an empty directory says so itself
            return ""
        case _:
            return f"; nothing is pruned ({report.held} would be)"
