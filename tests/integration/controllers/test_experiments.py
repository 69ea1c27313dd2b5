"""Experiments against a real server: crashes, names, hosts that come and go, and how often status is written."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from controllers.experiment.measuring import SETTLING_WINDOWS, Measuring
from phoenix.api.collector import Collector
from phoenix.api.core import Event, Namespace
from phoenix.api.experiment import Experiment, ExperimentPhase
from phoenix.api.loadgenerator import LoadGenerator
from phoenix.api.meter import Meter
from phoenix.api.pipeline import PipelineDeployment
from phoenix.apimachinery.conditions import find_condition
from phoenix.apimachinery.errors import Conflict
from phoenix.apimachinery.meta import ObjectKey, ObjectMeta
from phoenix.runtime.reconcile import Request
from phoenix.samples.model import InputSample, OutputSample
from tests.contract.reconciler.suite import CancellingClient
from tests.integration.controllers.world import World, deployment_wire

KEY = ObjectKey("default", "x")


async def x(earth: World) -> Experiment:
    found = await earth.get(Experiment, "x")
    assert found is not None
    return found


async def until(earth: World, phase: ExperimentPhase, *, seconds: float = 0.5, turns: int = 60) -> Experiment:
    """Let the world turn until the experiment is in this phase."""
    for _ in range(turns):
        await earth.turn(seconds=seconds)
        found = await x(earth)
        if found.status.phase == phase and found.status.ending is None:
            return found
    found = await x(earth)
    raise AssertionError(f"{found.status.phase}, not {phase}: {[str(c) for c in found.status.conditions]}")


async def everything_left(earth: World) -> list[str]:
    kinds = (Meter, Collector, LoadGenerator, PipelineDeployment)
    return [item.ref for kind in kinds for item in (await earth.client.list(kind)).items]


async def test_a_whole_run_ends_and_leaves_nothing(earth: World) -> None:
    await earth.experiment()
    done = await until(earth, ExperimentPhase.COMPLETED, seconds=3)
    assert done.status.verdict == "Invalid"  # nobody sent or metered anything
    assert await everything_left(earth) == []
    await earth.turn()  # says what became of the verdict
    before = await earth.revision()
    await earth.turns(5, seconds=10)
    assert await earth.revision() == before


@pytest.mark.parametrize("made", [True, False], ids=["after the write", "before the write"])
async def test_killed_at_any_write_it_ends_all_the_same_and_tells_each_event(earth: World, made: bool) -> None:
    """The reconciler is cancelled once around each of its writes, from the first to the last of a whole run."""
    await earth.experiment()
    for _ in range(150):
        await earth.clock.advance(0.7)
        await earth.beat()
        for at in range(1, 30):
            cancelling = CancellingClient(earth.client, at, made=made)
            task = asyncio.create_task(earth.experiments(cancelling).reconcile(Request(KEY)))
            await asyncio.wait({task})
            if not task.cancelled():
                task.result()
                break
        for deployment in (await earth.client.list(PipelineDeployment)).items:
            await earth.deployments().reconcile(Request(deployment.key))
        await earth.collect_garbage()
        await earth.obey()
        if (await x(earth)).status.phase == ExperimentPhase.COMPLETED:
            break
    done = await x(earth)
    assert done.status.phase == ExperimentPhase.COMPLETED
    assert done.status.run == 1
    assert await everything_left(earth) == []
    told = set(await earth.events("x"))
    assert told >= {
        "ExperimentStarted",
        "VariantReady",
        "LoadStarted",
        "MeasurementStarted",
        "ExperimentAnalyzed",
        "ExperimentCompleted",
    }


async def test_status_is_written_at_most_once_a_window_however_often_children_wake_it(earth: World) -> None:
    await earth.experiment(timing={"warmup": "2s", "duration": "20s", "interval": "1s"})
    await until(earth, ExperimentPhase.RUNNING)
    reconciler = earth.experiments()
    await reconciler.reconcile(Request(KEY))
    before = await earth.revision()
    for _ in range(40):
        await earth.clock.advance(0.2)
        await reconciler.reconcile(Request(KEY))
    assert await earth.revision() - before <= 8 / 2 + 1 + 2  # windows of 2 s in 8 s, and progress events


async def test_suspend_does_not_hold_back_a_rollback(earth: World) -> None:
    await earth.experiment(onSuccess={"action": "Hold", "deployment": {"name": "edge"}})
    await until(earth, ExperimentPhase.COMPLETED, seconds=3)
    await earth.client.patch(Experiment, "x", "default", {"spec": {"decision": "Promote"}})
    await earth.turns(3)
    assert (await x(earth)).status.promotion is not None
    await earth.client.patch(Experiment, "x", "default", {"spec": {"decision": "Rollback", "suspend": True}})
    await earth.turns(3)
    promotion = (await x(earth)).status.promotion
    assert promotion is not None
    assert promotion.rolled_back_at


async def test_a_host_that_joins_while_variants_deploy_is_not_waited_for(earth: World) -> None:
    await earth.experiment()
    await earth.experiments().reconcile(Request(KEY))
    assert (await x(earth)).status.hosts == ["a"]
    await earth.host("b")
    begun = await until(earth, ExperimentPhase.WARMING_UP)
    assert begun.status.hosts == ["a"]
    assert {item.spec.host for item in (await earth.client.list(Collector)).items} == {"a"}


async def test_two_hosts_have_their_own_meters_sources_and_targets(earth: World) -> None:
    await earth.host("b")
    await earth.experiment()
    await until(earth, ExperimentPhase.WARMING_UP)
    await earth.turns(1)
    hosts = [item.spec.host for item in (await earth.client.list(Meter)).items]
    hosts += [item.spec.host for item in (await earth.client.list(LoadGenerator)).items]
    hosts += [item.spec.host for item in (await earth.client.list(Collector)).items]
    assert sorted(hosts) == ["a"] * 4 + ["b"] * 4  # a meter, a source and two variants each
    # The counts of hosts are added, so that no series of one may be a series of another.
    seeds = {item.spec.host: item.spec.seed for item in (await earth.client.list(LoadGenerator)).items}
    assert seeds == {"a": 1, "b": 2}
    for generator in (await earth.client.list(LoadGenerator)).items:
        assert [target.name for target in generator.spec.targets] == ["baseline", "lean"]
    done = await until(earth, ExperimentPhase.COMPLETED, seconds=3)
    assert any("b" in problem for problem in (done.status.results.problems if done.status.results else []))


async def test_a_name_that_is_taken_is_said_and_the_run_fails(earth: World) -> None:
    await earth.client.create(PipelineDeployment.from_wire(deployment_wire("x-lean")))
    await earth.experiment(timing={"progressDeadline": "5s", "duration": "10s", "interval": "1s"})
    failed = await until(earth, ExperimentPhase.FAILED)
    complete = find_condition(failed.status.conditions, "Complete")
    assert complete is not None
    assert "pipelinedeployment/x-lean" in complete.message
    assert await earth.get(PipelineDeployment, "x-lean") is not None


async def test_what_is_refused_is_pending_and_says_why(earth: World) -> None:
    await earth.experiment(source={"load": {"profileRef": {"name": "microservice-http"}}})
    await earth.experiments().reconcile(Request(KEY))
    stored = (await x(earth)).status
    assert "phase" in stored.model_fields_set, "kubectl shows what is stored, not what we take for granted"
    assert stored.phase == ExperimentPhase.PENDING
    assert stored.verdict_reason.startswith("ProfileNotFound: spec.source.load.profileRef.name: no LoadProfile")
    before = await earth.revision()
    await earth.experiments().reconcile(Request(KEY))
    assert await earth.revision() == before
    await earth.client.patch(
        Experiment, "x", "default", {"spec": {"source": {"load": {"profileRef": {"name": "microservices-http"}}}}}
    )
    assert (await until(earth, ExperimentPhase.RUNNING)).status.verdict_reason == ""


async def test_what_a_run_waits_for_at_its_end_is_said(earth: World) -> None:
    await earth.experiment()
    await until(earth, ExperimentPhase.RUNNING)
    earth.dead_hosts.add("a")
    await earth.client.patch(Experiment, "x", "default", {"spec": {"suspend": True}})
    await earth.turns(3, seconds=1)
    complete = find_condition((await x(earth)).status.conditions, "Complete")
    assert complete is not None
    assert complete.reason == "Ending"
    assert "loadgenerator/x-load-a" in complete.message
    before = await earth.revision()
    await earth.turns(3, seconds=1)
    assert await earth.revision() == before


async def test_the_next_run_takes_nothing_of_the_last(earth: World) -> None:
    await earth.experiment()
    await until(earth, ExperimentPhase.RUNNING)
    first = {item.metadata.uid for kind in (Meter, Collector) for item in (await earth.client.list(kind)).items}
    await earth.client.patch(Experiment, "x", "default", {"spec": {"suspend": True}})
    await earth.experiments().reconcile(Request(KEY))
    await earth.client.patch(Experiment, "x", "default", {"spec": {"suspend": False}})
    again = await until(earth, ExperimentPhase.RUNNING)
    assert again.status.run == 2
    second: list[Meter | Collector] = [*(await earth.client.list(Meter)).items]
    second += (await earth.client.list(Collector)).items
    assert not first & {item.metadata.uid for item in second}
    assert {item.metadata.labels["phoenix.io/run"] for item in second} == {"2"}
    assert {item.spec.measurement.run for item in second if item.spec.measurement} == {2}


async def test_deleted_and_made_anew_under_its_name(earth: World) -> None:
    await earth.experiment()
    await until(earth, ExperimentPhase.RUNNING)
    old = await x(earth)
    await earth.client.delete(Experiment, "x", "default")
    for _ in range(20):
        await earth.turn(seconds=0.5)
        if await earth.get(Experiment, "x") is None:
            break
    await earth.experiment()
    new = await until(earth, ExperimentPhase.RUNNING)
    assert new.metadata.uid != old.metadata.uid
    assert all(
        item.metadata.owner_references[0].uid == new.metadata.uid for item in (await earth.client.list(Meter)).items
    )


async def test_a_namespace_goes_with_a_running_experiment(earth: World) -> None:
    await earth.client.create(Namespace(metadata=ObjectMeta(name="team")))
    made = Experiment.from_wire(
        {**(await earth.experiment()).to_wire(), "metadata": {"name": "y", "namespace": "team"}}
    )
    await earth.client.create(made)
    for _ in range(30):
        await earth.turn(seconds=0.3)
        found = await earth.get(Experiment, "y", "team")
        if found is not None and found.status.phase == ExperimentPhase.RUNNING:
            break
    await earth.client.delete(Namespace, "team")
    for _ in range(20):
        await earth.turn(seconds=0.3)
        if await earth.get(Namespace, "team", "") is None:
            break
    assert await earth.get(Namespace, "team", "") is None
    assert all(item.metadata.namespace == "default" for item in (await earth.client.list(Meter)).items)


async def test_messages_are_never_empty(earth: World) -> None:
    await earth.experiment(decision="Rollback")
    done = await until(earth, ExperimentPhase.COMPLETED, seconds=3)
    await earth.turns(2)
    done = await x(earth)
    assert [c.type for c in done.status.conditions if not c.message] == []
    events = (await earth.client.list(Event)).items
    assert [event.reason for event in events if not event.message] == []


class LateEdit:
    """A client during whose first write of a status somebody edits the spec of `x`."""

    def __init__(self, earth: World) -> None:
        self._earth, self._edited = earth, False

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._earth.client, name)

        async def write(*args: Any, **kwargs: Any) -> Any:
            if not self._edited and (name == "update_status" or kwargs.get("subresource") == "status"):
                self._edited = True
                await self._earth.client.patch(Experiment, "x", "default", {"spec": {"cost": {"hosts": 7}}})
            return await method(*args, **kwargs)

        return write if name in ("patch", "update_status") else method


async def test_pins_of_a_spec_that_was_changed_meanwhile_are_not_kept(earth: World) -> None:
    await earth.experiment()
    late: Any = LateEdit(earth)
    with pytest.raises(Conflict):
        await earth.experiments(late).reconcile(Request(KEY))
    assert (await x(earth)).status.run == 0
    await earth.experiments().reconcile(Request(KEY))
    started = await x(earth)
    accepted = find_condition(started.status.conditions, "Accepted")
    assert accepted is not None
    assert (started.status.run, accepted.observed_generation) == (1, started.metadata.generation)


def sent_in(window: int) -> InputSample:
    """What a source sent in the window of this number, two seconds each."""
    return InputSample(
        run=1, host="a", variant="lean", window_start=window * 2_000_000_000, window_end=(window + 1) * 2_000_000_000,
        instance="i", ticks=2, planned_points=1, sent_points=1, acked_points=1, requests=2, sent_first=1, bytes=1,
        digest="0",
    )  # fmt: skip


def metered(variant: str, window: int) -> OutputSample:
    """What a meter tells of a window in which nothing came."""
    return OutputSample(
        run=1, host="a", variant=variant, window_start=window * 2_000_000_000, window_end=(window + 1) * 2_000_000_000,
        instance="i", points=0, samples=0, bytes=0, requests=0, duplicates=0, late_points=0, max_lag_s=0.0, streams=0,
        active_series=0, streams_by_last_window=[], active_series_by_last_window=[],
    )  # fmt: skip


async def test_samples_that_come_later_than_many_windows_count_in_the_end(earth: World) -> None:
    """A reporter that was cut off for a while sends late: a live analysis may lack that, the final one may not."""
    await earth.experiment()
    found = await until(earth, ExperimentPhase.RUNNING)
    measuring = Measuring(earth.client)
    early = 100 - SETTLING_WINDOWS - 1
    await earth.client.post_samples("default", "x", [sent_in(100), metered("baseline", 100)])
    assert len(await measuring._samples(found, everything=False)) == 2
    # Outputs of a variant may be windows behind all the rest: they are not passed over.
    await earth.client.post_samples("default", "x", [metered("lean", early)])
    assert len(await measuring._samples(found, everything=False)) == 3
    await earth.client.post_samples("default", "x", [metered("lean", 100)])
    assert len(await measuring._samples(found, everything=False)) == 4
    await earth.client.post_samples("default", "x", [sent_in(early)])
    assert len(await measuring._samples(found, everything=False)) == 4
    assert len(await measuring._samples(found, everything=True)) == 5


async def test_a_run_about_the_past_tells_once_that_it_measures_and_keeps_what_was_told(earth: World) -> None:
    """By the windows that were told, a Prometheus that goes away later is waited for."""
    variants = [
        {"name": name, "role": role, "selector": f'{{variant="{name}"}}'}
        for name, role in (("baseline", "Baseline"), ("lean", "Candidate"))
    ]
    source = {"observed": {"url": "http://127.0.0.1:9090", "since": "1970-01-01T00:00:20Z", "lag": "0s"}}
    await earth.experiment(source=source, variants=variants)
    await until(earth, ExperimentPhase.ANALYZING)
    await earth.client.post_samples("default", "x", [metered("baseline", 10), metered("lean", 10)])
    await earth.turn(seconds=1)
    found = await x(earth)
    assert found.status.results is not None
    assert (found.status.phase, found.status.results.input.windows) == (ExperimentPhase.ANALYZING, 1)
    revision = await earth.revision()
    await earth.turn(seconds=1)
    assert await earth.revision() == revision, "nothing new, nothing written"
    events = (await earth.client.list(Event, "default")).items
    assert [event.count for event in events if event.reason == "MeasurementStarted"] == [1]
