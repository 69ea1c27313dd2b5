"""What to say about an experiment: steps of its life as new statuses. Pure: a status in, a status out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from controllers.experiment.resolve import Resolution
from controllers.experiment.timeline import Timeline
from phoenix.api.experiment import Experiment, ExperimentPhase, ExperimentStatus, PreviousRun, RunEnding
from phoenix.api.results import ExperimentResults, Verdict
from phoenix.apimachinery.conditions import ConditionStatus, find_condition, micro_timestamp, set_condition, timestamp
from phoenix.apimachinery.meta import Resource

NAME_TAKEN = "NameTaken"
"""Reason of the condition Deployed while a child's name belongs to another object."""
KEPT_RUNS = 5
"""Earlier runs whose results stay in status; older ones are forgotten."""


@dataclass(frozen=True, slots=True)
class Hint:
    """What keeps a run from going well while it goes on: a reason for programs, words for people."""

    reason: str
    message: str


class Draft:
    """A status being written: a copy of the experiment's, with its conditions set at one time and generation."""

    def __init__(self, experiment: Experiment, now: datetime) -> None:
        self.status: ExperimentStatus = experiment.status.model_copy(deep=True)
        self.status.observed_generation = experiment.metadata.generation
        self._now, self._generation = now, experiment.metadata.generation

    def condition(self, type_: str, value: bool | None, reason: str, message: str) -> None:
        """Set one condition; None is Unknown."""
        status = ConditionStatus.UNKNOWN if value is None else ConditionStatus(str(value))
        self.status.conditions = set_condition(
            self.status.conditions, type_, status, reason, message, now=self._now, generation=self._generation
        )

    def refused(self, reason: str, message: str) -> ExperimentStatus:
        """It cannot start: the message says where and what to mend; it is tried again when something changes."""
        self.condition("Accepted", False, reason, message)
        self.status.verdict_reason = _reasoned(reason, message)
        return self.status

    def accepted(self, resolution: Resolution, deployments: dict[str, str]) -> ExperimentStatus:
        """Everything resolved and pinned: the run begins."""
        status = self.status
        status.run += 1
        status.phase = ExperimentPhase.DEPLOYING
        status.deploying_since = micro_timestamp(self._now)
        status.hosts = list(resolution.hosts)
        status.variants = [
            pinned.model_copy(update={"deployment": deployments[pinned.name]}) for pinned in resolution.variants
        ]
        status.pipeline_hash = {pinned.name: pinned.pipeline_hash for pinned in resolution.variants}
        status.resolved = resolution.to_status()
        status.results, status.verdict, status.verdict_reason, status.progress = None, None, "", 0.0
        status.started_at = status.measure_from = status.measure_to = status.completed_at = None
        status.promotion, status.promoted_candidate, status.ending = None, "", None
        self.condition("Accepted", True, "Resolved", "every reference is resolved and pinned")
        self.condition("Deployed", False, "Deploying", "waiting for meters and collectors")
        for type_ in ("InputParity", "Measuring", "Analyzed", "Complete"):
            self.condition(type_, None if type_ == "InputParity" else False, "NotYet", "the run has just begun")
        return status

    def deploying(
        self, waiting_for: tuple[str, ...], taken: tuple[str, ...], ready: dict[str, int]
    ) -> ExperimentStatus:
        """Still waiting; say for what, names that others have first."""
        reason = NAME_TAKEN if taken else "Deploying"
        self.condition("Deployed", False, reason, f"waiting for {'; '.join(taken or waiting_for)[:900]}")
        self._count_ready(ready)
        return self.status

    def _count_ready(self, ready: dict[str, int]) -> None:
        self.status.variants = [
            pinned.model_copy(update={"ready": ready.get(pinned.name, 0)}) for pinned in self.status.variants
        ]

    def begun(self, timeline: Timeline, config_hashes: dict[str, str], ready: dict[str, int]) -> ExperimentStatus:
        """Every process is ready: the timeline is fixed."""
        status = self.status
        status.phase = ExperimentPhase.WARMING_UP
        status.started_at = micro_timestamp(timeline.start_at)
        status.measure_from = micro_timestamp(timeline.measure_from)
        status.measure_to = micro_timestamp(timeline.measure_to)
        status.source_endpoint = ""
        self._count_ready(ready)
        status.variants = [
            pinned.model_copy(update={"config_hash": config_hashes.get(pinned.name, pinned.config_hash)})
            for pinned in status.variants
        ]
        self.condition("Deployed", True, "AllReady", "meters and collectors are ready")
        self.condition("Measuring", False, "WarmingUp", f"measuring from {status.measure_from}")
        return status

    def warming_up(self, endpoint: str, hint: Hint | None) -> ExperimentStatus:
        """The source is on its way; nothing is measured yet. `endpoint`: where real senders are to send to."""
        self.status.source_endpoint = endpoint
        self.condition("Measuring", False, "WarmingUp", f"measuring from {self.status.measure_from}")
        self._hint(hint)
        return self.status

    def _hint(self, hint: Hint | None) -> None:
        """What the input lacks, where `get` and the condition Measuring show it."""
        self.status.verdict_reason = _reasoned(hint.reason, hint.message) if hint is not None else ""
        measuring = find_condition(self.status.conditions, "Measuring")
        if hint is not None and measuring is not None:
            self.condition(
                "Measuring",
                measuring.status is ConditionStatus.TRUE,
                hint.reason,
                f"{measuring.message}; {hint.message}",
            )

    def measuring(
        self, progress: float, results: ExperimentResults | None, hint: Hint | None = None
    ) -> ExperimentStatus:
        """Live results."""
        status = self.status
        status.progress = progress
        status.phase = ExperimentPhase.RUNNING
        self.condition("Measuring", True, "Running", f"measuring until {status.measure_to}")
        self._hint(hint)
        if results is not None:
            status.results = results
            self._parity(results)
        return status

    def _parity(self, results: ExperimentResults) -> None:
        parity = results.input.parity
        if parity is None:
            self.condition("InputParity", None, "NoData", "no complete window yet")
        elif parity:
            self.condition("InputParity", True, "Equal", f"every variant got the same {_points(results)} points")
        else:
            self.condition("InputParity", False, "Unequal", "; ".join(results.problems)[:900])

    def draining(
        self, unheard: Sequence[str], hint: Hint | None = None, results: ExperimentResults | None = None
    ) -> ExperimentStatus:
        """The measured time is over, samples are still to come.

        Args:
            unheard: hosts without a heartbeat since.
            results: those so far, where they are new.
        """
        status = self.status
        status.phase, status.progress = ExperimentPhase.ANALYZING, 1.0
        of = f" of {', '.join(unheard[:4])}: no heartbeat since the measured time was over" if unheard else ""
        self.condition("Measuring", False, "Draining", f"waiting for the last samples{of}")
        self._hint(hint)
        status.results = results if results is not None else status.results
        return status

    def concluded(self, results: ExperimentResults, verdict: Verdict, reason: str, candidate: str) -> ExperimentStatus:
        """The verdict is there; processes are still to end."""
        status = self.status
        status.phase = ExperimentPhase.ANALYZING
        status.progress = 1.0
        status.results, status.verdict, status.verdict_reason = results, verdict, reason
        status.promoted_candidate = candidate
        status.ending = RunEnding(phase=ExperimentPhase.COMPLETED, reason="Completed", message=reason[:900])
        self._parity(results)
        self.condition("Measuring", False, "Done", "the measured time is over")
        self.condition("Analyzed", True, str(verdict), reason)
        return status

    def ending(self, phase: ExperimentPhase, reason: str, message: str) -> ExperimentStatus:
        """The run is to end; results so far are kept."""
        self.status.ending = RunEnding(phase=phase, reason=reason, message=message)
        self.status.verdict_reason = _reasoned(reason, message)
        if self.status.results is not None:
            self.status.results.final = True
        self.condition("Measuring", False, reason, message)
        return self.status

    def waiting_for_the_end(self, children: Sequence[Resource]) -> ExperimentStatus:
        """Processes are ending; say which are still there."""
        names = ", ".join(child.ref for child in children[:4]) + (", …" if len(children) > 4 else "")
        message = f"waiting for {names} to end; a host without an agent is waited for some minutes, then let go"
        self.condition("Complete", False, "Ending", message)
        return self.status

    def finished(self) -> ExperimentStatus:
        """The last process is gone."""
        status, ending = self.status, self.status.ending
        assert ending is not None  # FINISH is only planned with an ending
        status.phase, status.ending = ending.phase, None
        status.completed_at = timestamp(self._now)
        status.variants = [pinned.model_copy(update={"ready": 0}) for pinned in status.variants]
        self.condition("Deployed", False, "TornDown", "every process of the run has ended")
        self.condition("Complete", ending.phase == ExperimentPhase.COMPLETED, ending.reason, ending.message)
        return status

    def next_run(self) -> ExperimentStatus:
        """Lifted from Stopped: remember the old run, be Pending for a new one."""
        status = self.status
        previous = PreviousRun(
            run=status.run,
            phase=status.phase,
            verdict=status.verdict,
            completed_at=status.completed_at or "",
            results=status.results,
        )
        status.previous_runs = [*status.previous_runs, previous][-KEPT_RUNS:]
        status.phase, status.verdict_reason = ExperimentPhase.PENDING, ""
        return status


def _reasoned(reason: str, message: str) -> str:
    """A condition's reason and message as the one text of `get -o wide`."""
    return f"{reason}: {message}"[:900]


def _points(results: ExperimentResults) -> int:
    return max(results.input.points.values(), default=0)
