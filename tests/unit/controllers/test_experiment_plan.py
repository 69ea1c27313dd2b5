"""Each step of an experiment's life, and what makes it come."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from controllers.experiment.hints import hint_of
from controllers.experiment.plan import Act, Children, conclusion_due, conclusion_pace_s, next_step
from controllers.experiment.promotion import Move, judged, promoted_deployment, settle
from controllers.experiment.status import Draft
from controllers.experiment.timeline import plan_timeline
from phoenix.api.collector import Collector
from phoenix.api.experiment import Decision, Experiment, ExperimentPhase, PinnedVariant, PromotionRecord, RunEnding
from phoenix.api.meter import Meter
from phoenix.api.observed import ObservedSource
from phoenix.api.pipeline import CollectorCounts, PipelineDeployment
from phoenix.api.process import ProcessExit, ProcessPhase, ProcessStatus
from phoenix.api.results import ExperimentResults, InputResult, Verdict
from phoenix.api.sources import ExperimentSource, OtlpSource
from phoenix.apimachinery.conditions import Condition, ConditionStatus, micro_timestamp, timestamp

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def experiment(phase: ExperimentPhase = ExperimentPhase.PENDING, **status: object) -> Experiment:
    found = Experiment.from_wire(
        {
            "metadata": {"name": "x", "namespace": "default", "generation": 1, "uid": "u"},
            "spec": {
                "source": {"load": {"profileRef": {"name": "realistic"}}},
                "variants": [
                    {"name": "baseline", "role": "Baseline", "pipeline": {"config": {"v": 0}}},
                    {"name": "lean", "role": "Candidate", "pipeline": {"config": {"v": 1}}},
                ],
                "onSuccess": {"action": "Promote", "deployment": {"name": "edge"}},
            },
        }
    )
    found.status = found.status.model_copy(
        update={
            "phase": phase,
            "run": 1,
            "hosts": ["a"],
            "variants": [
                PinnedVariant(name="baseline", deployment="x-baseline", pipeline_hash="h0"),
                PinnedVariant(name="lean", deployment="x-lean", pipeline_hash="h1"),
            ],
            "resolved": {"pipelines": {"baseline": {"v": 0}, "lean": {"v": 1}}, "priceBooks": {}},
            "deploying_since": micro_timestamp(NOW),
            **status,
        }
    )
    return found


def running(
    seconds_after_start: float, phase: ExperimentPhase = ExperimentPhase.RUNNING
) -> tuple[Experiment, datetime]:
    timing = experiment().spec.timing
    line = plan_timeline(NOW, timing)
    found = experiment(
        phase,
        started_at=micro_timestamp(line.start_at),
        measure_from=micro_timestamp(line.measure_from),
        measure_to=micro_timestamp(line.measure_to),
    )
    return found, line.start_at + timedelta(seconds=seconds_after_start)


def ready_children() -> Children:
    ready = ProcessStatus(conditions=[Condition(type="Ready", status=ConditionStatus.TRUE)])
    deployments = []
    for name, pipeline_hash in (("x-baseline", "h0"), ("x-lean", "h1")):
        found = PipelineDeployment.from_wire(
            {"metadata": {"name": name, "generation": 1}, "spec": {"pipeline": {"config": {}}}}
        )
        found.status.observed_generation = 1
        found.status.pipeline_hash = pipeline_hash
        found.status.collectors = CollectorCounts(desired=1, updated=1, ready=1)
        deployments.append(found)
    meter = Meter.from_wire({"metadata": {"name": "x-meter-a"}, "spec": {"host": "a"}})
    meter.status = ready
    return Children(meters=(meter,), deployments=tuple(deployments))


def test_pending_resolves_unless_suspended() -> None:
    found = experiment()
    assert next_step(found, Children(), NOW).act == Act.RESOLVE
    found.spec.suspend = True
    assert next_step(found, Children(), NOW).act == Act.WAIT


def test_deploying_begins_when_everything_is_ready() -> None:
    found = experiment(ExperimentPhase.DEPLOYING)
    waiting = next_step(found, Children(), NOW)
    assert waiting.act == Act.DEPLOY
    assert any("meter on a" in what for what in waiting.waiting_for)
    assert next_step(found, ready_children(), NOW).act == Act.BEGIN


def test_another_pipeline_than_the_pinned_one_does_not_count_as_ready() -> None:
    children = ready_children()
    children.deployments[1].status.pipeline_hash = "other"
    assert next_step(experiment(ExperimentPhase.DEPLOYING), children, NOW).act == Act.DEPLOY


def test_the_deadline_ends_a_run_that_does_not_become_ready() -> None:
    step = next_step(experiment(ExperimentPhase.DEPLOYING), Children(), NOW + timedelta(seconds=61))
    assert (step.act, step.ending, step.reason) == (Act.TEAR_DOWN, ExperimentPhase.FAILED, "ProgressDeadlineExceeded")
    assert "meter on a" in step.message


@pytest.mark.parametrize(("after_s", "act"), [(1, Act.MEASURE), (30, Act.MEASURE), (70, Act.CONCLUDE)])
def test_a_run_measures_until_its_end(after_s: float, act: Act) -> None:
    found, now = running(after_s)
    assert next_step(found, ready_children(), now).act == act


@pytest.mark.parametrize("phase", [ExperimentPhase.DEPLOYING, ExperimentPhase.WARMING_UP, ExperimentPhase.RUNNING])
def test_suspend_stops_a_run_and_lifting_it_begins_the_next(phase: ExperimentPhase) -> None:
    found, now = running(10, phase)
    found.spec.suspend = True
    step = next_step(found, ready_children(), now)
    assert (step.act, step.ending) == (Act.TEAR_DOWN, ExperimentPhase.STOPPED)
    found.status = Draft(found, now).ending(ExperimentPhase.STOPPED, step.reason, step.message)
    assert next_step(found, ready_children(), now).act == Act.TEAR_DOWN
    assert next_step(found, Children(), now).act == Act.FINISH
    found.status = Draft(found, now).finished()
    assert found.status.phase == ExperimentPhase.STOPPED
    assert next_step(found, Children(), now).act == Act.WAIT
    found.spec.suspend = False
    assert next_step(found, Children(), now).act == Act.RESTART
    found.status = Draft(found, now).next_run()
    assert [previous.run for previous in found.status.previous_runs] == [1]
    assert next_step(found, Children(), now).act == Act.RESOLVE


def test_ending_is_over_when_the_last_process_is_gone() -> None:
    ending = RunEnding(phase=ExperimentPhase.COMPLETED, reason="Completed")
    found = experiment(ExperimentPhase.ANALYZING, ending=ending)
    assert next_step(found, ready_children(), NOW).act == Act.TEAR_DOWN
    assert next_step(found, Children(), NOW).act == Act.FINISH


def test_deletion_waits_for_the_children() -> None:
    found, now = running(10)
    found.metadata.deletion_timestamp = "2026-01-01T12:00:00Z"
    assert next_step(found, ready_children(), now).act == Act.TEAR_DOWN
    assert next_step(found, Children(), now).act == Act.RELEASE


def test_conclusion_waits_for_samples_with_bounded_patience() -> None:
    found, end = running(70)
    assert not conclusion_due(found, complete=False, now=end)
    assert conclusion_due(found, complete=True, now=end)
    assert conclusion_due(found, complete=False, now=end + timedelta(seconds=15))


def test_patience_with_a_prometheus_begins_anew_with_each_window_it_tells() -> None:
    found, end = running(70)
    found.spec.source = ExperimentSource(observed=ObservedSource(url="http://127.0.0.1:9090"))
    late = end + timedelta(seconds=900)
    assert conclusion_due(found, complete=False, now=late)
    assert not conclusion_due(found, complete=False, now=late, told_at=late - timedelta(seconds=239))
    assert conclusion_due(found, complete=False, now=late, told_at=late - timedelta(seconds=240))


def tee(restarts: int, *, reason: str = "CrashLoopBackOff", not_ready_for_s: float = 1.0) -> Collector:
    """A tee that ended, as of 20 s after the start."""
    since = timestamp(running(20)[1] - timedelta(seconds=not_ready_for_s))
    found = Collector.from_wire({"metadata": {"name": "x-tee-a"}, "spec": {"host": "a", "role": "Tee", "config": {}}})
    found.status.phase, found.status.restarts = ProcessPhase.STARTING, restarts
    found.status.last_exit = ProcessExit(code=1, message="receivers.otlp: cannot listen on 127.0.0.1:4318")
    condition = Condition(type="Ready", status=ConditionStatus.FALSE, reason=reason, last_transition_time=since)
    found.status.conditions = [condition]
    return found


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (tee(0), ""),
        (tee(2), ""),
        (tee(3), "collector/x-tee-a ended 4 times: receivers.otlp: cannot listen on 127.0.0.1:4318"),
        (tee(9, reason="Starting"), ""),  # it starts just now
        (tee(1, not_ready_for_s=14), ""),
        (tee(1, not_ready_for_s=16), "collector/x-tee-a did not become ready"),
    ],
)
def test_a_source_that_keeps_ending_fails_the_run_and_one_that_recovers_does_not(source: Collector, said: str) -> None:
    found, now = running(20)
    step = next_step(found, replace(ready_children(), tees=(source,)), now)
    assert (step.reason, step.ending) == (("SourceFailed", ExperimentPhase.FAILED) if said else ("", None))
    assert said in step.message
    late = ProcessStatus(phase=ProcessPhase.RUNNING, conditions=[Condition(type="Ready", status=ConditionStatus.TRUE)])
    source.status = late
    assert next_step(found, replace(ready_children(), tees=(source,)), now).act == Act.MEASURE


@pytest.mark.parametrize("phase", [ExperimentPhase.RUNNING, ExperimentPhase.ANALYZING])
def test_a_prometheus_that_was_never_there_fails_the_run_and_one_that_was_does_not(phase: ExperimentPhase) -> None:
    found, now = running(20, phase)
    found.spec.source = ExperimentSource(observed=ObservedSource(url="http://127.0.0.1:9090"))
    meter = ready_children().meters[0]
    meter.status = tee(0, reason="Starting", not_ready_for_s=30).status
    step = next_step(found, Children(meters=(meter,)), now)
    assert (step.reason, step.ending) == ("SourceFailed", ExperimentPhase.FAILED)
    found.status.results = ExperimentResults(input=InputResult(windows=1))
    assert next_step(found, Children(meters=(meter,)), now).ending is None


def test_who_waits_for_senders_is_told_where_they_send_to_until_they_do() -> None:
    found, now = running(20)
    found.spec.source = ExperimentSource(otlp=OtlpSource(grpc_port=4317))
    source = tee(0, not_ready_for_s=3)
    children = Children(tees=(source,))
    told = hint_of(found, children, now)
    assert told is not None
    assert (told.reason, "collector/x-tee-a" in told.message) == ("SourceNotReady", True)
    source.status = ProcessStatus(phase=ProcessPhase.RUNNING, address="127.0.0.1", ports={"otlp": 4318})
    told = hint_of(found, children, now, ExperimentResults())
    assert told is not None
    assert told.reason == "AwaitingInput"
    assert "send OTLP/HTTP to http://127.0.0.1:4318/v1/metrics, or OTLP/gRPC to 127.0.0.1:4317" in told.message
    said = Draft(found, now).measuring(0.5, ExperimentResults(), told)
    assert said.verdict_reason == f"AwaitingInput: {told.message}"
    flows = ExperimentResults(input=InputResult(points={"baseline": 0, "lean": 7}))
    assert hint_of(found, children, now, flows) is None
    assert Draft(found, now).measuring(0.5, flows, None).verdict_reason == ""


def test_samples_that_are_long_in_coming_are_looked_for_less_often() -> None:
    found, end = running(70)
    assert conclusion_pace_s(found, end) == 0.2
    assert conclusion_pace_s(found, end + timedelta(seconds=15)) == 1.0


def test_only_a_promote_verdict_promotes_and_only_once() -> None:
    found = experiment(ExperimentPhase.COMPLETED, verdict=Verdict.REJECT)
    assert settle(found).move == Move.NONE
    found.status.verdict, found.status.promoted_candidate = Verdict.PROMOTE, "lean"
    assert settle(found) == settle(found)
    assert (settle(found).move, settle(found).candidate) == (Move.PROMOTE, "lean")
    found.status.promotion = PromotionRecord(deployment="edge", pipeline_hash="h1")
    assert settle(found).move == Move.NONE
    found.spec.decision = Decision.ROLLBACK
    assert settle(found).move == Move.ROLL_BACK
    found.status.promotion.rolled_back_at = "2026-01-01T12:00:00Z"
    assert settle(found).move == Move.NONE


def test_a_person_may_promote_what_the_verdict_did_not() -> None:
    found = experiment(ExperimentPhase.COMPLETED, verdict=Verdict.REJECT)
    found.spec.decision = Decision.PROMOTE
    assert (settle(found).move, settle(found).candidate) == (Move.PROMOTE, "lean")
    found.spec.on_success.deployment = None
    assert settle(found).reason == "NoTarget"


def test_what_is_promoted_is_what_was_judged() -> None:
    found = experiment(ExperimentPhase.COMPLETED, verdict=Verdict.PROMOTE, promoted_candidate="lean")
    pinned, config = judged(found, "lean")
    written = promoted_deployment(found, "lean", None, None)
    assert written.spec.pipeline.config == config == {"v": 1}
    assert written.spec.engine == pinned.engine
    assert "h1" in written.metadata.annotations["phoenix.io/promoted-from"]
