"""Carries out promotions and rollbacks. Refuses to write a pipeline other than the one that was judged."""

from __future__ import annotations

from controllers.experiment.promotion import (
    Mark,
    Move,
    Settlement,
    is_of,
    is_restored,
    judged,
    mark_of,
    promoted_deployment,
    restored_deployment,
    settle,
)
from controllers.experiment.status import Draft
from phoenix.aio.clock import Clock
from phoenix.api.experiment import Experiment, PromotionRecord
from phoenix.api.pipeline import PipelineDeployment, PipelineRevision
from phoenix.apimachinery.conditions import timestamp
from phoenix.apimachinery.names import LABEL_DEPLOYMENT
from phoenix.client.interface import Client
from phoenix.pipelines.resolve import resolve
from phoenix.runtime.children import delete_if_present, get_or_none, list_owned
from phoenix.runtime.events import EventRecorder
from phoenix.runtime.reconcile import Result
from phoenix.runtime.status import patch_status

TARGET_RETRY_S = 5.0
"""A deployment that cannot be promoted to now is looked at again this often, seconds."""


class Settling:
    """What happens after the verdict, see `promotion.settle`."""

    def __init__(self, client: Client, events: EventRecorder, clock: Clock) -> None:
        self._client, self._events, self._clock = client, events, clock

    async def settle(self, experiment: Experiment) -> Result:
        """Do what is decided; writing the deployment and remembering it are each safe to repeat."""
        decided = settle(experiment)
        match decided.move:
            case Move.PROMOTE:
                return await self._promote(experiment, decided)
            case Move.ROLL_BACK:
                return await self._roll_back(experiment)
            case Move.NONE if decided.reason and decided.reason not in ("Promoted", "RolledBack"):
                return await self._say(experiment, False, decided.reason, decided.message)
            case Move.NONE:
                return Result()

    async def _say(
        self, experiment: Experiment, promoted: bool, reason: str, message: str, *, again_s: float | None = None
    ) -> Result:
        draft = Draft(experiment, self._clock.now())
        draft.condition("Promoted", promoted, reason, message)
        await patch_status(self._client, experiment, draft.status)
        return Result(requeue_after_s=again_s)

    async def _target(self, experiment: Experiment) -> PipelineDeployment | None:
        target = experiment.spec.on_success.deployment
        assert target is not None  # settle() saw it
        return await get_or_none(self._client, PipelineDeployment, target.name, experiment.metadata.namespace)

    async def _promote(self, experiment: Experiment, decided: Settlement) -> Result:
        pinned, _ = judged(experiment, decided.candidate)
        live = await self._target(experiment)
        if live is not None and live.metadata.deletion_timestamp is not None:
            message = f"{live.ref} is being deleted; it is made anew when it is gone"
            return await self._say(experiment, False, "TargetDeleted", message, again_s=TARGET_RETRY_S)
        written = mark_of(live) if live is not None else None
        if live is None or written is None or not is_of(written, experiment):
            before = await self._revision_before(live)
            if live is not None and before is None:
                message = (
                    f"{live.ref} has no revision yet, so that nothing could be rolled back to: see its conditions; "
                    "mend or delete it"
                )
                return await self._say(experiment, False, "TargetNotReady", message, again_s=TARGET_RETRY_S)
            wanted = promoted_deployment(experiment, decided.candidate, live, before)
            found = resolve(wanted.spec.pipeline, None).pipeline_hash
            if found != pinned.pipeline_hash:
                message = (
                    f"refused: judged was {pinned.pipeline_hash}, to be written is {found}; run the experiment again"
                )
                return await self._say(experiment, False, "HashMismatch", message)
            live = await (self._client.create(wanted) if live is None else self._client.update(wanted))
            written = mark_of(live)
            assert written is not None  # it was written just now
        return await self._remember_promotion(experiment, decided, live, written)

    async def _remember_promotion(
        self, experiment: Experiment, decided: Settlement, live: PipelineDeployment, written: Mark
    ) -> Result:
        pinned, _ = judged(experiment, decided.candidate)
        message = f"{live.ref} is to run {pinned.pipeline_hash} ({decided.message})"
        await self._events.record(
            experiment,
            "ExperimentPromoted",
            message,
            data={
                "deployment": live.metadata.name,
                "variant": pinned.name,
                "pipelineHash": pinned.pipeline_hash,
                "previousRevision": written.previous_revision,
            },
        )
        draft = Draft(experiment, self._clock.now())
        draft.status.promotion = PromotionRecord(
            deployment=live.metadata.name,
            pipeline_hash=pinned.pipeline_hash,
            variant=pinned.name,
            previous_revision=written.previous_revision,
            at=timestamp(self._clock.now()),
        )
        draft.condition("Promoted", True, decided.reason, message)
        await patch_status(self._client, experiment, draft.status)
        return Result()

    async def _revision_before(self, live: PipelineDeployment | None) -> PipelineRevision | None:
        """The revision a rollback goes back to: the effective one, else the newest; None where there is none."""
        if live is None:
            return None
        revisions = {item.spec.revision: item for item in await self._revisions(live)}
        return revisions.get(live.status.revision) or (revisions[max(revisions)] if revisions else None)

    async def _revisions(self, deployment: PipelineDeployment) -> tuple[PipelineRevision, ...]:
        selector = f"{LABEL_DEPLOYMENT}={deployment.metadata.name}"
        return await list_owned(self._client, PipelineRevision, deployment, selector)

    async def _roll_back(self, experiment: Experiment) -> Result:
        promotion = experiment.status.promotion
        assert promotion is not None  # settle() saw it
        number = promotion.previous_revision
        live = await get_or_none(self._client, PipelineDeployment, promotion.deployment, experiment.metadata.namespace)
        if live is None:
            message = f"pipelinedeployment/{promotion.deployment} is gone: nothing to roll back"
            return await self._remember_rollback(experiment, promotion, message)
        revision = next((item for item in await self._revisions(live) if item.spec.revision == number), None)
        if revision is None or not is_restored(live, revision):
            if not is_of(mark_of(live), experiment):
                message = (
                    f"{live.ref} was changed since: `phoenixctl rollout undo {live.ref}` takes its last change back"
                )
                return await self._say(experiment, True, "TargetChanged", message)
            if number and revision is None:
                message = f"{live.ref}: revision {number} is no longer kept; set its spec.pipeline yourself"
                return await self._say(experiment, True, "RevisionGone", message)
        if revision is None:
            await delete_if_present(self._client, live)
            message = f"{live.ref} was made by the promotion and is deleted"
        else:
            await self._client.update(restored_deployment(live, revision))
            message = f"{live.ref} is to run what it asked for at revision {number} ({revision.spec.pipeline_hash})"
        return await self._remember_rollback(experiment, promotion, message)

    async def _remember_rollback(self, experiment: Experiment, promotion: PromotionRecord, message: str) -> Result:
        await self._events.record(
            experiment,
            "ExperimentRolledBack",
            message,
            data={"deployment": promotion.deployment, "previousRevision": promotion.previous_revision},
        )
        draft = Draft(experiment, self._clock.now())
        draft.status.promotion = promotion.model_copy(update={"rolled_back_at": timestamp(self._clock.now())})
        draft.condition("Promoted", False, "RolledBack", message)
        await patch_status(self._client, experiment, draft.status)
        return Result()
