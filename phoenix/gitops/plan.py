"""What to do about what a directory asks for: which objects in which order, and which may be deleted. Pure.

Deleting is where a mistake cannot be taken back, so it has one door, `prune`, and every reason against it is checked
there: a scan that was not complete, a file that could not be read, a directory that is empty when it was not, an object
that does not prove to be the source's own.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from phoenix.gitops.desired import Desired, Wanted
from phoenix.gitops.ids import ObjectId

_FIRST = (
    "Namespace", "Role", "ClusterRole", "User", "RoleBinding", "ClusterRoleBinding",
    "PipelineTemplate", "LoadProfile", "PriceBook", "Host", "PipelineRevision",
)  # fmt: skip
_LAST = ("PipelineDeployment", "Experiment", "ManifestSource")
_RANKS = {kind: rank for rank, kind in enumerate(_FIRST)}
_RANKS |= {kind: len(_FIRST) + 1 + rank for rank, kind in enumerate(_LAST)}


def rank(kind: str) -> int:
    """Kinds that others refer to have lower ranks: namespaces, access, the catalogue, then the rest."""
    return _RANKS.get(kind, len(_FIRST))


def waves(objects: Iterable[Wanted]) -> list[list[Wanted]]:
    """The objects in the order to apply them; those of one wave may be applied at the same time."""
    by_rank: dict[int, list[Wanted]] = {}
    for wanted in objects:
        by_rank.setdefault(rank(wanted.ident.kind), []).append(wanted)
    return [by_rank[number] for number in sorted(by_rank)]


def deletion_waves(idents: Iterable[ObjectId]) -> list[list[ObjectId]]:
    """The reverse: what others refer to goes last."""
    by_rank: dict[int, list[ObjectId]] = {}
    for ident in idents:
        by_rank.setdefault(rank(ident.kind), []).append(ident)
    return [sorted(by_rank[number]) for number in sorted(by_rank, reverse=True)]


class Hold(StrEnum):
    """Why nothing is deleted."""

    NOT_ASKED = "NotAsked"  # spec.prune is false, or a dry run
    INCOMPLETE = "Incomplete"  # part of the directory could not be read
    FAULTS = "Faults"  # a manifest is at fault: what it stands for is unknown
    EMPTY = "Empty"  # there is no manifest at all, and allowEmpty is false
    NOT_APPLIED = "NotApplied"  # what is wanted could not all be applied: the old may still be needed
    UNSETTLED = "Unsettled"  # the directory changed a moment ago


@dataclass(frozen=True, slots=True)
class Prune:
    """What may be deleted, or what would be and why it is not."""

    idents: tuple[ObjectId, ...]
    hold: Hold | None = None

    @property
    def allowed(self) -> tuple[ObjectId, ...]:
        """What to delete now."""
        return () if self.hold else self.idents


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What speaks for and against deleting.

    Args:
        asked: spec.prune, and no dry run.
        complete: every file and directory was read.
        faultless: every manifest can be what it says.
        applied: every object wanted was applied.
        settled: the directory has been unchanged for long enough.
        allow_empty: spec.allowEmpty.
    """

    asked: bool
    complete: bool
    faultless: bool
    applied: bool
    settled: bool
    allow_empty: bool


def prune(
    wanted: Collection[ObjectId],
    inventory: Collection[ObjectId],
    live: Collection[ObjectId],
    is_ours: Callable[[ObjectId], bool],
    at: Circumstances,
) -> Prune:
    """What is applied, no longer asked for, and proves to be the source's own.

    Args:
        wanted: ids that manifests name, also those that cannot be applied.
        inventory: ids the source says it applied.
        live: ids of objects that carry the source's label: those whose inventory was lost in a crash.
        is_ours: whether the live object with this id proves to be applied by this source; False for one that is gone.
    """
    gone = {ident for ident in {*inventory, *live} if ident not in wanted and is_ours(ident)}
    idents = tuple(ident for wave in deletion_waves(gone) for ident in wave)
    return Prune(idents, _hold(wanted, at) if idents else None)


def _hold(wanted: Collection[ObjectId], at: Circumstances) -> Hold | None:
    reasons: Sequence[tuple[bool, Hold]] = (
        (not at.asked, Hold.NOT_ASKED),
        (not at.complete, Hold.INCOMPLETE),
        (not at.faultless, Hold.FAULTS),
        (not wanted and not at.allow_empty, Hold.EMPTY),
        (not at.applied, Hold.NOT_APPLIED),
        (not at.settled, Hold.UNSETTLED),
    )
    return next((hold for applies, hold in reasons if applies), None)


@dataclass(frozen=True, slots=True)
class Applied:
    """An object as this source last applied it: the manifest's digest, the version it had then, and its mark.

    `mark` stands for everything but status: another one on a later version means that somebody changed it.
    """

    digest: str
    version: int
    mark: str


@dataclass(frozen=True, slots=True)
class Live:
    """An object as it is now, as far as the cache knows: see `Applied`. `digest` is that of its annotation."""

    digest: str
    version: int
    mark: str


class Need(StrEnum):
    """What to do about one object."""

    NOTHING = "Nothing"
    APPLY = "Apply"  # the manifest is new, or changed, or it is time
    COMPARE = "Compare"  # the manifest is as applied, the object is not


def need(wanted: Wanted, known: Applied | None, live: Live | None, *, full: bool) -> Need:
    """What one object needs.

    Args:
        known: as last applied by this process; None: it has not.
        live: as the cache has it; None: it is not there.
        full: look at every object, whatever is known.
    """
    if known is None or known.digest != wanted.digest:
        # After a restart nothing is known but what the objects say themselves.
        same = known is None and live is not None and live.digest == wanted.digest
        return Need.COMPARE if same else Need.APPLY
    if full:
        return Need.COMPARE
    if live is None:
        return Need.COMPARE
    changed = live.version > known.version and live.mark != known.mark
    return Need.COMPARE if changed else Need.NOTHING


def needs(
    desired: Desired, known: Mapping[ObjectId, Applied], live: Callable[[ObjectId], Live | None], *, full: bool
) -> dict[ObjectId, Need]:
    """What each object needs, those that need nothing left out."""
    found = {ident: need(wanted, known.get(ident), live(ident), full=full) for ident, wanted in desired.objects.items()}
    return {ident: what for ident, what in found.items() if what is not Need.NOTHING}
