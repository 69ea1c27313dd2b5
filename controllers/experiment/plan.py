"""The next step of an experiment: observed state in, one step out. Pure.

    Pending ──resolved, not suspended──▶ Deploying ──every process ready──▶ WarmingUp ──measureFrom──▶ Running
    Running ──last window complete──▶ Analyzing ──processes gone──▶ Completed
    any running phase ──suspend──▶ (ending) ──▶ Stopped ──suspend lifted──▶ Pending, next run
    any running phase ──cannot go on──▶ (ending) ──▶ Failed

Ending is a state of its own (`status.ending`): the phase changes when the last process is gone.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from controllers.experiment.observed import asked_from, asked_until
from controllers.experiment.queryengine import patience_s
from controllers.experiment.status import NAME_TAKEN
from controllers.experiment.timeline import GRACE_S, HOST_PATIENCE_S, PATIENCE_S, timeline_of
from phoenix.api.collector import Collector
from phoenix.api.experiment import Experiment, ExperimentPhase
from phoenix.api.loadgenerator import LoadGenerator
from phoenix.api.meter import Meter
from phoenix.api.pipeline import PipelineDeployment
from phoenix.api.process import ProcessPhase
from phoenix.apimachinery.conditions import find_condition, is_true, parse_timestamp

RUNNING_PHASES = frozenset(
    {ExperimentPhase.DEPLOYING, ExperimentPhase.WARMING_UP, ExperimentPhase.RUNNING, ExperimentPhase.ANALYZING}
)
FINAL_REASONS = frozenset(
    {"InvalidPipeline", "ConfigInvalid", "TemplateNotFound", "UnmeasuredReceiverCut", "UnsupportedSignal"}
)
"""Why a variant's deployment cannot ever become ready: waiting for it is no use."""
SOURCE_DEADLINE_S = 15.0
"""How long a source may take to become ready, from its start or from when it last was, seconds."""
SOURCE_RESTARTS = 3
"""Restarts after which a source that ends by itself once more is given up, as a Job is at its backoffLimit."""


@dataclass(frozen=True, slots=True)
class Children:
    """What the experiment owns now, terminating ones included."""

    meters: tuple[Meter, ...] = ()
    deployments: tuple[PipelineDeployment, ...] = ()
    generators: tuple[LoadGenerator, ...] = ()
    tees: tuple[Collector, ...] = ()
    collectors: tuple[Collector, ...] = ()

    @property
    def sources(self) -> tuple[LoadGenerator | Collector, ...]:
        """Whatever sends the input."""
        return (*self.generators, *self.tees)

    @property
    def gone(self) -> bool:
        """Whether nothing is left."""
        return not (self.meters or self.deployments or self.generators or self.tees or self.collectors)


class Act(StrEnum):
    """What to do next."""

    WAIT = "Wait"
    RESOLVE = "Resolve"
    DEPLOY = "Deploy"
    BEGIN = "Begin"
    MEASURE = "Measure"
    CONCLUDE = "Conclude"
    TEAR_DOWN = "TearDown"
    FINISH = "Finish"
    RESTART = "Restart"
    SETTLE = "Settle"
    RELEASE = "Release"


@dataclass(frozen=True, slots=True)
class Step:
    """One step.

    WAIT: nothing to do. RESOLVE: look every reference up and start the run. DEPLOY: make meters, then deployments.
    BEGIN: fix the timeline, make the source. MEASURE: refresh live results, keep the source there. CONCLUDE: final
    analysis and verdict. TEAR_DOWN: delete every child (with `ending` set: remember why). FINISH: the last process is
    gone, take the final phase. RESTART: a new run. SETTLE: promotion or rollback as decided. RELEASE: let it go.
    """

    act: Act
    reason: str = ""
    message: str = ""
    ending: ExperimentPhase | None = None
    requeue_after_s: float | None = None
    waiting_for: tuple[str, ...] = field(default=())


def next_step(experiment: Experiment, children: Children, now: datetime) -> Step:
    """Decide the next step."""
    phase, status = experiment.status.phase, experiment.status
    if experiment.metadata.deletion_timestamp is not None:
        return Step(Act.RELEASE) if children.gone else Step(Act.TEAR_DOWN, "Deleted", "the experiment was deleted")
    if status.ending is not None:
        return Step(Act.FINISH) if children.gone else Step(Act.TEAR_DOWN, status.ending.reason, status.ending.message)
    if experiment.spec.suspend and phase != ExperimentPhase.COMPLETED:
        if phase in RUNNING_PHASES:
            return Step(Act.TEAR_DOWN, "Stopped", "stopped by spec.suspend", ExperimentPhase.STOPPED)
        return Step(Act.WAIT, "Suspended", "spec.suspend is true: `phoenixctl start` lifts it")
    match phase:
        case ExperimentPhase.PENDING:
            return Step(Act.RESOLVE)
        case ExperimentPhase.STOPPED:
            return Step(Act.RESTART)
        case ExperimentPhase.DEPLOYING:
            return _deploying(experiment, children, now)
        case ExperimentPhase.WARMING_UP | ExperimentPhase.RUNNING:
            return _measuring(experiment, children, now)
        case ExperimentPhase.ANALYZING:
            return _unasked(experiment, children, now) or Step(Act.CONCLUDE)
        case ExperimentPhase.COMPLETED:
            return Step(Act.SETTLE)
        case ExperimentPhase.FAILED:
            return Step(Act.WAIT)


def _deploying(experiment: Experiment, children: Children, now: datetime) -> Step:
    waiting = not_ready(experiment, children)
    if not waiting:
        return Step(Act.BEGIN)
    refused = refusal(children)
    if refused:
        return Step(Act.TEAR_DOWN, "DeployFailed", refused, ExperimentPhase.FAILED)
    since = parse_timestamp(experiment.status.deploying_since) if experiment.status.deploying_since else now
    deadline = experiment.spec.timing.progress_deadline
    left = deadline.seconds - (now - since).total_seconds()
    if left <= 0:
        said = find_condition(experiment.status.conditions, "Deployed")
        taken = (said.message,) if said is not None and said.reason == NAME_TAKEN else ()
        message = f"not everything was ready within {deadline}: {'; '.join((*taken, *waiting[:4]))}"
        return Step(Act.TEAR_DOWN, "ProgressDeadlineExceeded", message, ExperimentPhase.FAILED)
    return Step(Act.DEPLOY, waiting_for=waiting, requeue_after_s=min(left, 5.0))


def not_ready(experiment: Experiment, children: Children) -> tuple[str, ...]:
    """What is still to become ready, in words; empty when the source may start."""
    waiting: list[str] = []
    if experiment.spec.source.observed is not None:
        return ()  # what runs elsewhere is there; who asks about it begins with the timeline
    for host in experiment.status.hosts:
        meter = next((item for item in children.meters if item.spec.host == host), None)
        if meter is None or not is_true(meter.status.conditions, "Ready"):
            waiting.append(f"meter on {host}{_why(meter)}")
    for pinned in experiment.status.variants:
        deployment = next((item for item in children.deployments if item.metadata.name == pinned.deployment), None)
        wanted = len(experiment.status.hosts)
        if deployment is None:
            waiting.append(f"variant {pinned.name}")
            continue
        ready = deployment.status.collectors.ready
        current = deployment.status.observed_generation == deployment.metadata.generation
        if not (current and ready >= wanted and deployment.status.pipeline_hash == pinned.pipeline_hash):
            condition = find_condition(deployment.status.conditions, "Progressing")
            why = f" ({condition.message})" if condition is not None else ""
            waiting.append(f"variant {pinned.name}: {ready} of {wanted} collectors ready{why}")
    return tuple(waiting)


def _why(meter: Meter | None) -> str:
    ready = find_condition(meter.status.conditions, "Ready") if meter else None
    return f" ({ready.message})" if ready is not None and ready.message else ""


def refusal(children: Children) -> str:
    """Why waiting is no use; empty where it is."""
    for deployment in children.deployments:
        attempted = deployment.status.attempted
        if attempted is not None and attempted.reason and not deployment.status.revision:
            return f"{deployment.ref}: {attempted.message}"
        progressing = find_condition(deployment.status.conditions, "Progressing")
        if progressing is not None and progressing.reason in FINAL_REASONS:
            return f"{deployment.ref}: {progressing.message}"
    return ""


def _measuring(experiment: Experiment, children: Children, now: datetime) -> Step:
    timeline = timeline_of(experiment)
    if timeline is None:
        return Step(Act.TEAR_DOWN, "NoTimeline", "the status lost its timeline", ExperimentPhase.FAILED)
    if failed := _failed_source(children.sources, timeline.start_at, now):
        return Step(Act.TEAR_DOWN, "SourceFailed", failed, ExperimentPhase.FAILED)
    if unasked := _unasked(experiment, children, now):
        return unasked
    if now >= asked_until(experiment, timeline) + timedelta(seconds=GRACE_S):
        return Step(Act.CONCLUDE)
    if now < timeline.measure_from:
        left = (timeline.measure_from - now).total_seconds()
        return Step(Act.MEASURE, requeue_after_s=max(0.05, min(left, 1.0)))
    return Step(Act.MEASURE, requeue_after_s=max(0.5, min(2.0, experiment.spec.timing.window_s)))


def _unasked(experiment: Experiment, children: Children, now: datetime) -> Step | None:
    """The end of a run whose Prometheus was never there: a meter that asks one is ready once it has answered.

    One that answered for a window was: it is waited for, whatever becomes of the meter meanwhile.
    """
    timeline, results = timeline_of(experiment), experiment.status.results
    if experiment.spec.source.observed is None or timeline is None or (results is not None and results.input.windows):
        return None
    failed = _failed_source(children.meters, asked_from(experiment, timeline), now)
    return Step(Act.TEAR_DOWN, "SourceFailed", failed, ExperimentPhase.FAILED) if failed else None


def _failed_source(sources: Sequence[LoadGenerator | Collector | Meter], start: datetime, now: datetime) -> str:
    """Why one of them cannot do its work; empty while each does, or may yet.

    One restart or two are weather: the source goes on, and what was missed is in its samples.
    """
    for source in sources:
        status = source.status
        ready = find_condition(status.conditions, "Ready")
        if status.attempted is not None and status.attempted.reason == "ConfigInvalid":
            return f"{source.ref}: {status.attempted.message}"
        if ready is not None and status.phase is ProcessPhase.FAILED:
            return f"{source.ref}: {ready.message}"
        if ready is not None and ready.reason == "CrashLoopBackOff" and status.restarts >= SOURCE_RESTARTS:
            words = status.last_exit.message if status.last_exit is not None else ""
            return f"{source.ref} ended {status.restarts + 1} times: {words or ready.message}"
        moved = ready.last_transition_time if ready is not None else ""
        since = max(start, parse_timestamp(moved)) if moved else start
        absent = status.phase in (ProcessPhase.PENDING, ProcessPhase.STARTING)
        if absent and now - since > timedelta(seconds=SOURCE_DEADLINE_S):
            return f"{source.ref} did not become ready: {ready.message if ready else 'no answer from its host'}"
    return ""


def conclusion_due(
    experiment: Experiment,
    *,
    complete: bool,
    now: datetime,
    unheard: Collection[str] = (),
    heard_again: datetime | None = None,
    told_at: datetime | None = None,
) -> bool:
    """Whether the final analysis may be made: all windows are in, or patience is over.

    Args:
        complete: every window has its samples.
        unheard: hosts without a heartbeat since the end: cut off from the API, they may hold samples back.
        heard_again: when the last of those that were cut off was heard again; None: none was.
        told_at: when another window was last told of a run whose windows are asked for; None: nobody remembers.
    """
    timeline = timeline_of(experiment)
    if timeline is None or complete:
        return True
    due = asked_until(experiment, timeline) + timedelta(seconds=GRACE_S)
    # Of the past there may be more to ask than patience lasts: it is for a Prometheus that is slow, not for the work.
    waited = now - max(due, told_at or due)
    if waited >= timedelta(seconds=HOST_PATIENCE_S):
        return True
    patience = timedelta(seconds=patience_s(experiment))
    if waited < patience or unheard:
        return False
    return heard_again is None or now - heard_again >= patience


def conclusion_pace_s(experiment: Experiment, now: datetime) -> float:
    """Seconds until it is worth looking for the last samples again: each look judges all there are.

    Soon while they are due; once a second where somebody's Prometheus, or a host that is cut off, is waited for.
    """
    timeline = timeline_of(experiment)
    if timeline is None:
        return 0.0
    waited = now - asked_until(experiment, timeline) - timedelta(seconds=GRACE_S)
    return 0.2 if waited < timedelta(seconds=PATIENCE_S) else 1.0
