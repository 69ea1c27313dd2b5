"""Each transition of a process's life."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phoenix.agent.lifecycle import (
    GOOD_RUN_S,
    Action,
    Desired,
    Phase,
    Rejected,
    Seen,
    State,
    step,
    wake_at,
)
from phoenix.agent.records import ExitRecord
from phoenix.api.process import RestartPolicy

NONE, UP, READY = Seen(), Seen(alive=True), Seen(alive=True, ready=True)
WANT = Desired(wanted=True, config_hash="a", overlap=True, roll_back=True)
NEW = Desired(wanted=True, config_hash="b", overlap=True, roll_back=True)
AWAY = Desired(wanted=False)
STARTING = State(Phase.STARTING, since=100.0, effective="a", target="a")
RUNNING = State(Phase.RUNNING, since=100.0, effective="a", target="a")
SWITCHING = State(Phase.SWITCHING, since=100.0, effective="a", target="b")


def ended(code: int | None = None, signal: int | None = None, words: str = "") -> Seen:
    return Seen(exit=ExitRecord("s", code, signal, "", ""), last_words=words)


def go(
    state: State, active: Seen, desired: Desired, now: float = 101.0, beside: Seen = NONE
) -> tuple[State, list[str]]:
    after, actions = step(state, active, beside, desired, now)
    return after, [str(action) for action in actions]


def test_idle_starts() -> None:
    after, actions = go(State(), NONE, WANT)
    assert (after.phase, after.effective, after.since, actions) == (Phase.STARTING, "a", 101.0, ["Start"])


def test_idle_with_an_invalid_configuration_fails_without_starting() -> None:
    after, actions = go(State(), NONE, Desired(wanted=True, config_hash="a", invalid="no such receiver"))
    assert (after.phase, after.reason, after.message, actions) == (
        Phase.FAILED,
        "ConfigInvalid",
        "no such receiver",
        [],
    )
    assert go(after, NONE, Desired(wanted=True, config_hash="a", invalid="no such receiver")) == (after, [])
    assert go(after, NONE, NEW)[1] == ["Start"]


def test_starting_waits_then_runs() -> None:
    assert go(STARTING, UP, WANT) == (STARTING, [])
    after, actions = go(STARTING, READY, WANT)
    assert (after.phase, after.since, actions) == (Phase.RUNNING, 101.0, [])


def test_starting_too_long_is_stopped_and_tried_again() -> None:
    assert wake_at(STARTING, WANT) == 160.0
    after, actions = go(STARTING, Seen(alive=True, last_words="waiting for godot"), WANT, now=160.0)
    assert (after.phase, after.reason, actions) == (Phase.BACKOFF, "StartDeadlineExceeded", ["Stop"])
    assert "waiting for godot" in after.message
    never = Desired(wanted=True, config_hash="a", policy=RestartPolicy.NEVER)
    after, actions = go(STARTING, UP, never, now=160.0)
    assert (after.phase, after.reason, actions) == (Phase.FAILED, "StartDeadlineExceeded", ["Stop"])


def test_starting_with_a_newer_configuration_begins_again() -> None:
    after, actions = go(STARTING, UP, NEW)
    assert (after.phase, after.effective, actions) == (Phase.STARTING, "b", ["Stop", "Start"])


def test_what_could_not_be_started_is_tried_again_later() -> None:
    after, actions = go(STARTING, Seen(refused="no such program"), WANT)
    assert (after.phase, actions) == (Phase.BACKOFF, [])
    assert "no such program" in after.message


@pytest.mark.parametrize(
    ("policy", "code", "phase"),
    [
        (RestartPolicy.ALWAYS, 0, Phase.BACKOFF),
        (RestartPolicy.ALWAYS, 1, Phase.BACKOFF),
        (RestartPolicy.ON_FAILURE, 0, Phase.SUCCEEDED),
        (RestartPolicy.ON_FAILURE, 1, Phase.BACKOFF),
        (RestartPolicy.ON_FAILURE, None, Phase.BACKOFF),
        (RestartPolicy.NEVER, 0, Phase.SUCCEEDED),
        (RestartPolicy.NEVER, 1, Phase.FAILED),
        (RestartPolicy.ALWAYS, 2, Phase.FAILED),
    ],
)
def test_an_end_by_policy(policy: RestartPolicy, code: int | None, phase: Phase) -> None:
    after, actions = go(RUNNING, ended(code, words="why"), Desired(wanted=True, config_hash="a", policy=policy))
    assert (after.phase, actions) == (phase, [])
    assert "why" in after.message


def test_backoff_doubles_up_to_a_minute_and_a_good_run_forgets() -> None:
    state, delays = RUNNING, []
    for turn in range(8):
        state, _ = go(state, ended(1), WANT, now=200.0 * (turn + 1))
        delays.append(state.retry_at - state.since)
        state = State(Phase.STARTING, since=state.retry_at, effective="a", target="a", failures=state.failures)
    assert delays == [1, 2, 4, 8, 16, 32, 60, 60]
    good = State(Phase.RUNNING, since=0.0, effective="a", target="a", failures=5)
    after, _ = go(good, ended(1), WANT, now=GOOD_RUN_S)
    assert after.failures == 1
    assert wake_at(good, WANT) == GOOD_RUN_S
    assert go(good, READY, WANT, now=GOOD_RUN_S)[0].failures == 0


def test_backoff_ends_by_time_or_by_another_configuration() -> None:
    waiting = State(Phase.BACKOFF, since=100.0, effective="a", target="a", retry_at=104.0, failures=3)
    assert go(waiting, NONE, WANT, now=103.0) == (waiting, [])
    after, actions = go(waiting, NONE, WANT, now=104.0)
    assert (after.phase, after.restarts, after.failures, actions) == (Phase.STARTING, 1, 3, ["Restart"])
    after, actions = go(waiting, NONE, NEW, now=101.0)
    assert (after.phase, after.failures, actions) == (Phase.STARTING, 0, ["Start"])
    after, actions = go(waiting, NONE, WANT, now=50.0)
    assert (after.phase, actions) == (Phase.STARTING, ["Restart"]), "a clock that was set back is no reason to wait"


def test_a_change_starts_beside_then_promotes() -> None:
    after, actions = go(RUNNING, READY, NEW)
    assert (after.phase, after.target, after.effective, actions) == (Phase.SWITCHING, "b", "a", ["StartBeside"])
    assert go(after, READY, NEW, beside=UP) == (after, [])
    after, actions = go(after, READY, NEW, beside=READY, now=105.0)
    assert (after.phase, after.effective, after.gap, actions) == (Phase.RUNNING, "b", "", ["Promote"])


def test_a_change_that_cannot_overlap_stops_first_and_states_the_gap() -> None:
    fixed = Desired(wanted=True, config_hash="b", roll_back=True)
    after, actions = go(RUNNING, READY, fixed)
    assert (after.phase, actions) == (Phase.SWITCHING, ["Stop", "StartBeside"])
    good, actions = go(after, NONE, fixed, beside=READY, now=103.0)
    assert (good.effective, actions) == ("b", ["Promote"])
    assert "2.0s" in good.gap
    bad, actions = go(after, NONE, fixed, beside=ended(1), now=103.0)
    assert (bad.phase, bad.effective, actions) == (Phase.STARTING, "a", ["StopBeside", "Restart"])
    back, _ = go(bad, READY, fixed, now=104.0)
    assert "3.0s" in back.gap
    assert go(back, READY, fixed, now=105.0) == (back, []), "a rejected configuration is not tried again"


def test_what_cannot_be_rolled_back_is_replaced() -> None:
    after, actions = go(RUNNING, READY, Desired(wanted=True, config_hash="b"))
    assert (after.phase, after.effective, actions) == (Phase.STARTING, "b", ["Stop", "Start"])


@pytest.mark.parametrize(
    ("beside", "now", "reason"),
    [
        (ended(1), 101.0, "StartFailed"),
        (ended(2), 101.0, "ConfigInvalid"),
        (Seen(refused="no"), 101.0, "StartFailed"),
        (UP, 160.0, "StartDeadlineExceeded"),
    ],
)
def test_a_bad_new_one_leaves_the_old_one(beside: Seen, now: float, reason: str) -> None:
    after, actions = go(SWITCHING, READY, NEW, beside=beside, now=now)
    assert (after.phase, after.effective, actions) == (Phase.RUNNING, "a", ["StopBeside"])
    assert (after.rejected.config_hash, after.rejected.reason) == ("b", reason)
    assert go(after, READY, NEW, now=now) == (after, [])


def test_an_invalid_change_is_rejected_without_a_try() -> None:
    after, actions = go(RUNNING, READY, Desired(wanted=True, config_hash="b", invalid="bad", roll_back=True))
    assert (after.phase, after.rejected.reason, actions) == (Phase.RUNNING, "ConfigInvalid", [])


def test_changed_again_while_switching_goes_back_then_tries_the_newest() -> None:
    newest = Desired(wanted=True, config_hash="c", overlap=True, roll_back=True)
    after, actions = go(SWITCHING, READY, newest, beside=UP)
    assert (after.phase, actions) == (Phase.RUNNING, ["StopBeside"])
    assert go(after, READY, newest)[1] == ["StartBeside"]


def test_asked_back_to_what_runs_does_nothing() -> None:
    rejected = State(Phase.RUNNING, effective="a", target="b", rejected=Rejected("b", "StartFailed"))
    after, actions = go(rejected, READY, WANT)
    assert (after.phase, after.target, after.rejected, actions) == (Phase.RUNNING, "a", Rejected(), [])


@pytest.mark.parametrize("phase", [phase for phase in Phase if phase is not Phase.GONE])
def test_unwanted_is_stopped_from_every_phase_then_cleaned_up(phase: Phase) -> None:
    state = State(phase, since=1.0, effective="a", target="a")
    going, actions = go(state, UP, AWAY, beside=UP)
    assert (going.phase, actions) == (Phase.STOPPING, ["StopBeside", "Stop"])
    gone, actions = go(going, NONE, AWAY)
    assert (gone.phase, actions) == (Phase.GONE, ["CleanUp"])
    assert go(gone, NONE, AWAY) == (gone, [])


_SEEN = st.sampled_from([NONE, UP, READY, ended(0), ended(1), ended(2), ended(None, 9), Seen(refused="no")])
_DESIRED = st.builds(
    Desired,
    wanted=st.booleans(),
    config_hash=st.sampled_from(["a", "b", "c"]),
    invalid=st.sampled_from(["", "bad"]),
    policy=st.sampled_from(RestartPolicy),
    overlap=st.booleans(),
    roll_back=st.booleans(),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(_SEEN, _SEEN, _DESIRED, st.floats(0, 200)), max_size=15))
def test_no_sequence_starts_beside_a_living_one_without_leave(turns: list[tuple[Seen, Seen, Desired, float]]) -> None:
    state, now = State(), 0.0
    for active, beside, desired, passed in turns:
        now += passed
        state, actions = step(state, active, beside, desired, now)
        if {Action.START, Action.RESTART} & set(actions) and active.alive:
            assert Action.STOP in actions, "two processes in one place"
        if Action.START_BESIDE in actions and active.alive:
            assert desired.overlap or Action.STOP in actions
        if desired.invalid and desired.wanted:
            assert Action.START not in actions
            assert Action.START_BESIDE not in actions
        if not desired.wanted:
            assert set(actions) <= {Action.STOP, Action.STOP_BESIDE, Action.CLEAN_UP}


def test_exit_code_2_of_a_foreign_program_is_no_verdict_on_its_configuration() -> None:
    after, _ = go(RUNNING, ended(2), Desired(wanted=True, config_hash="a", config_code=None))
    assert after.phase is Phase.BACKOFF
