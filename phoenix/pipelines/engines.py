"""Which engine runs a configuration where nobody said which: a binary that has all it uses, or else Embedded. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from phoenix.api.collector import Engine
from phoenix.api.host import Host, HostEngine

_SECTIONS = ("receivers", "processors", "exporters")
_SAME = {"exporters/otlp": "exporters/otlpgrpc"}
"""Renamed by more than an underscore."""


def component_key(section: str, type_: str) -> str:
    """A component such as `processors/batch`, the same for its names old and new: hostmetrics and host_metrics."""
    key = f"{section}/{type_.strip().replace('_', '')}"
    return _SAME.get(key, key)


def used_components(config: Mapping[str, object]) -> frozenset[str]:
    """Keys of the components that pipelines and `service.extensions` use; connectors count where they are defined."""
    service = _mapping(config.get("service"))
    used = {component_key("extensions", _type(name)) for name in _names(service.get("extensions"))}
    connectors = _mapping(config.get("connectors"))
    used |= {component_key("connectors", _type(name)) for name in connectors}
    for pipeline in _mapping(service.get("pipelines")).values():
        for section in _SECTIONS:
            names = _names(_mapping(pipeline).get(section))
            used |= {component_key(section, _type(name)) for name in names if name not in connectors}
    return frozenset(used)


def choose_engine(wanted: Engine, configs: Iterable[Mapping[str, object]], hosts: Sequence[Host]) -> Engine:
    """The engine for all of the configurations on all of the hosts.

    Args:
        wanted: Auto prefers Otelcol, where every host has a binary with every component that is used; anything else
            is taken as it is.
        configs: as they would run.
        hosts: those they would run on; none: Embedded.
    """
    if wanted is not Engine.AUTO:
        return wanted
    used = frozenset[str]().union(*map(used_components, configs))
    able = [any(_has(engine, used) for engine in host.status.engines) for host in hosts]
    return Engine.OTELCOL if able and all(able) else Engine.EMBEDDED


def engine_version(engine: Engine, hosts: Sequence[Host]) -> str:
    """What the engine says its version is; several, if the hosts' differ, with commas."""
    found = {item.version for host in hosts for item in host.status.engines if item.engine is engine and item.version}
    return ", ".join(sorted(found))


def _has(engine: HostEngine, used: frozenset[str]) -> bool:
    if engine.engine is not Engine.OTELCOL or not engine.components:
        return False
    return used <= {component_key(*name.split("/", 1)) for name in engine.components}


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _names(value: object) -> list[str]:
    return [name for name in value if isinstance(name, str)] if isinstance(value, list | tuple) else []


def _type(name: str) -> str:
    return name.split("/", 1)[0]
