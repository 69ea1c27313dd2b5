"""`phoenixctl rollback`: undo a promotion."""

from __future__ import annotations

from phoenix.api.experiment import Experiment
from phoenix.cli.commands.promote import promoted
from phoenix.cli.errors import CliError
from phoenix.cli.steering import Steer, steering

DESCRIPTION = (
    "Undo a promotion (spec.decision: Rollback): the deployment gets the revision it had before;\n"
    "one that the promotion made is deleted. Before the end of a run: nothing will be promoted."
)
EXAMPLES = """
phoenixctl rollback experiment/http-lean --wait
phoenixctl rollout undo pipelinedeployment/edge      the same from the deployment's side
"""


def decide(experiment: Experiment) -> Steer:
    """Raises CliError where nothing was promoted."""
    status, promotion = experiment.status, experiment.status.promotion
    if not status.phase.finished:
        return Steer({"decision": "Rollback"}, "held", "nothing will be promoted when the run completes")
    if promotion is None:
        raise CliError(f"{experiment.ref} was not promoted: there is nothing to roll back", _why(experiment))
    if not promoted(experiment):
        return Steer({}, "unchanged", f"it was rolled back at {promotion.rolled_back_at}")
    before = f"revision {promotion.previous_revision}" if promotion.previous_revision else "nothing: it is deleted"
    return Steer(
        {"decision": "Rollback"},
        "to be rolled back",
        f"pipelinedeployment/{promotion.deployment} goes back to {before}",
        reached=lambda now: now.status.promotion is not None and now.status.promotion.rolled_back_at is not None,
    )


def _why(experiment: Experiment) -> str:
    verdict = experiment.status.verdict
    return f"its verdict is {verdict}" if verdict else f"it has ended as {experiment.status.phase}"


_COMMAND = steering(decide, "the deployment is as before")
flags, options, run = _COMMAND.flags, _COMMAND.options, _COMMAND.run
