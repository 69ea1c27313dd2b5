"""Promotion and its undoing: what a verdict, or a person's word over it, asks for. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from controllers.experiment.ends import with_ends_of
from phoenix.api.experiment import Decision, Experiment, ExperimentPhase, PinnedVariant
from phoenix.api.pipeline import PipelineDeployment, PipelineDeploymentSpec, PipelineRevision, PipelineSource
from phoenix.api.results import Verdict
from phoenix.apimachinery.meta import ObjectMeta
from phoenix.pipelines.hashing import config_hash

PROMOTED_FROM = "phoenix.io/promoted-from"
"""Annotation for people: where the pipeline of a deployment comes from."""
PROMOTION = "phoenix.io/promotion"
"""Annotation for the controller, a `Mark`: written with the spec, so that no crash comes between the two."""


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


@dataclass(frozen=True, slots=True)
class Mark:
    """What a promotion leaves on its deployment in the same write: by whom, what was before, and what it wrote."""

    experiment_uid: str
    run: int
    previous_revision: int
    config_hash: str

    def __str__(self) -> str:
        return f"{self.experiment_uid}/{self.run}/{self.previous_revision}/{self.config_hash}"


def mark_of(deployment: PipelineDeployment) -> Mark | None:
    """The mark of the promotion that wrote what the deployment asks for; None where something else wrote since."""
    parts = deployment.metadata.annotations.get(PROMOTION, "").split("/")
    config = deployment.spec.pipeline.config
    if len(parts) != 4 or not (parts[1].isdigit() and parts[2].isdigit()) or config is None:
        return None
    mark = Mark(parts[0], int(parts[1]), int(parts[2]), parts[3])
    return mark if mark.config_hash == config_hash(config) else None


def is_of(mark: Mark | None, experiment: Experiment) -> bool:
    """Whether this run of this experiment left the mark."""
    return mark is not None and (mark.experiment_uid, mark.run) == (experiment.metadata.uid, experiment.status.run)


def promoted_deployment(
    experiment: Experiment, candidate: str, live: PipelineDeployment | None, before: PipelineRevision | None
) -> PipelineDeployment:
    """The deployment to write: `live` with the judged pipeline and engine, or a new one.

    Args:
        candidate: name of the variant.
        live: the deployment as it is, None where there is none.
        before: its revision until now: gives receivers and exporters where the judged pipeline has none.
    """
    target = experiment.spec.on_success.deployment
    assert target is not None  # settle() saw it
    pinned, judged_config = judged(experiment, candidate)
    config = with_ends_of(judged_config, before.spec.resolved if before is not None else None)
    number = before.spec.revision if before is not None else 0
    mark = Mark(experiment.metadata.uid, experiment.status.run, number, config_hash(config))
    annotations = {PROMOTED_FROM: _origin(experiment, pinned), PROMOTION: str(mark)}
    source = PipelineSource(config=config)
    if live is None:
        return PipelineDeployment(
            metadata=ObjectMeta(name=target.name, namespace=experiment.metadata.namespace, annotations=annotations),
            spec=PipelineDeploymentSpec(pipeline=source, engine=pinned.engine, host_selector=target.host_selector),
        )
    new = live.model_copy(deep=True)
    new.spec.pipeline, new.spec.engine = source, pinned.engine
    new.metadata.annotations = {**live.metadata.annotations, **annotations}
    return new


def _origin(experiment: Experiment, pinned: PinnedVariant) -> str:
    template = f" ({pinned.template})" if pinned.template else ""
    return f"{experiment.ref} run {experiment.status.run} variant {pinned.name}{template} {pinned.pipeline_hash}"


def restored_deployment(live: PipelineDeployment, revision: PipelineRevision) -> PipelineDeployment:
    """The deployment as it was at `revision`."""
    new = live.model_copy(deep=True)
    new.spec.pipeline = revision.spec.pipeline
    new.spec.engine = revision.spec.engine
    ours = (PROMOTED_FROM, PROMOTION)
    new.metadata.annotations = {key: value for key, value in live.metadata.annotations.items() if key not in ours}
    return new


def is_restored(live: PipelineDeployment, revision: PipelineRevision) -> bool:
    """Whether the deployment asks for what the revision was made from."""
    return (live.spec.pipeline, live.spec.engine) == (revision.spec.pipeline, revision.spec.engine)
