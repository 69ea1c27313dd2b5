"""The names of the Collector's own telemetry, by level, as its page for Prometheus has them."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from tests.differential.inputs import few, rich
from tests.harness.eventually import eventually
from tests.harness.otelcol import free_ports, running
from tests.harness.otlp_sink import OtlpSink

LEVELS = ("basic", "normal", "detailed")
_PROCESSORS: dict[str, Any] = {
    "memory_limiter": {"check_interval": "1s", "limit_mib": 4000},
    "filter": {"metrics": {"metric": ['name == "odd"']}},
    "transform": {"metric_statements": ['set(metric.description, "d")']},
    "batch": {"timeout": "10ms"},
}
Get = Callable[[int, str], Awaitable[tuple[int, str]]]
Send = Callable[[int, bytes], Awaitable[int]]


def config(level: str, sink: OtlpSink, otlp: int, telemetry: int) -> dict[str, Any]:
    """A pipeline with all that counts something."""
    reader = {"pull": {"exporter": {"prometheus": {"host": "127.0.0.1", "port": telemetry}}}}
    return {
        "receivers": {"otlp": {"protocols": {"http": {"endpoint": f"127.0.0.1:{otlp}"}}}},
        "processors": _PROCESSORS,
        "exporters": {"otlphttp": {"endpoint": sink.endpoint, "compression": "none"}},
        "service": {
            "telemetry": {"metrics": {"level": level, "readers": [reader]}, "logs": {"level": "error"}},
            "pipelines": {
                "metrics": {"receivers": ["otlp"], "processors": list(_PROCESSORS), "exporters": ["otlphttp"]}
            },
        },
    }


async def seen(sink: OtlpSink, otlp: int, telemetry: int, send: Send, get: Get) -> dict[str, Any]:
    """Send something, and read the page when it has come out: by name its type, its labels, and counts of points."""
    for request in (*rich(), *few()):
        assert await send(otlp, request.SerializeToString()) == 200

    async def sent() -> float:
        _, page = await get(telemetry, "/metrics")
        families = text_string_to_metric_families(page)
        return sum(s.value for family in families for s in family.samples if s.name.removesuffix("_total") == _SENT)

    await eventually(sent, bool, within_s=60, what="something was sent")
    await eventually(sent, lambda found: found == _POINTS, within_s=60, what=f"{_POINTS} points were sent")
    _, page = await get(telemetry, "/metrics")
    found = {}
    for family in text_string_to_metric_families(page):
        labels = sorted({key for sample in family.samples for key in sample.labels} - {"le"})
        points = sum(sample.value for sample in family.samples) if family.name.endswith(_COUNTING) else None
        found[family.name] = {"type": family.type, "labels": labels, **({"points": points} if points else {})}
    return found


_SENT = "otelcol_exporter_sent_metric_points"
_COUNTING = ("_metric_points", "_items")
_POINTS = 28
"""Of those inputs, without the four that are filtered."""


async def ask(path: str) -> dict[str, Any]:
    """What is there at each level."""
    answers = {}
    for level in LEVELS:
        otlp, telemetry = free_ports(2)
        async with OtlpSink() as sink:
            with tempfile.TemporaryDirectory() as made:
                file = Path(made) / "c.yaml"
                file.write_text(json.dumps(config(level, sink, otlp, telemetry)), "utf-8")
                async with running(path, file) as collector:
                    await collector.takes_metrics(otlp)
                    answers[level] = await seen(sink, otlp, telemetry, collector.send, collector.get)
    return answers


def asked(path: str) -> dict[str, Any]:
    """As `ask`, to its end."""
    return asyncio.run(ask(path))
