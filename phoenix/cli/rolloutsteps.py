"""Steering a rollout that is on, and what two of its revisions differ in."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from typing import Any

from phoenix.api.pipeline import PipelineDeployment, PipelineRevision, RevisionOutcome
from phoenix.cli.errors import CliError
from phoenix.cli.printers.yaml import to_yaml

APPROVED_ANNOTATION = "phoenix.io/approved-step"
ABORTED_ANNOTATION = "phoenix.io/aborted-revision"
Patch = dict[str, Any]


def _pause(_deployment: PipelineDeployment) -> tuple[Patch, str]:
    return {"spec": {"paused": True}}, "paused"


def _resume(deployment: PipelineDeployment) -> tuple[Patch, str]:
    rollout = deployment.status.rollout
    if deployment.spec.paused or rollout is None or not rollout.held_since:
        return {"spec": {"paused": False}}, "resumed"
    step = rollout.step + 1
    approval = {APPROVED_ANNOTATION: f"{rollout.revision}/{step}"}
    return {"metadata": {"annotations": approval}}, f"goes on from step {step} of {rollout.steps}"


def _abort(deployment: PipelineDeployment) -> tuple[Patch, str]:
    """Raises CliError where nothing is rolled out, or there is nothing to go back to."""
    newest = deployment.status.history[-1] if deployment.status.history else None
    if newest is None or newest.outcome is not RevisionOutcome.PROGRESSING:
        raise CliError(
            f"{deployment.ref} is rolling nothing out",
            f"`phoenixctl rollout undo {deployment.ref}` takes the last back",
        )
    if not deployment.status.revision:
        raise CliError(f"{deployment.ref} has no good revision to go back to", "correct its spec, or delete it")
    return {"metadata": {"annotations": {ABORTED_ANNOTATION: str(newest.revision)}}}, (
        f"aborts revision {newest.revision}, back to {deployment.status.revision}"
    )


STEERING: Mapping[str, Callable[[PipelineDeployment], tuple[Patch, str]]] = {
    "pause": _pause,
    "resume": _resume,
    "abort": _abort,
}
"""What each action writes, and what it says. A merge patch: what people keep in `spec` stays theirs."""


def revisions_to_compare(deployment: PipelineDeployment, before: int | None, after: int | None) -> tuple[int, int]:
    """Numbers to compare: those given, else what runs and the newest, or the newest and the one before it.

    Raises:
        CliError: there are no two.
    """
    numbers = [record.revision for record in deployment.status.history]
    after = after if after is not None else (numbers[-1] if numbers else 0)
    if before is None:
        earlier = [number for number in numbers if number < after]
        runs = deployment.status.revision
        before = runs if runs and runs != after else (earlier[-1] if earlier else 0)
    if not before or not after:
        raise CliError(f"{deployment.ref} has no two revisions to compare", "there is one once its pipeline changes")
    return before, after


def diff_lines(before: PipelineRevision, after: PipelineRevision) -> list[str]:
    """A unified diff of what two revisions resolved to; empty where they are the same."""

    def text(revision: PipelineRevision) -> list[str]:
        spec = revision.spec
        shown = {"engine": str(spec.engine), "variantLabels": spec.variant_labels, "pipeline": spec.resolved}
        return to_yaml(shown).splitlines()

    old, new = (f"revision {item.spec.revision} ({item.spec.pipeline_hash})" for item in (before, after))
    return list(difflib.unified_diff(text(before), text(after), old, new, lineterm=""))
