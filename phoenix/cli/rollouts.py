"""Rollouts of a deployment: what is so, what was, and back again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from phoenix.api.pipeline import PipelineDeployment, PipelineRevision, RevisionOutcome, RevisionRecord
from phoenix.apimachinery.conditions import find_condition, is_true
from phoenix.apimachinery.errors import NotFound
from phoenix.cli.errors import CliError
from phoenix.cli.figures import age
from phoenix.cli.finding import fetch_typed
from phoenix.cli.grid import Grid
from phoenix.cli.waiting import Goal
from phoenix.client.http import HttpClient
from phoenix.client.merge import diff
from phoenix.client.retry import on_conflict

Wire = dict[str, Any]


@dataclass(frozen=True, slots=True)
class RolloutState:
    """Where a rollout is. `failed` says why it will not be done by itself; both empty and false: going on."""

    done: bool
    failed: str
    said: str


def state_of(deployment: PipelineDeployment) -> RolloutState:
    """The rollout of the spec as it is now."""
    status, generation = deployment.status, deployment.metadata.generation
    progressing = find_condition(status.conditions, "Progressing")
    if progressing is None or progressing.observed_generation < generation:
        return RolloutState(False, "", "the controller has not seen the spec yet")
    counts = status.collectors
    number = status.attempted.revision if status.attempted else 0
    said = f"revision {number}: {counts.updated} of {counts.desired} updated, {counts.ready} ready"
    if progressing.status == "False" and progressing.reason != "Complete":
        return RolloutState(False, f"{progressing.reason}: {progressing.message}", said)
    done = progressing.reason == "Complete" and is_true(status.conditions, "Available")
    return RolloutState(done, "", f"revision {status.revision} runs on {counts.ready} host(s)" if done else said)


def rolled_out() -> Goal:
    """For `rollout status`: wait until it is done."""

    def read(wire: Wire | None) -> RolloutState:
        if wire is None:
            return RolloutState(False, "", "it is not there")
        return state_of(PipelineDeployment.from_stored(wire))

    return Goal(
        text="its rollout",
        reached=lambda wire: read(wire).done,
        state=lambda wire: read(wire).said,
        hopeless=lambda wire: read(wire).failed,
    )


def history_grid(deployment: PipelineDeployment) -> Grid:
    """Revisions, oldest first."""
    grid = Grid(("REVISION", "OUTCOME", "DEPLOYED", "PIPELINE", "REASON"), right=(0,), keep=(0, 1, 2, 3))
    for record in deployment.status.history:
        grid.add(
            f"{record.revision}{'*' if record.revision == deployment.status.revision else ' '}",
            str(record.outcome),
            f"{age(record.deployed_at)} ago",
            record.pipeline_hash,
            record.reason,
        )
    return grid


async def revision_object(
    client: HttpClient, deployment: PipelineDeployment, number: int
) -> tuple[RevisionRecord, PipelineRevision]:
    """One revision with its line in the history. Raises CliError."""
    known = {record.revision: record for record in deployment.status.history}
    record = known.get(number)
    if record is None:
        there = ", ".join(map(str, known)) or "none"
        raise CliError(f"{deployment.ref} has no revision {number}", f"revisions there: {there}")
    try:
        found = await client.get(PipelineRevision, record.name, deployment.metadata.namespace)
    except NotFound as error:
        raise CliError(
            f"revision {number} of {deployment.ref} is no longer kept",
            f"spec.revisionHistoryLimit is {deployment.spec.revision_history_limit}",
        ) from error
    return record, found


def undo_target(deployment: PipelineDeployment) -> int:
    """The revision `undo` goes back to: the newest good one before what spec asks for now. Raises CliError."""
    status = deployment.status
    current = status.attempted.revision if status.attempted is not None else status.revision
    good = [
        record.revision
        for record in status.history
        if record.revision != current and record.outcome in (RevisionOutcome.SUPERSEDED, RevisionOutcome.DEPLOYED)
    ]
    if not good:
        raise CliError(
            f"{deployment.ref} has no earlier good revision to go back to",
            f"see `phoenixctl rollout history {deployment.ref}`",
        )
    return max(good)


@dataclass(frozen=True, slots=True)
class Undone:
    """What an undo wrote; `changed` is false when spec said so already."""

    revision: int
    pipeline_hash: str
    changed: bool


async def undo(client: HttpClient, name: str, namespace: str, to_revision: int | None, *, dry_run: bool) -> Undone:
    """Copy a revision's pipeline and engine into the spec. Raises CliError, Conflict."""

    async def attempt() -> Undone:
        deployment = await fetch_typed(client, PipelineDeployment, name, namespace)
        number = to_revision or undo_target(deployment)
        _, revision = await revision_object(client, deployment, number)
        before = await client.raw_get(PipelineDeployment.info, name, namespace)
        wanted = {**before["spec"], "pipeline": revision.spec.pipeline.to_wire(), "engine": str(revision.spec.engine)}
        patch = diff(before["spec"], wanted)
        changed = bool(patch)
        if changed:
            locked = {"metadata": {"resourceVersion": before["metadata"]["resourceVersion"]}, "spec": patch}
            params = {"dryRun": "All"} if dry_run else None
            await client.raw_patch(PipelineDeployment.info, name, namespace, locked, params=params)
        return Undone(number, revision.spec.pipeline_hash, changed)

    return await on_conflict(attempt)
