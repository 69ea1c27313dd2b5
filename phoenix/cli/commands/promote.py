"""`phoenixctl promote`: a person's word over the verdict."""

from __future__ import annotations

import argparse

from phoenix.api.experiment import Experiment, ExperimentPhase
from phoenix.api.results import Verdict
from phoenix.cli.errors import CliError
from phoenix.cli.session import Session
from phoenix.cli.steering import Steer, SteerOptions, add_flags, read_options, steer

DESCRIPTION = (
    "Promote the candidate (spec.decision: Promote), whatever the verdict: exactly the pipeline that was judged."
)
EXAMPLES = """
phoenixctl promote experiment/http-lean
phoenixctl promote experiment/http-lean --wait      until its deployment is written
"""


def flags(parser: argparse.ArgumentParser) -> None:
    """experiment/NAME, --wait, --timeout."""
    add_flags(parser, "wait until the deployment is written (default: false)")


def options(arguments: argparse.Namespace) -> SteerOptions:
    """Raises UsageError."""
    return read_options(arguments)


async def run(session: Session, options: SteerOptions) -> int:
    """Patch spec.decision."""
    return await steer(session, options, decide)


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
