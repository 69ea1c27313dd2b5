"""A canary rollout as a world that moves: hosts become ready, time passes, people say go on or back."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from pydantic import ValidationError

from controllers.pipelinedeployment.canary import ABORTED_ANNOTATION, APPROVED_ANNOTATION
from controllers.pipelinedeployment.model import Observed, Plan
from controllers.pipelinedeployment.plan import plan
from controllers.pipelinedeployment.status import status_of
from phoenix.api.collector import Collector, CollectorSpec
from phoenix.api.host import Host
from phoenix.api.pipeline import RevisionOutcome, RolloutStrategy
from phoenix.api.process import ProcessStatus
from phoenix.apimachinery.conditions import Condition, ConditionStatus, find_condition, timestamp
from phoenix.apimachinery.meta import ObjectMeta
from tests.unit.controllers.test_deployment_plan import CONFIG_1, CONFIG_2, NOW, observe, revision, with_history

HOSTS = ("a", "b", "c", "d")


class World:
    """Four hosts that run revision 1; spec asks for revision 2."""

    def __init__(self, *steps: dict[str, object]) -> None:
        both = (revision(1, CONFIG_1), revision(2, CONFIG_2))
        observed = observe(
            CONFIG_2, revisions=both, hosts=tuple(Host(metadata=ObjectMeta(name=name)) for name in HOSTS)
        )
        observed.deployment.spec.strategy = RolloutStrategy.from_wire({"type": "Canary", "steps": list(steps)})
        self.observed = with_history(observed, RevisionOutcome.DEPLOYED, RevisionOutcome.PROGRESSING, age_s=0)
        self.observed.deployment.status.revision = 1
        self.hashes = dict.fromkeys(HOSTS, "c1")
        self.since = dict.fromkeys(HOSTS, NOW - timedelta(hours=1))
        self.broken: set[str] = set()
        self.now = NOW
        self.said: list[str] = []

    def look(self) -> Observed:
        collectors = []
        for host, config_hash in self.hashes.items():
            ok = not (host in self.broken and config_hash == "c2")
            condition = Condition(
                type="Ready",
                status=ConditionStatus.TRUE if ok else ConditionStatus.FALSE,
                last_transition_time=timestamp(self.since[host]),
            )
            collectors.append(
                Collector(
                    metadata=ObjectMeta(name=f"edge-{host}"),
                    spec=CollectorSpec(host=host, config_hash=config_hash),
                    status=ProcessStatus(conditions=[condition], effective_hash=config_hash if ok else ""),
                )
            )
        return replace(self.observed, collectors=tuple(collectors), now=self.now)

    def settle(self) -> Plan:
        """Reconcile until nothing is left to do now."""
        for _ in range(10):
            observed = self.look()
            planned = plan(observed)
            self.said += [notice.reason for notice in planned.notices]
            self.observed.deployment.status = status_of(observed, planned)
            for change in planned.collectors:
                self.hashes[change.host], self.since[change.host] = change.rendering.config_hash, self.now
            if not planned.collectors and not planned.notices:
                return planned
        raise AssertionError("it does not settle")

    def after(self, seconds: float) -> Plan:
        self.now += timedelta(seconds=seconds)
        return self.settle()

    @property
    def new(self) -> str:
        return "".join(host for host, found in self.hashes.items() if found == "c2")

    @property
    def progressing(self) -> tuple[str, str]:
        found = find_condition(self.observed.deployment.status.conditions, "Progressing")
        assert found is not None
        return found.reason, found.message


def test_hosts_follow_step_by_step_and_the_old_one_counts_until_the_end() -> None:
    world = World({"percent": 25, "hold": "30s"}, {"percent": 50, "hold": "10s"})
    world.settle()
    assert world.new == "a"
    world.after(3)
    assert (world.new, world.progressing[0]) == ("a", "Held")
    world.after(29)
    assert world.new == "a"
    world.after(2)
    assert world.new == "ab"
    assert world.observed.deployment.status.revision == 1
    world.after(3)
    world.after(11)
    assert world.new == "abcd"
    world.after(3)
    assert world.observed.deployment.status.revision == 2
    assert world.observed.deployment.status.rollout is None
    assert world.said.count("RolloutAdvanced") == 3
    assert world.said[-1] == "DeploymentAvailable"


def test_a_manual_step_waits_for_ever_and_its_approval_counts_for_this_revision_alone() -> None:
    world = World({"percent": 1, "manual": True})
    world.settle()
    world.after(3)
    planned = world.after(100_000)
    assert (world.new, planned.requeue_after_s) == ("a", None)
    assert "rollout resume" in world.progressing[1]
    world.observed.deployment.metadata.annotations[APPROVED_ANNOTATION] = "1/1"
    world.settle()
    assert world.new == "a"
    world.observed.deployment.metadata.annotations[APPROVED_ANNOTATION] = "2/1"
    world.settle()
    assert world.new == "abcd"
    assert world.said.count("RolloutHeld") == 1


def test_a_host_that_does_not_become_ready_takes_all_back() -> None:
    world = World({"percent": 50}, {"percent": 75})
    world.broken = {"b"}
    world.settle()
    assert world.new == "ab"
    world.after(61)
    assert world.new == ""
    status = world.observed.deployment.status
    assert status.attempted is not None
    assert (status.revision, status.attempted.revision, status.attempted.reason) == (1, 2, "RolledBack")
    assert "b:" in status.attempted.message
    assert world.progressing[0] == "RolledBack"


def test_a_host_that_fails_in_a_hold_takes_all_back_after_a_deadline_of_its_own() -> None:
    world = World({"percent": 25, "hold": "1h"})
    world.settle()
    world.after(3)
    world.after(1800)
    world.broken = {"a"}
    world.after(1)
    assert world.new == "a"
    world.after(61)
    assert world.new == ""


def test_paused_it_stays_where_it_is_and_goes_on_with_a_fresh_deadline() -> None:
    world = World({"percent": 25}, {"percent": 50})
    world.settle()
    world.observed.deployment.spec.paused = True
    world.after(4)
    assert world.new == "a"
    world.after(600)
    assert (world.new, world.progressing[0]) == ("a", "Held")
    world.observed.deployment.spec.paused = False
    world.after(1)
    assert world.new == "ab"


def test_abort_goes_back_at_once_and_is_not_tried_again() -> None:
    world = World({"percent": 25, "manual": True})
    world.settle()
    world.observed.deployment.metadata.annotations[ABORTED_ANNOTATION] = "2"
    world.after(1)
    assert world.new == ""
    assert "aborted" in world.progressing[1]
    world.after(600)
    assert world.new == ""


def test_the_first_revision_goes_to_every_host() -> None:
    world = World({"percent": 25, "manual": True})
    world.observed = replace(world.observed, revisions=world.observed.revisions[1:])
    world.observed.deployment.status.history = []
    world.observed.deployment.status.revision = 0
    world.settle()
    assert world.new == "abcd"


@pytest.mark.parametrize(
    "strategy",
    [
        {"type": "Canary"},
        {"type": "Immediate", "steps": [{"percent": 5}]},
        {"type": "Canary", "steps": [{"percent": 50}, {"percent": 50}]},
        {"type": "Canary", "steps": [{"percent": 0}]},
        {"type": "Canary", "steps": [{"percent": 10, "hold": "soon"}]},
    ],
)
def test_strategies_that_make_no_sense_are_refused(strategy: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        RolloutStrategy.from_wire(strategy)
