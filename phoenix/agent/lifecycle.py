"""What to do next with one process: phases and one pure step.

A process has two places: `active`, which serves, and `beside`, where a new configuration is tried. The step gets what
is observed of both, what is desired, and the time; it returns the next state and the actions that lead there. It is
called again after the actions were done and whenever something is observed; doing nothing is a valid answer.

    Idle ──start──> Starting ──ready──> Running <──promote/keep── Switching
                       │ exit, deadline     │ exit                  ^ configuration changed
                       v                    v                       │
      Failed, Succeeded <── (policy) ── Backoff ──time──> Starting  └── Running
    any ──not wanted──> Stopping ──gone──> Gone
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum

from phoenix.agent.records import ExitRecord
from phoenix.aio.backoff import delay_for
from phoenix.api.process import RestartPolicy

CONFIG_INVALID_CODE = 2
"""Exit code by which our programs say that their configuration is wrong."""
GOOD_RUN_S = 60.0
"""A run that long forgets earlier failures."""
_BACKOFF_INITIAL_S, _BACKOFF_MAX_S = 1.0, 60.0


class Phase(StrEnum):
    """Where a process is; the worker's own view, mapped to ProcessPhase in status."""

    IDLE = "Idle"
    STARTING = "Starting"
    RUNNING = "Running"
    SWITCHING = "Switching"
    BACKOFF = "Backoff"
    STOPPING = "Stopping"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    GONE = "Gone"


class Action(StrEnum):
    """What the worker does, in the order given; each may be done twice without harm.

    START: launch the desired configuration in the active place, and call it effective. RESTART: launch the effective
    one there again. START_BESIDE: launch the desired one in the other place. PROMOTE: make beside active, stop what was
    active. STOP, STOP_BESIDE: end it, verified. CLEAN_UP: remove its files and give up the finalizer.
    """

    START = "Start"
    RESTART = "Restart"
    START_BESIDE = "StartBeside"
    PROMOTE = "Promote"
    STOP = "Stop"
    STOP_BESIDE = "StopBeside"
    CLEAN_UP = "CleanUp"


@dataclass(frozen=True, slots=True)
class Seen:
    """What is observed of one place. `refused`: it could not even be started, and why. `lacks`: its probe's words."""

    alive: bool = False
    ready: bool = False
    lacks: str = ""
    exit: ExitRecord | None = None
    refused: str = ""
    last_words: str = ""


@dataclass(frozen=True, slots=True)
class Desired:
    """What is wanted.

    Args:
        config_hash: of the configuration asked for.
        invalid: why that configuration cannot run; empty: it may.
        overlap: old and new may run at once (all receivers on agent-allocated ports and pushed to).
        config_code: exit code that means the configuration is wrong; None: the program has none (a Go panic is 2 too).
        roll_back: a configuration that fails gives way to the one before (collectors).
    """

    wanted: bool
    config_hash: str = ""
    invalid: str = ""
    policy: RestartPolicy = RestartPolicy.ALWAYS
    deadline_s: float = 60.0
    overlap: bool = False
    roll_back: bool = False
    config_code: int | None = CONFIG_INVALID_CODE


@dataclass(frozen=True, slots=True)
class Rejected:
    """A configuration that was tried and failed, and why."""

    config_hash: str = ""
    reason: str = ""
    message: str = ""
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class State:
    """Where a process is. Times are Unix seconds.

    `since`: start of the phase; for Starting and Switching that of the launch. `failures`: bad ends in a row.
    `gap_from`: when the last process stopped serving before a switch that could not overlap.
    """

    phase: Phase = Phase.IDLE
    since: float = 0.0
    reason: str = ""
    message: str = ""
    effective: str = ""
    target: str = ""
    rejected: Rejected = field(default_factory=Rejected)
    failures: int = 0
    restarts: int = 0
    retry_at: float = 0.0
    gap_from: float | None = None
    gap: str = ""


_HAS_EFFECTIVE = (Phase.STARTING, Phase.RUNNING, Phase.BACKOFF)
_LAUNCHES = frozenset({Action.START, Action.RESTART})
Step = tuple[State, tuple[Action, ...]]


def step(state: State, active: Seen, beside: Seen, desired: Desired, now: float) -> Step:
    """The next state and what to do. Pure; total: every phase answers every observation."""
    after, actions = _decide(state, active, beside, desired, now)
    if active.alive and Action.STOP not in actions and not _LAUNCHES.isdisjoint(actions):
        actions = (Action.STOP, *actions)  # never two processes in one place, whatever was expected there
    return after, actions


def _decide(state: State, active: Seen, beside: Seen, desired: Desired, now: float) -> Step:
    if not desired.wanted:
        return _unwanted(state, active, beside, now)
    if desired.config_hash == state.effective != state.target and state.phase in _HAS_EFFECTIVE:
        # Asked back to what runs already: nothing is tried, and nothing is rejected any more.
        state = replace(state, target=state.effective, rejected=Rejected())
    match state.phase:
        case Phase.IDLE:
            return _launch(state, desired, now)
        case Phase.STARTING:
            return _starting(state, active, desired, now)
        case Phase.RUNNING:
            return _running(state, active, desired, now)
        case Phase.SWITCHING:
            return _switching(state, active, beside, desired, now)
        case Phase.BACKOFF:
            return _backoff(state, desired, now)
        case Phase.SUCCEEDED | Phase.FAILED:
            # Final until another configuration is asked for.
            return _launch(state, desired, now) if desired.config_hash != state.target else (state, ())
        case Phase.STOPPING | Phase.GONE:
            # NB: wanted again while going: only a host that was changed back and forth does that; begin anew.
            return (state, (Action.STOP,)) if active.alive else _launch(State(), desired, now)


def _unwanted(state: State, active: Seen, beside: Seen, now: float) -> Step:
    """Deleted, or placed elsewhere: end both places, then clean up, whatever was going on."""
    if state.phase is Phase.GONE:
        return state, ()
    if active.alive or beside.alive:
        going = state
        if state.phase is not Phase.STOPPING:
            going = replace(state, phase=Phase.STOPPING, since=now, reason="Stopping", message="asked to end")
        return going, (Action.STOP_BESIDE, Action.STOP)
    return replace(state, phase=Phase.GONE, since=now, reason="Stopped", message=""), (Action.CLEAN_UP,)


def _launch(state: State, desired: Desired, now: float) -> Step:
    """Start the desired configuration with a clean slate, unless it is known to be wrong."""
    fresh = replace(state, since=now, target=desired.config_hash, failures=0, message="")
    if desired.invalid:
        rejected = Rejected(desired.config_hash, "ConfigInvalid", desired.invalid, now)
        failed = replace(fresh, phase=Phase.FAILED, reason="ConfigInvalid", message=desired.invalid, rejected=rejected)
        return failed, ()
    starting = replace(fresh, phase=Phase.STARTING, reason="Starting", effective=desired.config_hash)
    return starting, (Action.START,)


def _starting(state: State, active: Seen, desired: Desired, now: float) -> Step:
    if active.exit is not None or active.refused:
        return _ended(state, active, desired, now)
    if active.ready:
        return _now_running(state, now), ()
    if (
        desired.config_hash != state.target
        and not desired.invalid
        and desired.config_hash != state.rejected.config_hash
    ):
        # Changed before it was ever ready: nothing to keep, begin again.
        again, actions = _launch(state, desired, now)
        return again, (Action.STOP, *actions)
    if now - state.since >= desired.deadline_s:
        late = replace(active, last_words=_late(desired, active.last_words))
        next_, actions = _ended(replace(state, reason="StartDeadlineExceeded"), late, desired, now)
        return next_, (Action.STOP, *actions)
    return state, ()


def _now_running(state: State, now: float) -> State:
    gap = state.gap
    if state.gap_from is not None:
        gap = f"nothing served for {now - state.gap_from:.1f}s while the configuration was replaced"
    return replace(state, phase=Phase.RUNNING, since=now, reason="Running", message="", gap_from=None, gap=gap)


def _running(state: State, active: Seen, desired: Desired, now: float) -> Step:
    if active.exit is not None:
        return _ended(state, active, desired, now)
    if state.failures and now - state.since >= GOOD_RUN_S:
        state = replace(state, failures=0)
    if desired.config_hash in (state.target, state.rejected.config_hash):
        return state, ()
    tried = replace(state, target=desired.config_hash)
    if desired.invalid:  # the old one goes on
        return _reject(tried, "ConfigInvalid", desired.invalid, now), ()
    if not desired.roll_back:
        again, actions = _launch(state, desired, now)
        return again, (Action.STOP, *actions)
    switching = replace(tried, phase=Phase.SWITCHING, since=now, reason="Switching", message="", gap="", gap_from=None)
    if desired.overlap:
        return switching, (Action.START_BESIDE,)
    # A fixed port or a scraping receiver cannot be there twice: a gap, stated.
    return replace(switching, gap_from=now), (Action.STOP, Action.START_BESIDE)


def _switching(state: State, active: Seen, beside: Seen, desired: Desired, now: float) -> Step:
    if desired.config_hash != state.target:
        # Changed again meanwhile: back to the old one, which sees the difference and tries the newest.
        back, actions = _keep_old(state, active, now)
        return replace(back, target=state.effective), actions
    if beside.ready and beside.exit is None:
        promoted = replace(_now_running(state, now), effective=state.target, rejected=Rejected(), failures=0)
        return promoted, (Action.PROMOTE,)
    if beside.exit is not None or beside.refused:
        reason = "ConfigInvalid" if _says_invalid(beside, desired) else "StartFailed"
        return _keep_old(_reject(state, reason, _how(beside), now), active, now)
    if now - state.since >= desired.deadline_s:
        message = _late(desired, beside.last_words)
        return _keep_old(_reject(state, "StartDeadlineExceeded", message, now), active, now)
    return state, ()


def _keep_old(state: State, active: Seen, now: float) -> Step:
    """End the new one; the old one goes on, or is started again where it had to stop."""
    if active.alive:
        return replace(_now_running(state, now), message=state.message), (Action.STOP_BESIDE,)
    again = replace(state, phase=Phase.STARTING, since=now, reason="Starting")
    return again, (Action.STOP_BESIDE, Action.RESTART)


def _reject(state: State, reason: str, message: str, now: float) -> State:
    return replace(state, rejected=Rejected(state.target, reason, message, now))


def _backoff(state: State, desired: Desired, now: float) -> Step:
    if desired.config_hash not in (state.target, state.rejected.config_hash):
        return _launch(state, desired, now)  # a new configuration need not wait for the old one's sins
    if state.since <= now < state.retry_at:  # a clock set back must not make it wait for as long
        return state, ()
    starting = replace(state, phase=Phase.STARTING, since=now, reason="Starting", restarts=state.restarts + 1)
    return starting, (Action.RESTART,)


def _ended(state: State, seen: Seen, desired: Desired, now: float) -> Step:
    """A start is over: final, or again after a while."""
    code = seen.exit.code if seen.exit else None
    message = _how(seen)
    if code == 0 and desired.policy is not RestartPolicy.ALWAYS:
        return replace(state, phase=Phase.SUCCEEDED, since=now, reason="Completed", message=message), ()
    if code is not None and code == desired.config_code:
        # The same file would be refused again: wait for another one.
        rejected = Rejected(state.effective, "ConfigInvalid", message, now)
        failed = replace(state, phase=Phase.FAILED, since=now, reason="ConfigInvalid", message=message)
        return replace(failed, rejected=rejected), ()
    late = state.reason == "StartDeadlineExceeded"
    if desired.policy is RestartPolicy.NEVER:
        reason = state.reason if late else "Failed"
        return replace(state, phase=Phase.FAILED, since=now, reason=reason, message=message), ()
    good = state.phase is Phase.RUNNING and now - state.since >= GOOD_RUN_S
    failures = 1 if good else state.failures + 1
    delay_s = delay_for(failures - 1, _BACKOFF_INITIAL_S, _BACKOFF_MAX_S)
    waiting = replace(
        state, phase=Phase.BACKOFF, since=now, retry_at=now + delay_s, failures=failures,
        reason=state.reason if late else "CrashLoopBackOff",
        message=f"{message}; bad ends in a row: {failures}; next start in {delay_s:g}s",
    )  # fmt: skip
    return waiting, ()


def _says_invalid(seen: Seen, desired: Desired) -> bool:
    return seen.exit is not None and seen.exit.code is not None and seen.exit.code == desired.config_code


def _how(seen: Seen) -> str:
    """How it ended, for people."""
    words = f": {seen.last_words}" if seen.last_words else ""
    if seen.refused:
        return f"could not be started: {seen.refused}"
    if seen.exit is None:
        return seen.last_words or "did not become ready"
    if seen.exit.signal is not None:
        return f"ended by signal {seen.exit.signal}{words}"
    if seen.exit.code is None:
        return f"ended while nobody watched{words}"
    return f"exited with code {seen.exit.code}{words}"


def _late(desired: Desired, last_words: str) -> str:
    words = f"; its last lines: {last_words}" if last_words else "; it wrote nothing"
    return f"not ready within {desired.deadline_s:g}s of its start (spec.progressDeadline){words}"


def wake_at(state: State, desired: Desired) -> float | None:
    """When time alone changes something next, Unix seconds; None: only an observation does."""
    match state.phase:
        case Phase.STARTING | Phase.SWITCHING:
            return state.since + desired.deadline_s
        case Phase.BACKOFF:
            return state.retry_at
        case Phase.RUNNING if state.failures:
            return state.since + GOOD_RUN_S
        case _:
            return None
