"""One experiment on the real Collector, which Auto chooses, and on the embedded engine: the same figures, exactly."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from phoenix.api.collector import Engine
from phoenix.api.experiment import Experiment
from phoenix.api.results import VariantResult, Verdict
from phoenix.engine import VERSION
from phoenix.manifest.loader import load_file
from tests.differential.real import version
from tests.harness.cluster import EXAMPLES, Cluster, cluster
from tests.harness.eventually import eventually
from tests.harness.otelcol import required

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
# The real one takes a second or two to be as fast as it gets; templates for processes align times to whole seconds.
TIMING = {"warmup": "8s", "duration": "8s", "interval": "1s"}
PROFILES = {"shop": {"model": "M1", "instances": 1, "users": 300}, "one-host": {"model": "M2", "hosts": 1}}
"""Small, since two experiments run at once."""
ROLLUP: dict[str, Any] = {
    "source": {"load": {"profileRef": {"name": "one-host"}, "seed": 7}},
    "analysis": {
        "criteria": [{"metric": "cardinalityReduction", "min": 0.2}, {"metric": "signalLoss", "max": 0.01}],
        "signals": [
            {"name": "memory", "query": "sum by (host_name) (process_memory_usage_bytes)"},
            {"name": "cpu", "query": "sum by (host_name) (rate(process_cpu_time_seconds_total[4s]))"},
        ],
    },
}


def experiment(template: str) -> dict[str, Any]:
    """The spec of an experiment with this candidate."""
    (found,) = load_file(EXAMPLES / "http-microservices.yaml")
    spec: dict[str, Any] = json.loads(json.dumps(found.wire["spec"]))
    shop = {"load": {"profileRef": {"name": "shop"}, "seed": 7}}
    for variant in spec["variants"]:
        if variant["role"] == "Candidate":
            variant["pipeline"]["templateRef"]["name"] = template
    spec |= {"timing": TIMING, "onSuccess": {"action": "Hold"}, "source": shop}
    return {**spec, **ROLLUP} if template == "process-rollup" else spec


async def apply_on(phoenix: Cluster, engine: Engine, spec: dict[str, Any], name: str = "") -> str:
    name = name or f"on-{engine.lower()}"
    wire = {
        "apiVersion": "phoenix.io/v1alpha1", "kind": "Experiment", "metadata": {"name": name},
        "spec": {**spec, "engine": str(engine)},
    }  # fmt: skip
    await phoenix.apply(wire)
    return name


async def judged_on(phoenix: Cluster, engine: Engine, spec: dict[str, Any]) -> Experiment:
    """Its end. What a machine that stood still made Invalid is run again: that says nothing of an engine."""
    for run in range(3):
        name = await apply_on(phoenix, engine, spec, f"on-{engine.lower()}-{run}")
        done = await phoenix.until(name, {"Completed", "Failed"}, within_s=90)
        assert done.status.phase == "Completed", done.status.conditions
        if done.status.verdict is not Verdict.INVALID:
            return done
    return done


def figures(variant: VariantResult) -> tuple[object, ...]:
    assert variant.streams, variant
    return variant.name, variant.streams, variant.active_series, variant.duplicates


def offered(way: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Give Phoenix the binary in one of the ways it is found; arguments of `up`."""
    binary = required()
    if way == "flag":
        return ["--otelcol", binary]
    if way == "environment":
        monkeypatch.setenv("PHOENIX_OTELCOL", binary)
    else:
        folder.mkdir()
        (folder / way).symlink_to(binary)
        monkeypatch.setenv("PATH", str(folder), prepend=":")
    return []


@pytest.mark.parametrize(
    ("template", "way"),
    [("http-lean", "flag"), ("process-rollup", "environment"), ("http-lean-slim", "otelcol-contrib")],
)
async def test_both_engines_give_the_same_series_and_loss(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, template: str, way: str
) -> None:
    arguments = offered(way, tmp_path / "bin", monkeypatch)
    async with cluster(tmp_path, "--port", "0", *arguments) as phoenix:
        for name, otlp in PROFILES.items():
            profile = {"apiVersion": "phoenix.io/v1alpha1", "kind": "LoadProfile", "metadata": {"name": name}}
            await phoenix.apply({**profile, "spec": {"otlp": otlp}})
        spec = experiment(template)
        done = await asyncio.gather(*(judged_on(phoenix, engine, spec) for engine in (Engine.AUTO, Engine.EMBEDDED)))
        found, engines = [], []
        for one in done:
            assert one.status.verdict is Verdict.PROMOTE, one.status.verdict_reason
            engines.append({(used.engine, used.engine_version) for used in one.status.variants})
            results = one.status.results
            assert results is not None
            assert results.input.parity
            candidate = results.variants[1]
            assert candidate.vs_baseline is not None
            assert candidate.vs_baseline.signal_loss == 0
            found.append(
                (
                    [figures(variant) for variant in results.variants],
                    candidate.vs_baseline.cardinality_reduction,
                    candidate.vs_baseline.sample_reduction,
                )
            )
        assert found[0] == found[1]
        assert engines == [{(Engine.OTELCOL, version(required()))}, {(Engine.EMBEDDED, VERSION)}]
        await phoenix.quiet()


LACKS = {"resourcedetection": {"detectors": ["env"]}}
"""The embedded engine has it; the distribution that is built here has not."""


async def test_a_binary_that_lacks_a_component_is_not_chosen_and_says_what_it_lacks(tmp_path: Path) -> None:
    config = {"processors": LACKS, "service": {"pipelines": {"metrics": {"processors": list(LACKS)}}}}
    spec = experiment("http-lean")
    spec["source"] = {"load": {"profileRef": {"name": "steady"}}}
    for variant in spec["variants"]:
        if variant["role"] == "Candidate":
            variant["pipeline"] = {"config": config}
    async with cluster(tmp_path, "--port", "0", "--otelcol", required()) as phoenix:
        chosen = await apply_on(phoenix, Engine.AUTO, spec)
        refused = await apply_on(phoenix, Engine.OTELCOL, spec)

        async def look() -> set[Engine]:
            return {used.engine for used in (await phoenix.experiment(chosen)).status.variants}

        await eventually(look, lambda found: found == {Engine.EMBEDDED}, within_s=60, what="Auto took Embedded")
        failed = await phoenix.until(refused, {"Failed"}, within_s=90)
        said = " ".join(condition.message for condition in failed.status.conditions)
        assert 'unknown type: "resourcedetection"' in said
        for name in (chosen, refused):
            await phoenix.client.delete(Experiment, name, "default")
        for name in (chosen, refused):
            await phoenix.gone(Experiment, name, within_s=60)
        await phoenix.quiet()
