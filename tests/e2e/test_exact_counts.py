"""The meter's counts against independent truths: the wire parsed with opentelemetry-proto, and sums done by hand."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import ParseDict
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from phoenix.api.pipeline import NameRef, PipelineSource, PipelineTemplate
from phoenix.api.results import Verdict
from phoenix.manifest.loader import load_file
from phoenix.pipelines.resolve import resolve
from tests.harness.cluster import ROOT, Cluster
from tests.unit.loadmodel.naive import Point, points, series

pytestmark = pytest.mark.e2e

# One service, one instance, one route /c. Of 300 requests, GET has 240 and POST 60; statuses 200 404 400 500 401 503
# have 92, 4, 2, 1, 0.7 and 0.3 %; what is expected less than once is never seen: GET five statuses, POST three (200 404
# 400).
STREAMS = {"baseline": 8 + 3 + 3, "candidate": 5 + 2 + 3}
# 14 bounds of the duration make 17 series, 15 bounds of the body size 18 (POST only); 3 methods of active requests.
# As classes GET keeps 2xx, 4xx and 5xx, POST 2xx and 4xx.
ACTIVE_SERIES = {"baseline": 8 * 17 + 3 * 18 + 3, "candidate": 5 * 17 + 2 * 18 + 3}
# Ten measured seconds, a tick each half second: every stream has 20 points.
SAMPLES = {"baseline": 20 * 193, "candidate": 20 * 124}

PROFILE = {
    "apiVersion": "phoenix.io/v1alpha1",
    "kind": "LoadProfile",
    "metadata": {"name": "by-hand"},
    "spec": {"otlp": {"services": 1, "instances": 1, "routes": 1, "users": 0, "rawPaths": 0}},
}


def captured(template: str, to: Path) -> dict[str, Any]:
    """The template's pipeline, which also writes what it exports to a file."""
    (found,) = [
        PipelineTemplate.from_wire(item.wire)
        for item in load_file(ROOT / "resources" / "catalog" / "templates.yaml")
        if item.wire["metadata"]["name"] == template
    ]
    config = resolve(PipelineSource(template_ref=NameRef(name=template)), found).config
    config["exporters"] = {"file": {"path": str(to)}}
    config["service"]["pipelines"]["metrics"]["exporters"] = ["file"]
    return config


def payloads(path: Path) -> Iterator[bytes]:
    for line in path.read_text().splitlines():
        request = ParseDict(json.loads(line), ExportMetricsServiceRequest())
        for resource in request.resource_metrics:
            kept = [one for one in resource.resource.attributes if not one.key.startswith("phoenix.")]
            del resource.resource.attributes[:]
            resource.resource.attributes.extend(kept)
        yield request.SerializeToString()


def measured(path: Path, start_ns: int, end_ns: int) -> list[Point]:
    return [point for point in points(payloads(path)) if start_ns <= point.value.time_unix_nano < end_ns]


async def test_counts_equal_the_wire_and_the_sums_by_hand(phoenix: Cluster, tmp_path: Path) -> None:
    files = {"baseline": tmp_path / "baseline.json", "candidate": tmp_path / "candidate.json"}
    await phoenix.apply(PROFILE)
    await phoenix.apply(
        {
            "apiVersion": "phoenix.io/v1alpha1",
            "kind": "Experiment",
            "metadata": {"name": "exact"},
            "spec": {
                "source": {"load": {"profileRef": {"name": "by-hand"}}},
                "exporters": "Keep",
                "variants": [
                    {
                        "name": "baseline",
                        "role": "Baseline",
                        "pipeline": {"config": captured("baseline", files["baseline"])},
                    },
                    {
                        "name": "candidate",
                        "role": "Candidate",
                        "pipeline": {"config": captured("http-lean", files["candidate"])},
                    },
                ],
                "timing": {"warmup": "2s", "duration": "10s", "interval": "500ms"},
                "analysis": {"criteria": [{"metric": "cardinalityReduction", "min": 0.3}]},
            },
        }
    )
    done = await phoenix.until("exact", {"Completed", "Failed"})
    assert done.status.verdict == Verdict.PROMOTE, done.status.verdict_reason
    assert done.status.results is not None
    start_ns, end_ns = (
        int(_unix_nano(text)) for text in (done.status.measure_from or "", done.status.measure_to or "")
    )
    for variant in done.status.results.variants:
        on_the_wire = measured(files[variant.name], start_ns, end_ns)
        streams = {point.identity for point in on_the_wire}
        assert variant.streams == len(streams) == STREAMS[variant.name]
        assert variant.active_series == len(series(on_the_wire)) == ACTIVE_SERIES[variant.name]
        assert variant.points == len(on_the_wire) == 20 * STREAMS[variant.name]
        assert variant.samples == SAMPLES[variant.name]
        assert variant.duplicates == 0
    comparison = done.status.results.variants[1].vs_baseline
    assert comparison is not None
    assert comparison.cardinality_reduction == pytest.approx(1 - 124 / 193, abs=1e-12)


def _unix_nano(text: str) -> float:
    from phoenix.apimachinery.conditions import parse_timestamp

    time = parse_timestamp(text)
    return int(time.timestamp()) * 10**9 + time.microsecond * 1000
