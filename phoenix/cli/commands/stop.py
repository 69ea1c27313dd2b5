"""`phoenixctl stop`: set spec.suspend."""

from __future__ import annotations

from phoenix.api.experiment import Experiment, ExperimentPhase
from phoenix.cli.steering import Steer, steering

DESCRIPTION = "Stop an experiment (spec.suspend: true). Its processes end, its results so far are kept."
EXAMPLES = """
phoenixctl stop experiment/http-lean
phoenixctl stop experiment/http-lean --wait         until the last process has ended
"""


def decide(experiment: Experiment) -> Steer:
    """A run that has ended is left as it is."""
    status, ref = experiment.status, experiment.ref
    if status.phase.finished:
        return Steer({}, "unchanged", f"there is nothing to stop: run {status.run} has ended as {status.phase}")
    if status.phase == ExperimentPhase.PENDING:
        return Steer({"suspend": True}, "suspended", f"it will not start until `phoenixctl start {ref}`")
    return Steer(
        {"suspend": True},
        "stopping",
        f"its processes end, its results are kept; `phoenixctl start {ref}` begins run {status.run + 1}",
        reached=lambda now: now.status.phase == ExperimentPhase.STOPPED,
        hopeless=lambda now: (
            f"the run has ended as {now.status.phase}"
            if now.status.phase in (ExperimentPhase.COMPLETED, ExperimentPhase.FAILED)
            else ""
        ),
    )


_COMMAND = steering(decide, "its last process has ended")
flags, options, run = _COMMAND.flags, _COMMAND.options, _COMMAND.run
