"""Prometheus HTTP service discovery: what to scrape, and which labels say whose series they are.

`GET /sd/collectors` has every running collector's own telemetry and its `prometheus` exporters, `/sd/programs` the
load generators and meters, `/sd/phoenix` this server. They are apart because the last is HTTPS and wants a token, which
no other target should be sent. Every target has the labels `experiment`, `run`, `variant`, `deployment`, `host`,
`namespace` and `object` as far as it has them; a scraped series with a label of such a name keeps it as `exported_…`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import orjson
from aiohttp import web

from phoenix.api.collector import Collector
from phoenix.api.loadgenerator import LoadGenerator
from phoenix.api.meter import Meter
from phoenix.apimachinery.meta import Resource
from phoenix.apiserver.responses import json_response
from phoenix.apiserver.target import Target, no_route
from phoenix.store.interface import Store

Wire = dict[str, Any]
_LABELS = {
    "experiment": "phoenix.io/experiment",
    "run": "phoenix.io/run",
    "variant": "phoenix.io/variant",
    "deployment": "phoenix.io/deployment",
}
_PLACED = re.compile(r"\$\{phoenix:port:([^}]*)\}$")
_LITERAL = re.compile(r":([0-9]{1,5})$")


class ServiceDiscovery:
    """Reads the process objects anew for every request: Prometheus asks once a minute."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def response(self, request: web.BaseRequest, which: str) -> web.StreamResponse:
        """Target groups as JSON. Raises NotFound: there is no such list."""
        match which:
            case "collectors":
                groups = [group for wire in self._running(Collector) for group in _collector(wire)]
            case "programs":
                groups = [
                    _group(wire, wire["status"]["ports"]["health"], kind.info.kind)
                    for kind in (LoadGenerator, Meter)
                    for wire in self._running(kind)
                    if "health" in wire["status"]["ports"]
                ]
            case "phoenix":
                # By the address it was asked at, which is one that the asker can reach.
                groups = [{"targets": [request.host], "labels": {"__scheme__": request.scheme, "role": "apiserver"}}]
            case _:
                raise no_route()
        return json_response(orjson.dumps(groups))

    def _running(self, kind: type[Resource]) -> Iterator[Wire]:
        for record in self._store.list(Target(kind).prefix):
            wire = orjson.loads(record.value)
            status = wire.get("status") or {}
            if status.get("phase") == "Running" and status.get("address") and status.get("ports"):
                yield wire


def _collector(wire: Wire) -> Iterator[Wire]:
    ports: dict[str, int] = wire["status"]["ports"]
    if "telemetry" in ports:
        yield _group(wire, ports["telemetry"], "telemetry")
    exporters = (wire.get("spec", {}).get("config") or {}).get("exporters") or {}
    for name, settings in exporters.items():
        if name.partition("/")[0] != "prometheus" or not isinstance(settings, dict):
            continue
        port = _port_of(str(settings.get("endpoint", "")), ports)
        if port is not None:
            yield _group(wire, port, "exporter", exporter=name)


def _port_of(endpoint: str, ports: dict[str, int]) -> int | None:
    """The port an exporter listens on: one of the agent's, or as written."""
    if (placed := _PLACED.search(endpoint)) is not None:
        return ports.get(placed[1])
    literal = _LITERAL.search(endpoint)
    return int(literal[1]) if literal is not None else None


def _group(wire: Wire, port: int, role: str, **more: str) -> Wire:
    metadata, address = wire["metadata"], wire["status"]["address"]
    given = metadata.get("labels") or {}
    labels = {label: given[key] for label, key in _LABELS.items() if given.get(key)}
    labels |= {"namespace": metadata["namespace"], "object": metadata["name"], "role": role.lower(), **more}
    if host := (wire.get("spec") or {}).get("host"):
        labels["host"] = host
    host_port = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
    return {"targets": [host_port], "labels": labels}
