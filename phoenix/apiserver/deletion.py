"""What a delete does to an object: the finalizers its propagation asks for, the marks of one that is going. Pure.

Dependents themselves are deleted, or let go of, by the garbage controller; it holds the owner by these finalizers.
"""

from __future__ import annotations

from typing import Any

from phoenix.apimachinery.names import FOREGROUND_FINALIZER, ORPHAN_FINALIZER
from phoenix.apiserver.options import Propagation

Metadata = dict[str, Any]
_BY_POLICY = {
    Propagation.FOREGROUND: [FOREGROUND_FINALIZER],
    Propagation.ORPHAN: [ORPHAN_FINALIZER],
    Propagation.BACKGROUND: [],
}
_GARBAGE = (FOREGROUND_FINALIZER, ORPHAN_FINALIZER)


def finalizers_for(metadata: Metadata, propagation: Propagation | None) -> list[str]:
    """The finalizers an object is to have once deleted so; without a policy those it has decide, as upstream."""
    present: list[str] = list(metadata.get("finalizers") or ())
    if propagation is None:
        return present
    wanted = _BY_POLICY[propagation]
    return [name for name in present if name not in _GARBAGE or name in wanted] + [
        name for name in wanted if name not in present
    ]


def mark_going(metadata: Metadata, now: str, *, has_generation: bool) -> None:
    """Stamp an object as going; it stays until its finalizers are gone."""
    metadata["deletionTimestamp"] = now
    metadata["deletionGracePeriodSeconds"] = 0
    if has_generation:
        metadata["generation"] = metadata.get("generation", 0) + 1


def set_finalizers(metadata: Metadata, finalizers: list[str]) -> None:
    """Put finalizers on, or take the empty list off."""
    if finalizers:
        metadata["finalizers"] = finalizers
    else:
        metadata.pop("finalizers", None)
