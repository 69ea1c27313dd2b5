"""What one kind does differently from the others: prepare and check on create and on update.

The registry calls these with decoded objects it owns. A kind that is not in the table is ordinary.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from phoenix.api.core import Event, Namespace
from phoenix.api.experiment import Experiment
from phoenix.api.pipeline import PipelineRevision
from phoenix.api.rbac import ClusterRole, ClusterRoleBinding, Role, RoleBinding
from phoenix.api.validation import shown
from phoenix.apimachinery.errors import Cause
from phoenix.apimachinery.meta import Resource
from phoenix.apiserver.namespaces import DEFAULT_NAMESPACE

Wire = dict[str, Any]
"""A decoded object: what orjson gave, with metadata a dict."""


def _nothing(_new: Wire) -> None:
    """Prepare nothing."""


def _no_causes(_old: Wire, _new: Wire) -> list[Cause]:
    return []


@dataclass(frozen=True, slots=True)
class Strategy:
    """How a kind is written.

    Args:
        prepare_create: changes a new object before it is checked.
        finish: changes an object that is to be stored, once it has its name; at every write of it.
        check_create: causes why a new object may not be, or what an update makes of it; None: nothing to ask.
        check_update: causes why `new` may not follow `old`; both are whole objects, pruned and defaulted.
        has_generation: whether metadata.generation counts changes of the spec.
        unconditional_update: whether an update without a resourceVersion is allowed.
        strategic_merge: whether strategic merge patches are understood (as upstream: core kinds only).
    """

    prepare_create: Callable[[Wire], None] = _nothing
    finish: Callable[[Wire], None] = _nothing
    check_create: Callable[[Wire], list[Cause]] | None = None
    check_update: Callable[[Wire, Wire], list[Cause]] = _no_causes
    has_generation: bool = True
    unconditional_update: bool = False
    strategic_merge: bool = False


_ORDINARY = Strategy()
_MOVABLE = ("suspend", "decision", "ttlAfterFinished")


def _experiment_update(old: Wire, new: Wire) -> list[Cause]:
    """Everything was resolved and pinned when the run started: a changed spec would not be what was judged."""
    if not experiment_started(old):
        return []
    before, after = old.get("spec") or {}, new.get("spec") or {}
    run = (old.get("status") or {}).get("run")
    return [
        Cause(
            "FieldValueForbidden",
            f"run {run} has started and keeps to the spec it began with: only {', '.join(_MOVABLE)} may change; "
            "make another Experiment for another comparison",
            f"spec.{field}",
        )
        for field in sorted(before.keys() | after.keys())
        if field not in _MOVABLE and before.get(field) != after.get(field)
    ]


def experiment_started(wire: Wire) -> bool:
    """Whether a run was begun: the controller counts `status.run` up as it resolves and pins everything."""
    run = (wire.get("status") or {}).get("run", 0)
    return isinstance(run, int) and run >= 1


def _revision_update(old: Wire, new: Wire) -> list[Cause]:
    if old.get("spec") == new.get("spec"):
        return []
    message = "a PipelineRevision is what was deployed and never changes; change the PipelineDeployment instead"
    return [Cause("FieldValueForbidden", message, "spec")]


def _new_namespace(new: Wire) -> None:
    new["status"] = {"phase": "Active"}


def _label_namespace(wire: Wire) -> None:
    """Upstream's label, by which selectors find a namespace by its name; nobody can change it."""
    metadata = wire["metadata"]
    labels = metadata.get("labels")
    if labels is None or isinstance(labels, dict):
        metadata["labels"] = {**(labels or {}), "kubernetes.io/metadata.name": metadata["name"]}


def _event_namespace(wire: Wire) -> list[Cause]:
    """An event is where its object is; one about an object of no namespace is in `default`."""
    about, here = (wire.get("involvedObject") or {}).get("namespace") or "", wire["metadata"].get("namespace")
    if about == here or (not about and here == DEFAULT_NAMESPACE):
        return []
    message = f"Invalid value: {shown(about)}: does not match event.namespace"
    return [Cause("FieldValueInvalid", message, "involvedObject.namespace")]


def _binding_update(old: Wire, new: Wire) -> list[Cause]:
    if old.get("roleRef") == new.get("roleRef"):
        return []
    return [
        Cause("FieldValueInvalid", "Invalid value: cannot change roleRef: delete the binding, make another", "roleRef")
    ]


_ROLES = Strategy(has_generation=False, unconditional_update=True, strategic_merge=True)

_BY_KIND: dict[type[Resource], Strategy] = {
    Experiment: Strategy(check_update=_experiment_update),
    PipelineRevision: Strategy(check_update=_revision_update),
    Namespace: Strategy(
        prepare_create=_new_namespace,
        finish=_label_namespace,
        has_generation=False,
        unconditional_update=True,
        strategic_merge=True,
    ),
    Event: Strategy(
        check_create=_event_namespace, has_generation=False, unconditional_update=True, strategic_merge=True
    ),
    **dict.fromkeys((Role, ClusterRole), _ROLES),
    **dict.fromkeys((RoleBinding, ClusterRoleBinding), replace(_ROLES, check_update=_binding_update)),
}


def strategy_of(kind: type[Resource]) -> Strategy:
    """The strategy of a kind."""
    return _BY_KIND.get(kind, _ORDINARY)
