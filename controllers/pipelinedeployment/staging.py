"""The stage of a deployment's rollout, from its strategy, status and annotations. Pure."""

from __future__ import annotations

from controllers.pipelinedeployment.canary import ABORTED_ANNOTATION, APPROVED_ANNOTATION, Stage, advance
from controllers.pipelinedeployment.model import Notice, Observed
from controllers.pipelinedeployment.readiness import good_in_s
from phoenix.api.pipeline import PipelineRevision, RolloutProgress
from phoenix.apimachinery.conditions import micro_timestamp


def stage_of(observed: Observed, newest: PipelineRevision, effective: PipelineRevision | None) -> Stage | None:
    """Where a canary rollout of this revision is; None: it goes to every host at once."""
    spec, status = observed.deployment.spec, observed.deployment.status
    if not spec.strategy.steps or spec.measurement is not None or effective is None:
        return None
    number, new_hash = newest.spec.revision, observed.renderings[newest.spec.revision].config_hash
    progress = status.rollout if status.rollout is not None and status.rollout.revision == number else None
    progress = progress or RolloutProgress(
        revision=number, steps=len(spec.strategy.steps), started_at=micro_timestamp(observed.now)
    )
    updated = {item.spec.host for item in observed.collectors if item.spec.config_hash == new_hash}
    # Those that run it already stay first, whatever hosts come and go.
    order = sorted((host.metadata.name for host in observed.hosts), key=lambda name: (name not in updated, name))
    if spec.paused:
        said = f"it is paused with {len(updated)} of {len(order)} hosts updated: `phoenixctl rollout resume`"
        # The step's time begins anew when it goes on.
        return Stage(progress.model_copy(update={"started_at": ""}), frozenset(updated), said, held=True)
    if not progress.started_at:
        progress = progress.model_copy(update={"started_at": micro_timestamp(observed.now)})
    return advance(
        spec.strategy.steps,
        progress,
        order,
        lambda hosts: good_in_s(observed, newest, hosts),
        approved=observed.deployment.metadata.annotations.get(APPROVED_ANNOTATION, ""),
        now=observed.now,
    )


def aborted(observed: Observed, newest: PipelineRevision, effective: PipelineRevision | None) -> str:
    """Why it is to be taken back; empty: nobody said so, or there is nothing to go back to."""
    said = observed.deployment.metadata.annotations.get(ABORTED_ANNOTATION, "")
    return "aborted" if effective is not None and said == str(newest.spec.revision) else ""


def stage_notices(observed: Observed, stage: Stage | None) -> tuple[Notice, ...]:
    """An event when a step begins, and one when a hold does that only a person ends."""
    if stage is None:
        return ()
    before, now = observed.deployment.status.rollout, stage.progress
    same = before is not None and (before.revision, before.step) == (now.revision, now.step)
    data = {"revision": now.revision, "step": now.step, "percent": now.percent}
    notices: tuple[Notice, ...] = (
        () if same else (Notice("RolloutAdvanced", f"revision {now.revision}: {stage.said}", data=data),)
    )
    manual = stage.held and stage.wait_s is None and not observed.deployment.spec.paused
    if manual and not (same and before is not None and before.held_since):
        notices += (Notice("RolloutHeld", f"revision {now.revision}: {stage.said}", data=data),)
    return notices
