"""From an object to what is run for it: program, configuration with placeholders, and the rules for changing it. Pure.

A manifest never carries a command line: the program is decided by the kind, the binary by the host.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Self

from phoenix.agent import placeholders
from phoenix.agent.errors import ConfigRejected
from phoenix.agent.placeholders import Values, has_port, port_names
from phoenix.api.analysis import QueryEngine
from phoenix.api.collector import Collector, Engine
from phoenix.api.loadgenerator import LoadGenerator
from phoenix.api.meter import Meter
from phoenix.api.observed import ObservedMetering
from phoenix.api.process import MeasurementRef
from phoenix.apimachinery.conditions import parse_timestamp
from phoenix.apimachinery.names import LABEL_DEPLOYMENT

ProcessObject = Collector | LoadGenerator | Meter

_PUSHED_TO = frozenset({"otlp"})
"""Receivers that take what is pushed to them; others fetch, and two of them would fetch twice."""
_LISTENING_EXPORTERS = frozenset({"prometheus"})
_SHARED_EXPORTERS = frozenset({"file"})


@dataclass(frozen=True, slots=True)
class HostFacts:
    """What of the host goes into configurations. `otelcol_path`: empty where it has none; `recordings`: a folder."""

    name: str
    address: str
    endpoint_file: str
    otelcol_path: str = ""
    recordings: str = ""
    prometheus: str = ""
    """path of a binary, or URL; empty where the host has none"""


@dataclass(frozen=True, slots=True)
class Launch:
    """What to run, complete but for ports.

    Args:
        program: one the shim knows, or `otelcol` with `path`.
        file: name of the configuration file in the workload's folder.
        config: its content, a JSON tree with placeholders.
        config_hash: how status names the configuration.
        key: differs whenever what runs would differ.
        endpoints: for `${phoenix:endpoint:NAME}`.
        overlap: two of them may run at once on different ports.
        whose: for `${phoenix:host}`, `${phoenix:deployment}` and `${phoenix:namespace}`; an object never changes them.
    """

    program: str
    path: str
    file: str
    config: Any
    config_hash: str
    key: str
    endpoints: dict[str, str]
    engine: str
    overlap: bool
    whose: dict[str, str] = field(default_factory=dict)

    @property
    def ports(self) -> list[str]:
        """Names of the ports it needs."""
        return port_names(self.config)

    @property
    def reports(self) -> bool:
        """Whether it is told where samples go."""
        return placeholders.has_endpoint_file(self.config)

    def content(self, facts: HostFacts, ports: Mapping[str, int]) -> bytes:
        """The file with everything filled in (JSON, which is YAML too). Raises ConfigRejected."""
        values = Values(ports, self.endpoints, facts.address, facts.endpoint_file, self.whose)
        return json.dumps(placeholders.fill(self.config, values), indent=1, ensure_ascii=False).encode() + b"\n"

    def to_wire(self) -> dict[str, Any]:
        """As a JSON object."""
        return asdict(self)

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> Self:
        """Raises TypeError: a field is missing."""
        return cls(**wire)


def launch_of(obj: ProcessObject, facts: HostFacts) -> Launch:
    """What to run for an object on this host. Raises ConfigRejected: this host cannot run it."""
    match obj:
        case Collector():
            return _collector(obj, facts)
        case LoadGenerator():
            return _ours("loadgen", _loadgen(obj, facts))
        case Meter():
            return _ours("meter", _meter(obj, facts))


def _collector(obj: Collector, facts: HostFacts) -> Launch:
    spec = obj.spec
    path = ""
    if spec.engine is Engine.AUTO:
        msg = "spec.engine is Auto: the controller that made this object must choose Embedded or Otelcol"
        raise ConfigRejected(msg)
    if spec.engine is Engine.OTELCOL:
        path = facts.otelcol_path
        if not path:
            msg = (
                f"host {facts.name} has no collector binary for engine Otelcol: put otelcol or otelcol-contrib on its "
                "PATH, configure its path for the agent, or use engine Embedded"
            )
            raise ConfigRejected(msg)
    config_hash = spec.config_hash or _hash(spec.config)
    # A moved endpoint changes what runs, though not its hash, which is taken before anything is filled in.
    key = _hash({"config": config_hash, "endpoints": spec.endpoints, "engine": spec.engine})
    return Launch(
        program="otelcol" if path else "collector",
        path=path,
        file="config.yaml",
        config=spec.config,
        config_hash=config_hash,
        key=key,
        endpoints=dict(spec.endpoints),
        engine=str(spec.engine),
        overlap=_may_overlap(spec.config),
        whose={
            "host": facts.name,
            "deployment": obj.metadata.labels.get(LABEL_DEPLOYMENT, ""),
            "namespace": obj.metadata.namespace,
        },
    )


def _ours(program: str, config: dict[str, Any]) -> Launch:
    key = _hash(config)
    return Launch(program, "", "config.json", config, key, key, {}, "", overlap=False)


def _loadgen(obj: LoadGenerator, facts: HostFacts) -> dict[str, Any]:
    spec = obj.spec
    # The folder is the host's own choice: a manifest names a file in it and nothing else.
    replay = {**spec.replay.to_wire(), "folder": facts.recordings} if spec.replay is not None else None
    return {
        "otlp": spec.profile.otlp.to_wire(),
        "replay": replay,
        "processes": spec.profile.processes.to_wire() if spec.profile.processes is not None else None,
        "rate": spec.profile.rate,
        "maxDurationSeconds": spec.profile.max_duration.seconds,
        "seed": spec.seed,
        "scale": spec.scale,
        "intervalSeconds": spec.interval.seconds,
        "targets": [{"name": target.name, "endpoint": target.endpoint} for target in spec.targets],
        "startAtUnixNano": _unix_nano(spec.start_at, "spec.startAt"),
        "endAtUnixNano": _unix_nano(spec.end_at, "spec.endAt"),
        "healthAddress": f"{facts.address}:${{phoenix:port:health}}",
        "report": _report(obj, spec.measurement, facts),
    }


def _meter(obj: Meter, facts: HostFacts) -> dict[str, Any]:
    spec = obj.spec
    takes = {"otlpAddress": f"{facts.address}:${{phoenix:port:otlp}}"}
    return {
        **(takes if spec.observed is None else {"observed": _observed(spec.observed, facts)}),
        "healthAddress": f"{facts.address}:${{phoenix:port:health}}",
        "variants": list(spec.variants),
        "windowSeconds": spec.window.seconds,
        "graceSeconds": spec.grace.seconds,
        "signals": [{"name": signal.name, "query": signal.query} for signal in spec.signals],
        "queries": [query.to_wire() for query in spec.queries],
        "prometheus": _prometheus(spec.query_engine, facts) if spec.observed is None else None,
        "critical": [{"name": critical.name, "match": dict(critical.match)} for critical in spec.critical],
        "report": _report(obj, spec.measurement, facts),
    }


def _observed(observed: ObservedMetering, facts: HostFacts) -> dict[str, Any]:
    return {
        "url": observed.url,
        # The host's own choice, as credentials are.
        "credentials": str(Path(facts.endpoint_file).parent / "prometheus"),
        "selectors": dict(observed.selectors),
        "ignoreLabels": list(observed.ignore_labels),
        "lagNano": round(observed.lag.seconds * 1e9),
        "fromUnixNano": _unix_nano(observed.measure_from, "spec.observed.measureFrom"),
        "toUnixNano": _unix_nano(observed.measure_to, "spec.observed.measureTo"),
    }


def _prometheus(engine: QueryEngine, facts: HostFacts) -> dict[str, Any] | None:
    if engine is not QueryEngine.PROMETHEUS:
        return None
    if not facts.prometheus:
        msg = (
            f"host {facts.name} has no Prometheus to answer queries: put prometheus on its PATH, or tell its agent "
            "which with --prometheus"
        )
        raise ConfigRejected(msg)
    if "://" in facts.prometheus:
        return {"url": facts.prometheus}
    return {"binary": facts.prometheus, "port": "${phoenix:port:prometheus}"}


def _report(obj: ProcessObject, measurement: MeasurementRef | None, facts: HostFacts) -> dict[str, Any] | None:
    if measurement is None:
        return None
    return {
        "endpointFile": "${phoenix:endpointFile}",
        "namespace": obj.metadata.namespace,
        "experiment": measurement.experiment,
        "run": measurement.run,
        "windowSeconds": measurement.window.seconds,
        "host": facts.name,
    }


def _unix_nano(text: str, where: str) -> int | None:
    if not text:
        return None
    try:
        moment = parse_timestamp(text)
    except ValueError as error:
        msg = f"{where}: {text!r} is not an RFC 3339 time: write one such as 2026-01-31T12:00:00Z"
        raise ConfigRejected(msg) from error
    # NB: through microseconds, in integers: a float of nanoseconds since 1970 is off by up to 128 ns.
    return (int(moment.replace(microsecond=0).timestamp()) * 1_000_000 + moment.microsecond) * 1000


def _may_overlap(config: Mapping[str, Any]) -> bool:
    """Whether a second one may run beside: all it listens on are our ports, and nothing is fetched or written twice."""
    for name, settings in _components(config, "receivers"):
        if name not in _PUSHED_TO or not _all_ports(settings, required=True):
            return False
    for name, settings in _components(config, "exporters"):
        if name in _SHARED_EXPORTERS or (name in _LISTENING_EXPORTERS and not _all_ports(settings, required=True)):
            return False
    if not all(_all_ports(settings, required=False) for _, settings in _components(config, "extensions")):
        return False
    readers = _dig(config, "service", "telemetry", "metrics", "readers")
    return all(has_port(_dig(reader, "pull", "exporter", "prometheus", "port")) for reader in readers or [])


def _components(config: Mapping[str, Any], section: str) -> list[tuple[str, Any]]:
    found = config.get(section)
    return [(name.split("/")[0], settings) for name, settings in found.items()] if isinstance(found, Mapping) else []


def _all_ports(settings: Any, *, required: bool) -> bool:
    endpoints = list(_endpoints(settings))
    return all(has_port(endpoint) for endpoint in endpoints) and (bool(endpoints) or not required)


def _endpoints(settings: Any) -> list[Any]:
    if not isinstance(settings, Mapping):
        return []
    found = [settings["endpoint"]] if "endpoint" in settings else []
    for value in settings.values():
        found += _endpoints(value)
    return found


def _dig(tree: Any, *path: str) -> Any:
    for key in path:
        tree = tree.get(key) if isinstance(tree, Mapping) else None
    return tree


def _hash(value: Any) -> str:
    return sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
