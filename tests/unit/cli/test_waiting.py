"""What can be waited for, and when it is hopeless."""

from __future__ import annotations

from typing import Any

import pytest

from phoenix.cli.errors import UsageError
from phoenix.cli.exitcodes import ExitCode, exit_code_of
from phoenix.cli.waiting import parse_goal


def wire(phase: str = "", verdict: str | None = None, kind: str = "Experiment", **ready: Any) -> dict[str, Any]:
    conditions = [{"type": "Ready", "reason": "R", "message": "m", **ready}] if ready else []
    status = {"phase": phase, "verdict": verdict, "conditions": conditions, "revision": 3}
    return {"kind": kind, "metadata": {"name": "x", "generation": 2, "finalizers": ["f"]}, "status": status}


def test_a_condition_of_an_older_spec_does_not_count() -> None:
    goal = parse_goal("condition=ready")
    assert goal.reached(wire(status="True", observedGeneration=2))
    assert goal.reached(wire(status="True"))
    assert not goal.reached(wire(status="True", observedGeneration=1))
    assert not goal.reached(wire(status="Unknown", observedGeneration=2))
    assert not goal.reached(wire())
    assert not goal.reached(None)
    assert goal.state(wire(status="False")) == "Ready is False (R): m"
    assert parse_goal("condition=Ready=false").reached(wire(status="False"))


def test_a_phase_that_cannot_come_any_more_is_not_waited_for() -> None:
    goal = parse_goal("phase=Completed")
    assert goal.reached(wire("Completed"))
    assert not goal.hopeless(wire("Running"))
    assert goal.hopeless(wire("Failed")) == "the run has ended as Failed"
    assert not goal.hopeless(wire("Failed", kind="Meter")), "a process may be restarted"


def test_jsonpath_with_and_without_value() -> None:
    assert parse_goal("jsonpath={.status.revision}=3").reached(wire())
    assert not parse_goal("jsonpath={.status.revision}=4").reached(wire())
    assert parse_goal("jsonpath=.status.revision=3").reached(wire())
    assert parse_goal("jsonpath={.status.revision}").reached(wire())
    assert not parse_goal("jsonpath={.status.none}").reached(wire())
    assert parse_goal('jsonpath={.status.conditions[?(@.type=="Ready")].status}=True').reached(wire(status="True"))
    assert not parse_goal("jsonpath={.status.revision}=3").reached(None)


def test_verdicts() -> None:
    ended = parse_goal("verdict")
    assert not ended.reached(wire("Running"))
    assert ended.reached(wire("Completed", "Reject"))
    assert ended.reached(wire("Failed"))
    assert ended.verdict
    promote = parse_goal("verdict=Promote")
    assert promote.reached(wire("Completed", "Promote"))
    assert "Reject" in promote.hopeless(wire("Completed", "Reject"))
    assert not promote.hopeless(wire("Running"))


def test_delete_and_create() -> None:
    assert parse_goal("delete").reached(None)
    assert not parse_goal("delete").reached(wire())
    assert parse_goal("create").reached(wire())


@pytest.mark.parametrize("text", ["", "condition", "condition=", "conditions=Ready", "verdict=Maybe", "ready"])
def test_nonsense_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_goal(text)


def test_each_verdict_has_its_code() -> None:
    codes = {verdict: exit_code_of(verdict) for verdict in ("Promote", "Reject", "Inconclusive", "Invalid", None)}
    assert codes == {"Promote": 0, "Reject": 10, "Inconclusive": 11, "Invalid": 12, None: ExitCode.RUN_FAILED}
