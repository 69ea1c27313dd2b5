"""What to say about a deployment: plan and observation in, status out. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from controllers.pipelinedeployment.history import record_for
from controllers.pipelinedeployment.model import Observed, Plan
from controllers.pipelinedeployment.readiness import runs
from phoenix.api.pipeline import (
    CollectorCounts,
    PipelineDeploymentStatus,
    RevisionAttempt,
    RevisionOutcome,
    RevisionRecord,
)
from phoenix.apimachinery.conditions import set_condition


@dataclass(frozen=True, slots=True)
class Problem:
    """Why the spec cannot even be resolved: `reason` for programs, the message says what to mend."""

    reason: str
    message: str


def status_of(observed: Observed, plan: Plan, problem: Problem | None = None) -> PipelineDeploymentStatus:
    """The status after this reconcile. With a problem, what runs keeps running."""
    status = observed.deployment.status.model_copy(deep=True)
    status.observed_generation = observed.deployment.metadata.generation
    status.history = list(plan.history)
    status.rollout = plan.stage.progress if plan.stage is not None else None
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
    # NB: a host that does not answer leaves its collectors' statuses as they were: they prove nothing.
    answering = {host.metadata.name for host in observed.answering}
    rendering = observed.renderings.get(newest.revision) if newest else None
    status.collectors = CollectorCounts(
        desired=len(observed.hosts),
        updated=sum(
            rendering is not None and item.spec.config_hash == rendering.config_hash for item in observed.collectors
        ),
        ready=sum(item.spec.host in answering and runs(item, item.spec.config_hash) for item in observed.collectors),
    )
    return _conditions(observed, plan, status, problem)


def _conditions(
    observed: Observed, plan: Plan, status: PipelineDeploymentStatus, problem: Problem | None
) -> PipelineDeploymentStatus:
    generation = observed.deployment.metadata.generation
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
        lost = f"; no answer from host {', '.join(observed.lost[:4])}: start its agent" if observed.lost else ""
        put("Available", False, "NotReady", f"{counts.ready} of {counts.desired} collectors are ready{lost}")
    put("Progressing", *_progressing(plan, newest, problem))
    rolled_out = newest is not None and newest.outcome == RevisionOutcome.DEPLOYED and not plan.held
    good = counts.ready == counts.desired > 0 and rolled_out and problem is None
    put("Ready", good, "Ready" if good else "NotReady", "what spec asks for runs" if good else "see Progressing")
    return status


def _progressing(plan: Plan, newest: RevisionRecord | None, problem: Problem | None) -> tuple[bool, str, str]:
    """Status, reason and message of the condition Progressing."""
    if problem is not None:
        return False, problem.reason, problem.message
    if plan.stage is not None and plan.stage.held:
        return True, "Held", f"revision {plan.stage.progress.revision}: {plan.stage.said}"
    if plan.held:
        return False, "Paused", "what spec asks for is not rolled out: set spec.paused to false"
    if newest is not None and newest.outcome == RevisionOutcome.ROLLED_BACK:
        return False, "RolledBack", f"revision {newest.revision}: {newest.reason}; change spec to try again"
    if newest is not None and newest.outcome == RevisionOutcome.DEPLOYED and not plan.create_revision:
        return False, "Complete", f"revision {newest.revision} is rolled out"
    return True, "RollingOut", f"waiting for {plan.waiting_for or 'collectors to become ready'}"
