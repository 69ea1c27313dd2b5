"""One experiment on the real Collector, which Auto chooses, and on the embedded engine: the same figures, exactly."""

from __future__ import annotations

from pathlib import Path

import pytest

from phoenix.api.collector import Engine
from phoenix.api.results import VariantResult
from phoenix.engine import VERSION
from phoenix.manifest.loader import load_file
from tests.differential.real import version
from tests.harness.cluster import EXAMPLES, FAST_TIMING, Cluster, cluster
from tests.harness.otelcol import required

pytestmark = pytest.mark.e2e
TIMING = {**FAST_TIMING, "warmup": "8s"}  # the real one takes a second or two to be as fast as it gets


async def apply_on(phoenix: Cluster, engine: Engine) -> str:
    (found,) = load_file(EXAMPLES / "http-microservices.yaml")
    wire = dict(found.wire)
    name = f"on-{engine.lower()}"
    wire["metadata"] = {"name": name}
    wire["spec"] = {**wire["spec"], "engine": str(engine), "timing": TIMING, "onSuccess": {"action": "Hold"}}
    await phoenix.apply(wire)
    return name


def figures(variant: VariantResult) -> tuple[object, ...]:
    assert variant.streams, variant
    return variant.name, variant.streams, variant.active_series, variant.duplicates


async def test_both_engines_give_the_same_series_and_loss(tmp_path: Path) -> None:
    async with cluster(tmp_path, "--port", "0", "--otelcol", required()) as phoenix:
        names = [await apply_on(phoenix, engine) for engine in (Engine.AUTO, Engine.EMBEDDED)]
        done = [await phoenix.until(name, {"Completed", "Failed"}, within_s=90) for name in names]
        found, engines = [], []
        for experiment in done:
            assert experiment.status.phase == "Completed", experiment.status.conditions
            assert experiment.status.verdict == "Promote", experiment.status.verdict_reason
            engines.append({(one.engine, one.engine_version) for one in experiment.status.variants})
            results = experiment.status.results
            assert results is not None
            assert results.input.parity
            candidate = results.variants[1]
            assert candidate.vs_baseline is not None
            assert candidate.vs_baseline.signal_loss == 0
            found.append(([figures(variant) for variant in results.variants], candidate.vs_baseline.sample_reduction))
        assert found[0] == found[1]
        assert engines == [{(Engine.OTELCOL, version(required()))}, {(Engine.EMBEDDED, VERSION)}]
        await phoenix.quiet()
