"""Promotion and its undoing: what a verdict, or a person's word over it, asks for. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from phoenix.api.experiment import Decision, Experiment, ExperimentPhase, PinnedVariant
from phoenix.api.pipeline import PipelineDeployment, PipelineDeploymentSpec, PipelineRevision, PipelineSource
from phoenix.api.results import Verdict
from phoenix.apimachinery.meta import ObjectMeta

PROMOTED_FROM = "phoenix.io/promoted-from"


class Move(StrEnum):
    """What to do with the verdict."""

    NONE = "None"
    PROMOTE = "Promote"
    ROLL_BACK = "RollBack"


@dataclass(frozen=True, slots=True)
class Settlement:
    """The move, for which candidate, and why (or why not)."""

    move: Move
    candidate: str = ""
    reason: str = ""
    message: str = ""


def settle(experiment: Experiment) -> Settlement:
    """Decide what a completed experiment does now. Asked again after it was done, it says NONE."""
    status, spec = experiment.status, experiment.spec
    if status.phase != ExperimentPhase.COMPLETED:
        return Settlement(Move.NONE)
    standing = status.promotion is not None and status.promotion.rolled_back_at is None
    if spec.decision == Decision.ROLLBACK:
        if standing:
            return Settlement(Move.ROLL_BACK)
        if status.promotion:
            return Settlement(Move.NONE, reason="RolledBack")
        message = "nothing was promoted: spec.decision Rollback has nothing to undo"
        return Settlement(Move.NONE, reason="NotPromoted", message=message)
    if standing:
        return Settlement(Move.NONE, reason="Promoted")
    if spec.decision == Decision.PROMOTE:
        candidate = status.promoted_candidate or spec.candidates[0].name
        if spec.on_success.deployment is None:
            return Settlement(
                Move.NONE, reason="NoTarget", message="spec.onSuccess.deployment.name is not set: nowhere to promote to"
            )
        return Settlement(Move.PROMOTE, candidate, "Decision", "promoted by spec.decision")
    if status.verdict != Verdict.PROMOTE:
        return Settlement(Move.NONE, reason="NotPromoted", message=f"the verdict is {status.verdict}")
    if spec.on_success.action != "Promote" or status.promotion is not None:
        held = "rolled back earlier" if status.promotion else "spec.onSuccess.action is Hold"
        return Settlement(Move.NONE, reason="Held", message=f"{held}: `phoenixctl promote {experiment.ref}` promotes")
    return Settlement(Move.PROMOTE, status.promoted_candidate, "Verdict", "promoted by the verdict")


def judged(experiment: Experiment, candidate: str) -> tuple[PinnedVariant, dict[str, Any]]:
    """The candidate as it was judged: its pin and its configuration."""
    pinned = next(item for item in experiment.status.variants if item.name == candidate)
    pipelines = experiment.status.resolved["pipelines"]
    assert isinstance(pipelines, dict)  # written by Resolution.to_status
    return pinned, pipelines[candidate]


def promoted_deployment(experiment: Experiment, candidate: str, live: PipelineDeployment | None) -> PipelineDeployment:
    """The deployment to write: `live` with the judged pipeline and engine, or a new one."""
    target = experiment.spec.on_success.deployment
    assert target is not None  # settle() saw it
    pinned, config = judged(experiment, candidate)
    source = PipelineSource(config=config)
    if live is None:
        return PipelineDeployment(
            metadata=ObjectMeta(
                name=target.name,
                namespace=experiment.metadata.namespace,
                annotations={PROMOTED_FROM: _origin(experiment, pinned)},
            ),
            spec=PipelineDeploymentSpec(pipeline=source, engine=pinned.engine, host_selector=target.host_selector),
        )
    new = live.model_copy(deep=True)
    new.spec.pipeline, new.spec.engine = source, pinned.engine
    new.metadata.annotations = {**live.metadata.annotations, PROMOTED_FROM: _origin(experiment, pinned)}
    return new


def _origin(experiment: Experiment, pinned: PinnedVariant) -> str:
    template = f" ({pinned.template})" if pinned.template else ""
    return f"{experiment.ref} run {experiment.status.run} variant {pinned.name}{template} {pinned.pipeline_hash}"


def restored_deployment(live: PipelineDeployment, revision: PipelineRevision) -> PipelineDeployment:
    """The deployment as it was at `revision`."""
    new = live.model_copy(deep=True)
    new.spec.pipeline = revision.spec.pipeline
    new.spec.engine = revision.spec.engine
    new.metadata.annotations = {key: value for key, value in live.metadata.annotations.items() if key != PROMOTED_FROM}
    return new
