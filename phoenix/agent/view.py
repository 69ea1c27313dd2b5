"""From the agent's view of a process to the status of its object. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar

from phoenix.agent.lifecycle import Phase, State
from phoenix.agent.records import ExitRecord
from phoenix.api.loadgenerator import LoadGeneratorStatus
from phoenix.api.process import ConfigAttempt, ProcessExit, ProcessPhase, ProcessResources, ProcessStatus
from phoenix.apimachinery.conditions import set_condition, timestamp

S = TypeVar("S", bound=ProcessStatus)

_PHASES = {
    Phase.IDLE: ProcessPhase.PENDING,
    Phase.STARTING: ProcessPhase.STARTING,
    Phase.RUNNING: ProcessPhase.RUNNING,
    Phase.SWITCHING: ProcessPhase.RUNNING,
    Phase.BACKOFF: ProcessPhase.STARTING,  # it will be started again: Failed would be final
    Phase.STOPPING: ProcessPhase.TERMINATING,
    Phase.SUCCEEDED: ProcessPhase.SUCCEEDED,
    Phase.FAILED: ProcessPhase.FAILED,
    Phase.GONE: ProcessPhase.TERMINATING,
}


@dataclass(frozen=True, slots=True)
class View:
    """What the worker knows, as of now.

    `unresponsive`: it ran, and does not answer its probe any more. `lacks`: what it answers while it is not ready.
    """

    state: State
    generation: int
    address: str
    desired_hash: str = ""
    effective_hash: str = ""
    rejected_hash: str = ""
    pid: int | None = None
    started_at: str | None = None
    ports: Mapping[str, int] = field(default_factory=dict)
    last_exit: ExitRecord | None = None
    last_words: str = ""
    lacks: str = ""
    resources: ProcessResources | None = None
    expected: tuple[int, int] | None = None
    unresponsive: bool = False


def status_of(old: S, view: View, now: datetime) -> S:
    """A new status; what the view does not know (other conditions, earlier resources) stays as it was."""
    status = old.model_copy(deep=True)
    state = view.state
    serving = view.pid is not None and state.phase in (Phase.RUNNING, Phase.SWITCHING)
    status.observed_generation = view.generation
    replacing = state.phase is Phase.SWITCHING and view.pid is None
    status.phase = ProcessPhase.STARTING if replacing else _PHASES[state.phase]
    status.pid, status.started_at = view.pid, view.started_at
    status.address, status.ports = view.address, dict(view.ports)
    status.restarts, status.gap = state.restarts, state.gap
    status.desired_hash = view.desired_hash
    status.effective_hash = view.effective_hash if view.pid is not None else ""
    status.attempted = _attempted(old.attempted, view, now)
    if view.last_exit is not None:
        status.last_exit = _exit(view.last_exit, view.last_words)
    if view.resources is not None:
        status.resources = view.resources
    if view.expected is not None and isinstance(status, LoadGeneratorStatus):
        status.expected_streams, status.expected_active_series = view.expected
    ready = serving and not view.unresponsive
    reason, message = _reason(view, serving)
    status.conditions = set_condition(
        status.conditions, "Ready", ready, reason, message, now=now, generation=view.generation
    )
    return status


def _reason(view: View, serving: bool) -> tuple[str, str]:
    if serving and view.unresponsive:
        return "Unresponsive", f"it runs (pid {view.pid}) but does not answer its health port; see its log"
    if serving and view.state.rejected.reason and view.rejected_hash == view.desired_hash != view.effective_hash:
        return "Running", f"the configuration before goes on: {view.state.rejected.message}"
    default = "waiting for its health port to answer 200" if view.state.phase is Phase.STARTING else ""
    return view.state.reason or "Pending", view.state.message or view.lacks or default


def _attempted(old: ConfigAttempt | None, view: View, now: datetime) -> ConfigAttempt | None:
    rejected = view.state.rejected
    if rejected.reason and view.rejected_hash:
        at = timestamp(datetime.fromtimestamp(rejected.at, UTC))
        return ConfigAttempt(config_hash=view.rejected_hash, reason=rejected.reason, message=rejected.message, at=at)
    if view.state.phase is Phase.IDLE:
        return old
    tried = view.desired_hash
    if view.state.phase in (Phase.BACKOFF, Phase.FAILED):
        at = timestamp(datetime.fromtimestamp(view.state.since, UTC))
        return ConfigAttempt(config_hash=tried, reason=view.state.reason, message=view.state.message, at=at)
    if old is not None and old.config_hash == tried and not old.reason:
        return old
    return ConfigAttempt(config_hash=tried, at=timestamp(now))


def _exit(record: ExitRecord, last_words: str) -> ProcessExit:
    return ProcessExit(
        code=record.code, signal=record.signal, reason=record.reason, message=last_words, at=record.at
    )  # fmt: skip
