"""What the prometheus exporter shows: every type of point, under its naming strategies and other options."""

from __future__ import annotations

import asyncio
import json
import re
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from tests.differential.inputs import rich
from tests.harness.otelcol import free_ports, running
from tests.unit.engine.otlp import DELTA, T0, add_resource, number_metric

_RESOURCES = {"resource_to_telemetry_conversion": {"enabled": True}}
_NO_SERVICE = {"resource_to_telemetry_conversion": {"enabled": True, "exclude_service_attributes": True}}
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "as it is": ("types", {}),
    "UnderscoreEscapingWithSuffixes": ("types", {"translation_strategy": "UnderscoreEscapingWithSuffixes"}),
    "UnderscoreEscapingWithoutSuffixes": ("types", {"translation_strategy": "UnderscoreEscapingWithoutSuffixes"}),
    "NoUTF8EscapingWithSuffixes": ("types", {"translation_strategy": "NoUTF8EscapingWithSuffixes"}),
    "NoTranslation": ("types", {"translation_strategy": "NoTranslation"}),
    "no suffixes": ("types", {"add_metric_suffixes": False}),
    "resource attributes": ("types", _RESOURCES),
    "resource attributes but the service's": ("types", _NO_SERVICE),
    "namespace": ("types", {"namespace": "phoenix"}),
    "constant labels": ("types", {"const_labels": {"variant": "candidate"}}),
    "time stamps": ("types", {"send_timestamps": True}),
    "without scope": ("types", {"without_scope_info": True}),
    "processes": ("processes", {}),
    "processes with their resource": ("processes", _RESOURCES),
    "deltas": ("deltas", {}),
    "names": ("names", {}),
    "clashing labels": ("clash", {}),
    "targets": ("targets", {}),
    "targets with a namespace": ("targets", {"namespace": "phoenix"}),
    "targets with labels": ("targets", {"const_labels": {"variant": "candidate"}}),
    "targets and resource attributes": ("targets", _RESOURCES),
}
"""By name: input, options of the exporter beside `endpoint`."""

Requests = list[ExportMetricsServiceRequest]


def _processes() -> Requests:
    """Two processes of a host, as the process scraper has them: resources without a service."""
    request = ExportMetricsServiceRequest()
    for pid, name in ((10, "nginx"), (11, "postgres")):
        metrics = (
            number_metric("sum", "process.cpu.time", [({"state": "user"}, 0.5 * pid)], unit="s"),
            number_metric("sum", "process.memory.usage", [({}, pid)], unit="By", monotonic=False),
        )
        add_resource(request, *metrics, resource={"process.pid": pid, "process.executable.name": name})
    return [request]


def _deltas() -> Requests:
    """Deltas that go on where the last ended, that leave a gap, and that come late."""
    requests = []
    for start, end, value in ((0, 1, 5), (1, 2, 7), (3, 4, 100), (2, 3, 1)):
        request = ExportMetricsServiceRequest()
        points = [({"k": "a"}, value, end * 10**9, T0 + start * 10**9)]
        loose = number_metric("sum", "loose", points, temporality=DELTA, monotonic=False)
        add_resource(request, number_metric("sum", "d", points, temporality=DELTA), loose, resource={"r": "x"})
        requests.append(request)
    return requests


_NAMES = (
    ("sum", "system.cpu.time", "s"), ("gauge", "system.cpu.utilization", "1"), ("gauge", "a..b__c", ""),
    ("sum", "x.bytes.total", "By"), ("gauge", "speed", "By/s"), ("gauge", "3d", "%"), ("sum", "total.requests", "{r}"),
    ("gauge", "load.1m", "{thread}"), ("gauge", "temperature", "Cel"), ("sum", "energy", "J/m"),
    ("gauge", "Ünï", "kWh"),
    ("gauge", "ratio.of", "1"), ("gauge", "colons:in:it", "ms"), ("sum", "retries_total", "1"), ("gauge", "...", ""),
)  # fmt: skip


def _names() -> Requests:
    points = [({"a.b": "x", "1st": "y", "_u": "z"}, 1)]
    metrics = [number_metric(kind, name, points, unit=unit) for kind, name, unit in _NAMES]
    return [add_resource(ExportMetricsServiceRequest(), *metrics, resource={"service.name": "n"})]


def _clash() -> Requests:
    """Two attributes that become one label, and one that is called job."""
    resource = {"service.name": "cart", "service.instance.id": "i-1"}
    clashing = number_metric("gauge", "clash", [({"a.b": 1, "a_b": 2}, 1.0)])
    own_job = number_metric("gauge", "own_job", [({"job": "mine"}, 1.0)])
    fine = number_metric("gauge", "fine", [({"a": 1}, 1.0)])
    return [add_resource(ExportMetricsServiceRequest(), clashing, own_job, fine, resource=resource)]


def _targets() -> Requests:
    """Resources that name an instance, and one that does not."""
    request, service = ExportMetricsServiceRequest(), {"service.name": "cart", "service.namespace": "shop"}
    for more in (
        {"service.instance.id": "i-1", "host.name": "h", "a.b": "x", "a_b": "y"},
        {"service.instance.id": "i-2"},
        {"host.name": "nobody"},
    ):
        add_resource(request, number_metric("gauge", "up", [({"n": len(more)}, 1.0)]), resource={**service, **more})
    return [request]


INPUTS: dict[str, Callable[[], Requests]] = {
    "types": rich, "processes": _processes, "deltas": _deltas, "names": _names, "clash": _clash,
    "targets": _targets,
}  # fmt: skip


def config(names: list[str], ports: list[int]) -> dict[str, Any]:
    """One configuration with a pipeline a case. `ports`: receivers' first, then exporters'."""
    made: dict[str, Any] = {"receivers": {}, "exporters": {}}
    pipelines = {}
    for number, name in enumerate(names):
        receiver, exporter = f"otlp/{number}", f"prometheus/{number}"
        made["receivers"][receiver] = {"protocols": {"http": {"endpoint": f"127.0.0.1:{ports[number]}"}}}
        endpoint = f"127.0.0.1:{ports[len(names) + number]}"
        made["exporters"][exporter] = {**CASES[name][1], "endpoint": endpoint, "metric_expiration": "1h"}
        pipelines[f"metrics/{number}"] = {"receivers": [receiver], "exporters": [exporter]}
    made["service"] = {"telemetry": {"metrics": {"level": "none"}, "logs": {"level": "warn"}}, "pipelines": pipelines}
    return made


async def scraped(
    names: list[str], ports: list[int], send: Callable[[int, bytes], Awaitable[int]],
    get: Callable[[int, str], Awaitable[tuple[int, str]]],
) -> dict[str, list[str]]:  # fmt: skip
    """Send each case its requests; lines of its page in an order of their own, but for HELP."""
    found = {}
    for number, name in enumerate(names):
        for request in INPUTS[CASES[name][0]]():
            assert await send(ports[number], request.SerializeToString()) == 200
        status, page = await get(ports[len(names) + number], "/metrics")
        assert status == 200, page
        found[name] = lines(page)
    return found


def lines(page: str) -> list[str]:
    """Sorted, labels in the order of their names."""
    return sorted(_sorted_labels(line) for line in page.splitlines() if not line.startswith("# HELP"))


_LABELS = re.compile(r"\{(.*)\}")
_LABEL = re.compile(r'(?:"(?:[^"\\]|\\.)*"|[^\s,={}"]+)(?:="(?:[^"\\]|\\.)*")?')


def _sorted_labels(line: str) -> str:
    return _LABELS.sub(lambda match: "{" + ",".join(sorted(_LABEL.findall(match[1]))) + "}", line, count=1)


async def ask(path: str) -> dict[str, list[str]]:
    """Every case's page."""
    names = list(CASES)
    ports = free_ports(2 * len(names))
    with tempfile.TemporaryDirectory() as made:
        file = Path(made) / "c.yaml"
        file.write_text(json.dumps(config(names, ports)), "utf-8")
        async with running(path, file) as collector:
            await collector.takes_metrics(*ports[: len(names)])
            return await scraped(names, ports, collector.send, collector.get)


def asked(path: str) -> dict[str, list[str]]:
    """As `ask`, to its end."""
    return asyncio.run(ask(path))
