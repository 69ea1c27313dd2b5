"""What start, stop, promote, rollback and undo do of each state, and what is said."""

from __future__ import annotations

from typing import Any

import pytest

from phoenix.api.experiment import Experiment, ExperimentPhase
from phoenix.api.pipeline import PipelineDeployment
from phoenix.cli.board import Board
from phoenix.cli.commands import promote, rollback, start, stop
from phoenix.cli.errors import CliError
from phoenix.cli.rollouts import state_of, undo_target

PROMOTION = {"deployment": "edge", "pipelineHash": "h", "previousRevision": 2, "variant": "candidate"}
TARGET = {"onSuccess": {"action": "Hold", "deployment": {"name": "edge"}}}


def experiment(phase: str, spec: dict[str, Any] | None = None, **status: Any) -> Experiment:
    return Experiment.from_wire(
        {
            "metadata": {"name": "x"},
            "spec": {
                "source": {"load": {"profileRef": {"name": "p"}}},
                "variants": [
                    {"name": "baseline", "role": "Baseline", "pipeline": {"templateRef": {"name": "b"}}},
                    {"name": "candidate", "role": "Candidate", "pipeline": {"templateRef": {"name": "c"}}},
                ],
                **(spec or {}),
            },
            "status": {"phase": phase, "run": 1, **status},
        }
    )


def test_start_lifts_suspension_and_refuses_what_has_ended() -> None:
    stopped = start.decide(experiment("Stopped", {"suspend": True}))
    assert stopped.spec == {"suspend": False}
    assert "run 2" in stopped.next
    assert stopped.reached is not None
    assert not stopped.reached(experiment("Running")), "that is the old run"
    assert stopped.reached(experiment("Running", run=2))
    assert stopped.hopeless(experiment("Failed", run=2))
    assert not start.decide(experiment("Running")).spec
    for phase in ("Completed", "Failed"):
        with pytest.raises(CliError, match="not started again"):
            start.decide(experiment(phase))


def test_stop_ends_what_runs_only() -> None:
    running = stop.decide(experiment("Running"))
    assert running.spec == {"suspend": True}
    assert running.reached is not None
    assert running.reached(experiment("Stopped"))
    assert running.hopeless(experiment("Completed"))
    assert stop.decide(experiment("Pending")).done == "suspended"
    for phase in ExperimentPhase:
        if phase.finished:
            assert not stop.decide(experiment(phase)).spec


def test_promote_needs_a_target_and_a_judged_run() -> None:
    rejected = promote.decide(experiment("Completed", TARGET, verdict="Reject"))
    assert rejected.spec == {"decision": "Promote"}
    assert "Reject" in rejected.next
    assert rejected.reached is not None
    assert rejected.reached(experiment("Completed", TARGET, promotion=PROMOTION))
    assert not promote.decide(experiment("Completed", TARGET, promotion=PROMOTION)).spec
    with pytest.raises(CliError, match="no deployment"):
        promote.decide(experiment("Completed", verdict="Promote"))
    with pytest.raises(CliError, match="nothing was judged"):
        promote.decide(experiment("Failed", TARGET))


def test_rollback_needs_a_standing_promotion() -> None:
    undone = {**PROMOTION, "rolledBackAt": "2026-01-01T00:00:00Z"}
    found = rollback.decide(experiment("Completed", TARGET, promotion=PROMOTION))
    assert found.spec == {"decision": "Rollback"}
    assert "revision 2" in found.next
    assert found.reached is not None
    assert found.reached(experiment("Completed", TARGET, promotion=undone))
    assert not rollback.decide(experiment("Completed", TARGET, promotion=undone)).spec
    assert rollback.decide(experiment("Running", TARGET)).done == "held"
    with pytest.raises(CliError) as caught:
        rollback.decide(experiment("Completed", TARGET, verdict="Reject"))
    assert caught.value.hint == "its verdict is Reject"


def test_a_watched_run_is_finished_when_what_follows_is_decided() -> None:
    settled = [{"type": "Promoted", "status": "True"}]
    assert not Board(experiment("Running")).finished
    assert not Board(experiment("Completed")).finished, "the promotion is not decided yet"
    assert Board(experiment("Completed", conditions=settled)).finished
    assert Board(experiment("Failed")).finished
    assert Board(experiment("Stopped", {"suspend": True})).finished
    assert not Board(experiment("Stopped")).finished, "lifted: the next run is about to begin"


def deployment(history: list[tuple[int, str]], attempted: int, **progressing: Any) -> PipelineDeployment:
    records = [{"revision": number, "name": f"r{number}", "outcome": outcome} for number, outcome in history]
    conditions = [{"type": "Progressing", "observedGeneration": 2, **progressing}] if progressing else []
    available = {"type": "Available", "status": "True"}
    return PipelineDeployment.from_wire(
        {
            "metadata": {"name": "edge", "generation": 2},
            "spec": {"pipeline": {"templateRef": {"name": "t"}}},
            "status": {
                "history": records,
                "attempted": {"revision": attempted},
                "conditions": [*conditions, available],
            },
        }
    )


def test_undo_goes_to_the_newest_good_revision_that_spec_does_not_ask_for() -> None:
    assert undo_target(deployment([(1, "Superseded"), (2, "Deployed")], 2)) == 1
    assert undo_target(deployment([(1, "Deployed"), (2, "RolledBack")], 2)) == 1
    assert undo_target(deployment([(1, "Superseded"), (2, "Superseded"), (3, "Deployed")], 3)) == 2
    with pytest.raises(CliError, match="no earlier good revision"):
        undo_target(deployment([(1, "RolledBack"), (2, "Deployed")], 2))


def test_a_rollout_is_done_failed_or_going_on() -> None:
    assert state_of(deployment([], 1, status="False", reason="Complete")).done
    assert state_of(deployment([], 1, status="False", reason="RolledBack", message="why")).failed == "RolledBack: why"
    going = state_of(deployment([], 1, status="True", reason="RollingOut"))
    assert (going.done, going.failed) == (False, "")
    stale = state_of(deployment([], 1, status="False", reason="Complete", observedGeneration=1))
    assert not stale.done, "that was said of an older spec"
