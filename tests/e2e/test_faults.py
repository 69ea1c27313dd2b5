"""kill -9 and SIGSTOP of every part: no orphan, no lost write, and an honest end."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import orjson
import pytest

from phoenix.api.collector import Collector
from phoenix.api.core import Namespace
from phoenix.api.experiment import Experiment
from phoenix.api.meter import Meter
from phoenix.api.results import Verdict
from phoenix.apimachinery.meta import ObjectMeta
from tests.harness.cluster import Cluster
from tests.harness.eventually import eventually

pytestmark = pytest.mark.e2e
TIMING = {"warmup": "2s", "duration": "10s", "interval": "500ms"}


async def collector_of(phoenix: Cluster, variant: str) -> Collector:
    found = await phoenix.client.list(Collector, "default", label_selector=f"phoenix.io/variant={variant}")
    (one,) = found.items
    return one


async def measured_for(phoenix: Cluster, name: str, windows: int) -> Experiment:
    async def look() -> Experiment:
        return await phoenix.experiment(name)

    return await eventually(
        look,
        lambda found: found.status.results is not None and found.status.results.input.windows >= windows,
        within_s=30,
        what=f"{windows} measured windows",
    )


def shim_pid(phoenix: Cluster) -> int:
    return int(orjson.loads((phoenix.state / "shim" / "identity.json").read_bytes())["pid"])


async def test_kill_9_of_a_collector_makes_the_run_invalid_and_says_so(phoenix: Cluster) -> None:
    name = await phoenix.apply_example("http-microservices.yaml", TIMING)
    await measured_for(phoenix, name, 1)
    victim = await collector_of(phoenix, "candidate")
    assert victim.status.pid is not None
    os.kill(victim.status.pid, signal.SIGKILL)
    done = await phoenix.until(name, {"Completed", "Failed"}, within_s=60)
    assert done.status.verdict == Verdict.INVALID, done.status.verdict_reason
    assert "candidate" in done.status.verdict_reason
    assert done.status.promotion is None
    await phoenix.quiet()


async def test_sigstop_of_the_meter_makes_the_run_invalid(phoenix: Cluster) -> None:
    name = await phoenix.apply_example("http-microservices.yaml", TIMING)
    await measured_for(phoenix, name, 1)
    (meter,) = (await phoenix.client.list(Meter, "default")).items
    assert meter.status.pid is not None
    os.kill(meter.status.pid, signal.SIGSTOP)
    try:
        await asyncio.sleep(3)  # the fault itself lasts three seconds; nothing is waited for
    finally:
        os.kill(meter.status.pid, signal.SIGCONT)
    done = await phoenix.until(name, {"Completed", "Failed"}, within_s=60)
    assert done.status.verdict == Verdict.INVALID, done.status.verdict_reason


async def test_kill_9_of_the_meter_makes_the_run_invalid_and_says_so(phoenix: Cluster) -> None:
    name = await phoenix.apply_example("http-microservices.yaml", TIMING)
    await measured_for(phoenix, name, 2)
    (meter,) = (await phoenix.client.list(Meter, "default")).items
    assert meter.status.pid is not None
    os.kill(meter.status.pid, signal.SIGKILL)
    done = await phoenix.until(name, {"Completed", "Failed"}, within_s=90)
    assert done.status.verdict == Verdict.INVALID, done.status.verdict_reason
    assert done.status.results is not None
    problems = done.status.results.problems
    # Another meter came, or none in time: either is told, and what one saw is not averaged with what the other did.
    assert any("the meter was restarted" in text or "the meter reported no data" in text for text in problems), problems
    assert done.status.promotion is None
    await phoenix.quiet()


async def test_kill_9_of_the_shim_leaves_workloads_running_and_known(phoenix: Cluster) -> None:
    name = await phoenix.apply_example("http-microservices.yaml", TIMING)
    await measured_for(phoenix, name, 1)
    before = (await collector_of(phoenix, "candidate")).status.pid
    old = shim_pid(phoenix)
    os.kill(old, signal.SIGKILL)

    async def look() -> int:
        try:
            return shim_pid(phoenix)
        except (OSError, ValueError):
            return old

    await eventually(look, lambda pid: pid != old, within_s=40, what="a new shim")
    assert (await collector_of(phoenix, "candidate")).status.pid == before
    done = await phoenix.until(name, {"Completed", "Failed"}, within_s=60)
    assert done.status.phase == "Completed"
    assert done.status.verdict in (Verdict.PROMOTE, Verdict.INVALID), done.status.verdict_reason
    await phoenix.quiet()


async def test_kill_9_of_up_and_restart_goes_on_with_the_same_processes(phoenix: Cluster) -> None:
    name = await phoenix.apply_example("http-microservices.yaml", {**TIMING, "duration": "16s"})
    await measured_for(phoenix, name, 1)
    before = await collector_of(phoenix, "candidate")
    await phoenix.kill()
    await phoenix.start("--port", "0")
    after = await collector_of(phoenix, "candidate")
    assert after.status.pid == before.status.pid
    done = await phoenix.until(name, {"Completed", "Failed"}, within_s=60)
    assert done.status.phase == "Completed"
    assert done.status.verdict in (Verdict.PROMOTE, Verdict.INVALID), done.status.verdict_reason
    if done.status.verdict == Verdict.INVALID:
        assert done.status.verdict_reason
    await phoenix.quiet()


async def test_kill_9_of_everything_loses_no_acknowledged_write(phoenix: Cluster) -> None:
    name = await phoenix.apply_example("http-microservices.yaml", TIMING)
    await measured_for(phoenix, name, 1)
    acknowledged: list[str] = []

    async def write() -> None:
        for number in range(10_000):
            made = Namespace(metadata=ObjectMeta(name=f"written-{number}"))
            await phoenix.client.create(made)
            acknowledged.append(made.metadata.name)

    writing = asyncio.ensure_future(write())
    await eventually(_count(acknowledged), lambda count: count > 50, within_s=40, what="50 writes")
    phoenix.remember()
    for victim in phoenix.leftovers():
        os.kill(victim.pid, signal.SIGKILL)
    await asyncio.gather(writing, return_exceptions=True)
    await phoenix.kill()
    await phoenix.start("--port", "0")
    names = {item.metadata.name for item in (await phoenix.client.list(Namespace)).items}
    assert set(acknowledged) <= names
    done = await phoenix.until(name, {"Completed", "Failed"}, within_s=60)
    assert done.status.verdict in (Verdict.INVALID, None), done.status.verdict_reason
    assert done.status.promotion is None
    await phoenix.quiet()


def _count(names: list[str]):  # type: ignore[no-untyped-def]
    async def look() -> int:
        return len(names)

    return look


async def test_three_experiments_at_once_are_each_valid(phoenix: Cluster, tmp_path: Path) -> None:
    for number in range(3):
        experiment = {
            "apiVersion": "phoenix.io/v1alpha1",
            "kind": "Experiment",
            "metadata": {"name": f"many-{number}"},
            "spec": {
                "source": {"load": {"profileRef": {"name": "microservices-http"}, "seed": number}},
                "variants": [
                    {"name": "baseline", "role": "Baseline", "pipeline": {"templateRef": {"name": "baseline"}}},
                    {"name": "candidate", "role": "Candidate", "pipeline": {"templateRef": {"name": "http-lean"}}},
                ],
                "timing": {"warmup": "3s", "duration": "10s", "interval": "1s"},
                "analysis": {"criteria": [{"metric": "cardinalityReduction", "min": 0.5}]},
            },
        }
        await phoenix.apply(experiment)
    for number in range(3):
        done = await phoenix.until(f"many-{number}", {"Completed", "Failed"}, within_s=90)
        assert done.status.phase == "Completed", done.status.conditions
        assert done.status.verdict == Verdict.PROMOTE, done.status.verdict_reason
    await phoenix.quiet()
