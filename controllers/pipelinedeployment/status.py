"""What to say about a deployment: plan and observation in, status out. Pure."""

from __future__ import annotations

from datetime import datetime

from controllers.pipelinedeployment.history import record_for
from controllers.pipelinedeployment.plan import Observed, Plan, runs
from phoenix.api.pipeline import (
    CollectorCounts,
    PipelineDeployment,
    PipelineDeploymentStatus,
    RevisionAttempt,
    RevisionOutcome,
)
from phoenix.apimachinery.conditions import ConditionStatus, set_condition


def status_of(observed: Observed, plan: Plan) -> PipelineDeploymentStatus:
    """The status after this reconcile."""
    status = observed.deployment.status.model_copy(deep=True)
    generation = observed.deployment.metadata.generation
    status.observed_generation = generation
    status.history = list(plan.history)
    newest = plan.history[-1] if plan.history else None
    if plan.effective is not None:
        record = record_for(plan.history, plan.effective.spec.revision)
        status.revision = plan.effective.spec.revision
        status.pipeline_hash = plan.effective.spec.pipeline_hash
        status.engine = plan.effective.spec.engine
        status.config_hash = record.config_hash if record else status.config_hash
    if newest is not None:
        failed = newest.outcome == RevisionOutcome.ROLLED_BACK
        status.attempted = RevisionAttempt(
            revision=newest.revision,
            name=newest.name,
            config_hash=newest.config_hash,
            reason="RolledBack" if failed else "",
            message=newest.reason,
            started_at=newest.deployed_at,
        )
    target_hash = newest.config_hash if newest else ""
    status.collectors = CollectorCounts(
        desired=len(observed.hosts),
        updated=sum(item.spec.config_hash == target_hash for item in observed.collectors),
        ready=sum(runs(item, item.spec.config_hash) for item in observed.collectors),
    )
    return _conditions(observed, plan, status, generation)


def _conditions(
    observed: Observed, plan: Plan, status: PipelineDeploymentStatus, generation: int
) -> PipelineDeploymentStatus:
    counts, newest = status.collectors, (plan.history[-1] if plan.history else None)

    def put(type_: str, value: bool, reason: str, message: str) -> None:
        status.conditions = set_condition(
            status.conditions, type_, value, reason, message, now=observed.now, generation=generation
        )

    if not observed.hosts:
        put("Available", False, "NoMatchingHost", "no ready host matches spec.hostSelector: see `phoenixctl get hosts`")
    elif counts.ready == counts.desired and plan.effective is not None:
        put("Available", True, "AllReady", f"revision {status.revision} is ready on {counts.ready} host(s)")
    else:
        put("Available", False, "NotReady", f"{counts.ready} of {counts.desired} collectors are ready")
    if newest is not None and newest.outcome == RevisionOutcome.ROLLED_BACK:
        put(
            "Progressing", False, "RolledBack", f"revision {newest.revision}: {newest.reason}; change spec to try again"
        )
    elif newest is not None and newest.outcome == RevisionOutcome.DEPLOYED and not plan.create_revision:
        put("Progressing", False, "Complete", f"revision {newest.revision} is rolled out")
    else:
        put("Progressing", True, "RollingOut", f"waiting for {plan.waiting_for or 'collectors to become ready'}")
    good = counts.ready == counts.desired > 0 and newest is not None and newest.outcome == RevisionOutcome.DEPLOYED
    put("Ready", good, "Ready" if good else "NotReady", "what spec asks for runs" if good else "see Progressing")
    return status


def problem_status(
    deployment: PipelineDeployment, reason: str, message: str, now: datetime
) -> PipelineDeploymentStatus:
    """The status when the spec cannot even be resolved: what runs keeps running, and the message says what to mend."""
    status = deployment.status.model_copy(deep=True)
    status.observed_generation = deployment.metadata.generation
    for type_ in ("Progressing", "Ready"):
        status.conditions = set_condition(
            status.conditions,
            type_,
            ConditionStatus.FALSE,
            reason,
            message,
            now=now,
            generation=deployment.metadata.generation,
        )
    return status
