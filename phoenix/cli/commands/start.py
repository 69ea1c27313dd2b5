"""`phoenixctl start`: lift spec.suspend."""

from __future__ import annotations

from phoenix.api.experiment import Experiment, ExperimentPhase
from phoenix.cli.errors import CliError
from phoenix.cli.steering import Steer, steering

DESCRIPTION = (
    "Start an experiment that is suspended or was stopped (spec.suspend: false). A stopped one begins a new run."
)
EXAMPLES = """
phoenixctl start experiment/http-lean
phoenixctl start experiment/http-lean --wait        until it sends and measures
"""


def decide(experiment: Experiment) -> Steer:
    """Raises CliError where a start would do nothing."""
    status, ref = experiment.status, experiment.ref
    if status.phase in (ExperimentPhase.COMPLETED, ExperimentPhase.FAILED):
        raise CliError(
            f"{ref} has ended as {status.phase}: a run that has ended is not started again",
            f"`phoenixctl delete {ref}` and apply it again, or apply it under another name",
        )
    old_run = status.run
    again = status.phase == ExperimentPhase.STOPPED or status.ending is not None
    if not experiment.spec.suspend and not again:
        return Steer({}, "unchanged", f"it is not suspended: its phase is {status.phase}")
    return Steer(
        {"suspend": False},
        "started",
        f"run {old_run + 1 if again or not old_run else old_run} begins; follow it with `phoenixctl watch {ref}`",
        reached=lambda now: (
            now.status.phase in (ExperimentPhase.WARMING_UP, ExperimentPhase.RUNNING)
            and (now.status.run > old_run or not again)
        ),
        hopeless=lambda now: (
            f"the run has ended as {now.status.phase}" if now.status.run > old_run and now.status.phase.finished else ""
        ),
    )


_COMMAND = steering(decide, "it measures")
flags, options, run = _COMMAND.flags, _COMMAND.options, _COMMAND.run
