"""A run is recorded and replayed: the same series to the last one. What cannot be replayed fails with its reason."""

from __future__ import annotations

import asyncio
import gzip
import json
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from phoenix.api.experiment import Experiment
from phoenix.api.results import ExperimentResults, Verdict
from tests.harness.cluster import ROOT, Cluster
from tests.harness.eventually import eventually
from tests.harness.otelcol import free_ports

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
OTLP = {"model": "M1", "size": "S", "services": 3, "instances": 1, "routes": 4, "users": 40, "rawPaths": 6}
PROFILE = {
    "apiVersion": "phoenix.io/v1alpha1",
    "kind": "LoadProfile",
    "metadata": {"name": "little"},
    "spec": {"otlp": OTLP},
}
RECORDED_S = 16


def experiment(name: str, source: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "phoenix.io/v1alpha1",
        "kind": "Experiment",
        "metadata": {"name": name},
        "spec": {
            "source": source,
            "variants": [
                {"name": "baseline", "role": "Baseline", "pipeline": {"templateRef": {"name": "baseline"}}},
                {"name": "candidate", "role": "Candidate", "pipeline": {"templateRef": {"name": "http-lean"}}},
            ],
            "timing": {"warmup": "4s", "duration": "6s", "interval": "1s"},
            "analysis": {"criteria": [{"metric": "cardinalityReduction", "min": 0.3}]},
        },
    }


async def record(phoenix: Cluster, folder: Path) -> Path:
    """What `phoenixctl record` wrote while a generator sent the profile to it."""
    address = f"127.0.0.1:{free_ports(1)[0]}"
    path = phoenix.state / "recordings" / "run.jsonl"
    recorder = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "phoenix.cli", "--state", str(phoenix.state), "record", "run.jsonl", "--listen", address,
        cwd=ROOT, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        assert recorder.stderr is not None
        async with asyncio.timeout(30):
            assert b"Recording what senders send" in await recorder.stderr.readline()
        config = folder / "load.json"
        targets = [{"name": "recorder", "endpoint": f"http://{address}"}]
        config.write_text(json.dumps({"otlp": OTLP, "seed": 7, "maxDurationSeconds": RECORDED_S, "targets": targets}))
        sender = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "phoenix.loadgen", "--config", str(config),
            cwd=ROOT, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        async with asyncio.timeout(60):
            assert await sender.wait() == 0
        recorder.send_signal(signal.SIGINT)
        async with asyncio.timeout(30):
            assert await recorder.wait() == 0
    finally:
        if recorder.returncode is None:
            recorder.kill()
            await recorder.wait()
    return path


def figures(results: ExperimentResults) -> list[tuple[Any, ...]]:
    return [
        (one.name, one.streams, one.active_series, one.vs_baseline and one.vs_baseline.cardinality_reduction)
        for one in results.variants
    ]


async def judged(phoenix: Cluster, wire: dict[str, Any]) -> ExperimentResults:
    done = await phoenix.judged(wire)
    assert done.status.phase == "Completed", done.status.conditions
    assert done.status.verdict == Verdict.PROMOTE, done.status.verdict_reason
    assert done.status.results is not None
    assert done.status.results.input.parity is True
    assert len(set(done.status.results.input.digest.values())) == 1
    return done.status.results


async def test_a_recorded_run_has_the_same_series_when_it_is_replayed(phoenix: Cluster, tmp_path: Path) -> None:
    await phoenix.apply(PROFILE)
    load = {"load": {"profileRef": {"name": "little"}, "seed": 7}}
    recording, generated = await asyncio.gather(
        record(phoenix, tmp_path), judged(phoenix, experiment("generated", load))
    )
    (recording.parent / "run.jsonl.gz").write_bytes(gzip.compress(recording.read_bytes()))
    replayed = await judged(phoenix, experiment("replayed", {"replay": {"path": "run.jsonl.gz"}}))
    assert figures(replayed) == figures(generated)
    assert figures(replayed)[0][2] > 1000
    await phoenix.quiet()


async def test_what_cannot_be_replayed_fails_with_its_reason(phoenix: Cluster) -> None:
    folder = phoenix.state / "recordings"
    point = {"timeUnixNano": "1700000000000000000", "asInt": "1"}
    metric = {"name": "m", "gauge": {"dataPoints": [point]}}
    line = json.dumps({"resourceMetrics": [{"scopeMetrics": [{"metrics": [metric]}]}]})
    (folder / "short.jsonl").write_text(line + "\n")
    (folder / "broken.jsonl").write_text("no json\n")
    (folder / "out.jsonl").symlink_to("/etc/hostname")
    said = {
        "short": "short.jsonl: its last request is 0 s after its first at speed 1, but the run needs input for",
        "broken": "broken.jsonl: line 1 is no OTLP metrics request",
        "out": "out.jsonl: leads out of the recordings folder",
        "absent": "absent.jsonl: cannot be read from the recordings folder",
    }
    for name in said:
        await phoenix.apply(experiment(name, {"replay": {"path": f"{name}.jsonl"}}))

    async def look() -> list[Experiment]:
        return [await phoenix.experiment(name) for name in said]

    every = await eventually(
        look, lambda found: all(one.status.phase == "Failed" for one in found), within_s=90, what="all have failed"
    )
    for name, one in zip(said, every, strict=True):
        reasons = [condition.message for condition in one.status.conditions]
        assert any(said[name] in reason for reason in reasons), reasons
    await phoenix.quiet()
