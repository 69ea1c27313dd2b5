"""Carries out promotions and rollbacks. Refuses to write a pipeline other than the one that was judged."""

from __future__ import annotations

from controllers.experiment.promotion import (
    Move,
    Settlement,
    judged,
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
from phoenix.runtime.children import get_or_none, list_owned
from phoenix.runtime.events import EventRecorder
from phoenix.runtime.reconcile import Result, RetryAfter
from phoenix.runtime.status import patch_status


class Settling:
    """What happens after the verdict, see `promotion.settle`."""

    def __init__(self, client: Client, events: EventRecorder, clock: Clock) -> None:
        self._client, self._events, self._clock = client, events, clock

    async def settle(self, experiment: Experiment) -> Result:
        """Do what is decided; writing the deployment and remembering it are each safe to repeat."""
        decided = settle(experiment)
        match decided.move:
            case Move.PROMOTE:
                await self._promote(experiment, decided)
            case Move.ROLL_BACK:
                await self._roll_back(experiment)
            case Move.NONE if decided.reason and decided.reason not in ("Promoted", "RolledBack"):
                draft = Draft(experiment, self._clock.now())
                draft.condition("Promoted", False, decided.reason, decided.message)
                await patch_status(self._client, experiment, draft.status)
            case Move.NONE:
                pass
        return Result()

    async def _target(self, experiment: Experiment) -> PipelineDeployment | None:
        target = experiment.spec.on_success.deployment
        assert target is not None  # settle() saw it
        return await get_or_none(self._client, PipelineDeployment, target.name, experiment.metadata.namespace)

    async def _promote(self, experiment: Experiment, decided: Settlement) -> None:
        pinned, config = judged(experiment, decided.candidate)
        live = await self._target(experiment)
        wanted = promoted_deployment(experiment, decided.candidate, live)
        found = resolve(wanted.spec.pipeline, None).pipeline_hash
        if found != pinned.pipeline_hash:
            message = f"refused: judged was {pinned.pipeline_hash}, to be written is {found}; run the experiment again"
            draft = Draft(experiment, self._clock.now())
            draft.condition("Promoted", False, "HashMismatch", message)
            await patch_status(self._client, experiment, draft.status)
            return
        previous = await self._revision_before(live, config)
        if live is None:
            await self._client.create(wanted)
        elif live.spec != wanted.spec:
            await self._client.update(wanted)
        draft = Draft(experiment, self._clock.now())
        draft.status.promotion = PromotionRecord(
            deployment=wanted.metadata.name,
            pipeline_hash=pinned.pipeline_hash,
            variant=pinned.name,
            previous_revision=previous,
            at=timestamp(self._clock.now()),
        )
        message = f"{wanted.ref} runs {pinned.pipeline_hash} ({decided.message})"
        draft.condition("Promoted", True, decided.reason, message)
        await patch_status(self._client, experiment, draft.status)
        await self._events.record(
            experiment,
            "ExperimentPromoted",
            message,
            data={
                "deployment": wanted.metadata.name,
                "variant": pinned.name,
                "pipelineHash": pinned.pipeline_hash,
                "previousRevision": previous,
            },
        )

    async def _revision_before(self, live: PipelineDeployment | None, config: dict[str, object]) -> int:
        """The deployment's revision before this promotion, also when this is a repetition after a crash."""
        if live is None:
            return 0
        revisions = await self._revisions(live)
        before = [item.spec.revision for item in revisions if item.spec.resolved != config]
        if live.status.revision in before or not before:
            return live.status.revision if before else 0
        return max(before)

    async def _revisions(self, deployment: PipelineDeployment) -> tuple[PipelineRevision, ...]:
        selector = f"{LABEL_DEPLOYMENT}={deployment.metadata.name}"
        return await list_owned(self._client, PipelineRevision, deployment, selector)

    async def _roll_back(self, experiment: Experiment) -> None:
        promotion = experiment.status.promotion
        assert promotion is not None  # settle() saw it
        live = await get_or_none(self._client, PipelineDeployment, promotion.deployment, experiment.metadata.namespace)
        if live is None:
            message = f"pipelinedeployment/{promotion.deployment} is gone: nothing to roll back"
        elif promotion.previous_revision == 0:
            await self._client.delete(
                PipelineDeployment, live.metadata.name, live.metadata.namespace, uid=live.metadata.uid
            )
            message = f"{live.ref} was made by the promotion and is deleted"
        else:
            revisions = await self._revisions(live)
            number = promotion.previous_revision
            revision = next((item for item in revisions if item.spec.revision == number), None)
            if revision is None:
                raise RetryAfter(30.0, f"{live.ref}: revision {number} is no longer kept")
            await self._client.update(restored_deployment(live, revision))
            message = f"{live.ref} runs revision {number} ({revision.spec.pipeline_hash}) again"
        draft = Draft(experiment, self._clock.now())
        draft.status.promotion = promotion.model_copy(update={"rolled_back_at": timestamp(self._clock.now())})
        draft.condition("Promoted", False, "RolledBack", message)
        await patch_status(self._client, experiment, draft.status)
        await self._events.record(
            experiment,
            "ExperimentRolledBack",
            message,
            data={"deployment": promotion.deployment, "previousRevision": promotion.previous_revision},
        )
