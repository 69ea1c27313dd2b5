"""Both engines scrape this host: the same metrics of the same shape; of what does not move fast, the same values."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from phoenix.engine.service import Collector, read_config
from tests.harness.eventually import eventually
from tests.harness.otelcol import required, running
from tests.harness.otlp_sink import OtlpSink

pytestmark = [pytest.mark.process, pytest.mark.timeout(300)]
MORE = {
    "cpu": ["system.cpu.utilization", "system.cpu.logical.count"],
    "memory": ["system.memory.utilization", "system.memory.limit"],
    "filesystem": ["system.filesystem.utilization"],
    "paging": ["system.paging.utilization"],
    "process": ["process.threads", "process.open_file_descriptors", "process.memory.utilization"],
}
SCRAPERS = ("cpu", "load", "memory", "disk", "filesystem", "network", "paging", "processes", "process")


def config(sink: OtlpSink) -> dict[str, Any]:
    scrapers: dict[str, Any] = {
        name: {"metrics": {metric: {"enabled": True} for metric in MORE.get(name, [])}} for name in SCRAPERS
    }
    scrapers["process"]["mute_process_all_errors"] = True
    return {
        "receivers": {"hostmetrics": {"collection_interval": "1s", "initial_delay": "0s", "scrapers": scrapers}},
        "exporters": {"otlphttp": {"endpoint": sink.endpoint, "compression": "none"}},
        "service": {
            "telemetry": {"metrics": {"level": "none"}, "logs": {"level": "error"}},
            "pipelines": {"metrics": {"receivers": ["hostmetrics"], "exporters": ["otlphttp"]}},
        },
    }


Shapes = dict[str, tuple[object, ...]]


def shapes(payloads: list[bytes]) -> Shapes:
    """Of each metric all that is not a value or a label's value. Notes in braces are left out of units."""
    found: Shapes = {}
    keys: dict[str, tuple[set[str], set[str]]] = {}
    for payload in payloads:
        for resource in ExportMetricsServiceRequest.FromString(payload).resource_metrics:
            for metric in (metric for scope in resource.scope_metrics for metric in scope.metrics):
                kind = metric.WhichOneof("data")
                data = getattr(metric, kind)
                labels, of_resource = keys.setdefault(metric.name, (set(), set()))
                labels |= {pair.key for point in data.data_points for pair in point.attributes}
                of_resource |= {pair.key for pair in resource.resource.attributes}
                number = {point.WhichOneof("value") for point in data.data_points}
                found[metric.name] = (
                    re.sub(r"\{.*\}", "{}", metric.unit), kind, getattr(data, "aggregation_temporality", 0),
                    getattr(data, "is_monotonic", False), tuple(sorted(number)),
                )  # fmt: skip
    return {name: (*shape, *(tuple(sorted(part)) for part in keys[name])) for name, shape in found.items()}


def memory(payloads: list[bytes]) -> dict[str, int]:
    """Bytes by state, of the last payload that has them."""
    found = {}
    for payload in payloads:
        for resource in ExportMetricsServiceRequest.FromString(payload).resource_metrics:
            for metric in (metric for scope in resource.scope_metrics for metric in scope.metrics):
                if metric.name == "system.memory.usage":
                    found = {point.attributes[0].value.string_value: point.as_int for point in metric.sum.data_points}
    return found


async def scrapes(sink: OtlpSink) -> list[bytes]:
    """The payloads of some ticks: what is a difference of two readings comes with the second."""

    async def look() -> int:
        return len(sink.payloads)

    await eventually(look, lambda found: found >= 3, within_s=45, what="three scrapes")
    return list(sink.payloads)


async def of_the_collector(binary: str, folder: Path) -> list[bytes]:
    async with OtlpSink() as sink:
        file = folder / "c.yaml"
        file.write_text(json.dumps(config(sink)), "utf-8")
        async with running(binary, file) as collector:
            found = await scrapes(sink)
            assert await collector.stop() == 0, collector.said()
    return found


async def of_the_embedded_engine() -> list[bytes]:
    async with OtlpSink() as sink:
        collector = Collector(read_config(json.dumps(config(sink)), {}))
        await collector.start()
        try:
            return await scrapes(sink)
        finally:
            await collector.shutdown()


async def test_both_engines_see_the_same_host(tmp_path: Path) -> None:
    binary = required()
    for _ in range(3):  # memory may move much between two readings, but not each time
        theirs, ours = await asyncio.gather(of_the_collector(binary, tmp_path), of_the_embedded_engine())
        of_theirs, of_ours = shapes(theirs), shapes(ours)
        assert len(of_theirs) > 30
        assert sorted(of_ours) == sorted(of_theirs)
        assert {name: shape for name, shape in of_ours.items() if shape != of_theirs[name]} == {}
        held, seen = memory(theirs), memory(ours)
        assert set(held) == set(seen)
        far = {state: (seen[state], held[state]) for state in held if abs(seen[state] - held[state]) > _NEAR_BYTES}
        if not far:
            break
    assert far == {}


_NEAR_BYTES = 256 << 20
