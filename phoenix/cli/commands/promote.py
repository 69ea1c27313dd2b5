"""`phoenixctl promote`: a person's word over the verdict."""

from __future__ import annotations

from phoenix.api.experiment import Experiment, ExperimentPhase
from phoenix.api.results import Verdict
from phoenix.cli.errors import CliError
from phoenix.cli.steering import Steer, steering

DESCRIPTION = (
    "Promote the candidate (spec.decision: Promote), whatever the verdict: exactly the pipeline that was judged."
)
EXAMPLES = """
phoenixctl promote experiment/http-lean
phoenixctl promote experiment/http-lean --wait      until its deployment is written
"""


def promoted(experiment: Experiment) -> bool:
    """Whether its promotion stands."""
    promotion = experiment.status.promotion
    return promotion is not None and promotion.rolled_back_at is None


def decide(experiment: Experiment) -> Steer:
    """Raises CliError where there is nothing to promote, or nowhere to promote it to."""
    status, target, ref = experiment.status, experiment.spec.on_success.deployment, experiment.ref
    if promoted(experiment):
        assert status.promotion is not None  # promoted() saw it
        return Steer({}, "unchanged", f"it is promoted to pipelinedeployment/{status.promotion.deployment} already")
    if target is None:
        raise CliError(
            f"{ref} names no deployment to promote to",
            "set spec.onSuccess.deployment.name in its manifest before it starts",
        )
    if status.phase in (ExperimentPhase.FAILED, ExperimentPhase.STOPPED):
        raise CliError(f"{ref} has ended as {status.phase}: nothing was judged", "only a completed run can be promoted")
    if not status.phase.finished:
        said = f"when the run completes, its candidate goes to pipelinedeployment/{target.name}, whatever the verdict"
    elif status.verdict == Verdict.PROMOTE:
        said = f"pipelinedeployment/{target.name} gets the pipeline that was judged"
    else:
        said = f"against the verdict ({status.verdict}), pipelinedeployment/{target.name} gets the candidate"
    return Steer({"decision": "Promote"}, "to be promoted", f"{said}; `phoenixctl rollback {ref}` undoes it", promoted)


_COMMAND = steering(decide, "the deployment is written")
flags, options, run = _COMMAND.flags, _COMMAND.options, _COMMAND.run
