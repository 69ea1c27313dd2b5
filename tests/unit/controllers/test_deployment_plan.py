"""Rollouts: created, progressing, deployed, refused, late, rolled back, undone."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from controllers.pipelinedeployment.history import mark, started
from controllers.pipelinedeployment.model import Observed, Rendering, Wanted
from controllers.pipelinedeployment.plan import plan
from controllers.pipelinedeployment.status import status_of
from phoenix.api.collector import Collector, CollectorSpec, Engine
from phoenix.api.host import Host
from phoenix.api.pipeline import (
    PipelineDeployment,
    PipelineDeploymentSpec,
    PipelineRevision,
    PipelineRevisionSpec,
    PipelineSource,
    RevisionOutcome,
)
from phoenix.api.process import ConfigAttempt, ProcessStatus
from phoenix.apimachinery.conditions import Condition, ConditionStatus, find_condition, timestamp
from phoenix.apimachinery.meta import ObjectMeta

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
CONFIG_1, CONFIG_2 = {"v": 1}, {"v": 2}


def revision(number: int, config: dict[str, int]) -> PipelineRevision:
    return PipelineRevision(
        metadata=ObjectMeta(name=f"edge-{number}"),
        spec=PipelineRevisionSpec(
            revision=number, pipeline=PipelineSource(config=config), resolved=config, pipeline_hash=f"p{number}"
        ),
    )


def collector(config_hash: str, *, ready_for_s: float | None, attempt: ConfigAttempt | None = None) -> Collector:
    conditions = []
    if ready_for_s is not None:
        since = timestamp(NOW - timedelta(seconds=ready_for_s))
        conditions = [Condition(type="Ready", status=ConditionStatus.TRUE, last_transition_time=since)]
    return Collector(
        metadata=ObjectMeta(name="edge-a"),
        spec=CollectorSpec(host="a", config_hash=config_hash),
        status=ProcessStatus(conditions=conditions, effective_hash=config_hash, attempted=attempt),
    )


def observe(config: dict[str, int], *, revisions: tuple[PipelineRevision, ...] = (), **changes: object) -> Observed:
    spec = PipelineDeploymentSpec(pipeline=PipelineSource(config=config))
    base = Observed(
        deployment=PipelineDeployment(metadata=ObjectMeta(name="edge", generation=1), spec=spec),
        wanted=Wanted(config, {}, 0, f"p{config['v']}", Engine.EMBEDDED),
        revisions=revisions,
        renderings={item.spec.revision: Rendering(item.spec.resolved, f"c{item.spec.revision}") for item in revisions},
        collectors=(),
        hosts=(Host(metadata=ObjectMeta(name="a")),),
        endpoints=None,
        now=NOW,
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def with_history(observed: Observed, *outcomes: RevisionOutcome, age_s: float = 5) -> Observed:
    history = tuple(observed.deployment.status.history)
    for item, outcome in zip(observed.revisions, outcomes, strict=False):
        history = started(history, item, f"c{item.spec.revision}", NOW - timedelta(seconds=age_s))
        history = mark(history, item.spec.revision, outcome, "")
    deployment = observed.deployment.model_copy(deep=True)
    deployment.status.history = list(history)
    return replace(observed, deployment=deployment)


def test_a_new_spec_makes_a_revision_first() -> None:
    assert plan(observe(CONFIG_1)).create_revision == 1
    second = plan(observe(CONFIG_2, revisions=(revision(1, CONFIG_1),)))
    assert second.create_revision == 2
    assert not second.collectors


def test_a_paused_deployment_rolls_nothing_out() -> None:
    observed = observe(CONFIG_2, revisions=(revision(1, CONFIG_1),))
    observed.deployment.spec.paused = True
    assert plan(observed).create_revision is None


def test_a_revision_is_rolled_out_to_every_host() -> None:
    planned = plan(observe(CONFIG_1, revisions=(revision(1, CONFIG_1),)))
    assert [(change.host, change.rendering.config_hash) for change in planned.collectors] == [("a", "c1")]
    assert planned.history[0].outcome == RevisionOutcome.PROGRESSING


def test_a_host_waits_for_its_meter() -> None:
    planned = plan(observe(CONFIG_1, revisions=(revision(1, CONFIG_1),), endpoints={}))
    assert not planned.collectors
    assert planned.waiting_for == "the meter on a"


def test_ready_for_long_enough_is_deployed_and_supersedes() -> None:
    both = (revision(1, CONFIG_1), revision(2, CONFIG_2))
    observed = observe(CONFIG_2, revisions=both, collectors=(collector("c2", ready_for_s=10),))
    observed = with_history(observed, RevisionOutcome.DEPLOYED, RevisionOutcome.PROGRESSING)
    planned = plan(observed)
    assert [record.outcome for record in planned.history] == [RevisionOutcome.SUPERSEDED, RevisionOutcome.DEPLOYED]
    assert [notice.reason for notice in planned.notices] == ["DeploymentAvailable"]
    status = status_of(observed, planned)
    assert (status.revision, status.config_hash) == (2, "c2")
    assert not planned.collectors


@pytest.mark.parametrize(("age_s", "rolled_back"), [(59, False), (61, True)])
def test_a_late_revision_goes_back_to_the_good_one(age_s: float, rolled_back: bool) -> None:
    both = (revision(1, CONFIG_1), revision(2, CONFIG_2))
    observed = observe(CONFIG_2, revisions=both, collectors=(collector("c2", ready_for_s=None),))
    history = with_history(observe(CONFIG_1, revisions=both[:1]), RevisionOutcome.DEPLOYED, age_s=900)
    deployment = observed.deployment.model_copy(deep=True)
    old = tuple(history.deployment.status.history)
    deployment.status.history = list(started(old, both[1], "c2", NOW - timedelta(seconds=age_s)))
    planned = plan(replace(observed, deployment=deployment))
    if not rolled_back:
        assert planned.target is both[1]
        return
    assert planned.history[1].outcome == RevisionOutcome.ROLLED_BACK
    assert [(change.rendering.config_hash, change.existing is not None) for change in planned.collectors] == [
        ("c1", True)
    ]
    assert planned.notices[0].reason == "DeploymentRolledBack"
    again = plan(
        replace(
            observed,
            deployment=deployment.model_copy(
                update={"status": deployment.status.model_copy(update={"history": list(planned.history)})}
            ),
            collectors=(collector("c1", ready_for_s=3),),
        )
    )
    assert not again.notices
    assert not again.collectors
    assert again.create_revision is None


def test_a_refused_config_is_rolled_back_at_once_and_says_why() -> None:
    both = (revision(1, CONFIG_1), revision(2, CONFIG_2))
    refused = ConfigAttempt(config_hash="c2", reason="ConfigInvalid", message="unknown processor")
    observed = observe(CONFIG_2, revisions=both, collectors=(collector("c2", ready_for_s=None, attempt=refused),))
    observed = with_history(observed, RevisionOutcome.DEPLOYED, RevisionOutcome.PROGRESSING, age_s=1)
    planned = plan(observed)
    assert "unknown processor" in planned.history[1].reason
    status = status_of(observed, planned)
    assert status.revision == 1
    assert status.attempted is not None
    assert (status.attempted.revision, status.attempted.reason) == (2, "RolledBack")
    progressing = find_condition(status.conditions, "Progressing")
    assert progressing is not None
    assert progressing.reason == "RolledBack"


def test_undo_is_a_new_revision_with_old_content() -> None:
    both = (revision(1, CONFIG_1), revision(2, CONFIG_2))
    observed = observe(CONFIG_1, revisions=both, collectors=(collector("c2", ready_for_s=9),))
    observed = with_history(observed, RevisionOutcome.SUPERSEDED, RevisionOutcome.DEPLOYED)
    assert plan(observed).create_revision == 3


def test_old_revisions_beyond_the_limit_go() -> None:
    many = tuple(revision(number, {"v": number}) for number in range(1, 6))
    observed = observe({"v": 5}, revisions=many, collectors=(collector("c5", ready_for_s=9),))
    observed.deployment.spec.revision_history_limit = 2
    outcomes = [RevisionOutcome.SUPERSEDED] * 4 + [RevisionOutcome.DEPLOYED]
    planned = plan(with_history(observed, *outcomes))
    assert [item.spec.revision for item in planned.delete_revisions] == [1, 2]
    assert [record.revision for record in planned.history] == [3, 4, 5]


def test_no_host_is_said() -> None:
    observed = observe(CONFIG_1, revisions=(revision(1, CONFIG_1),), hosts=())
    available = find_condition(status_of(observed, plan(observed)).conditions, "Available")
    assert available is not None
    assert available.reason == "NoMatchingHost"
