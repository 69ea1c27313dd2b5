"""The skeleton of a collector configuration: sections, references, signals. What components mean is for the engine.

Phoenix measures metrics, so that any other signal is an error; so are connectors, which would join pipelines that are
hashed and rendered one by one. A pipeline may lack receivers or exporters: the render gives it some.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from phoenix.pipelines.errors import Finding, did_you_mean

SECTIONS = ("receivers", "processors", "exporters", "extensions", "connectors", "service")
RESERVED = "phoenix"
"""Component names ending in `/phoenix` belong to the render."""


def component_type(identifier: str) -> str:
    """`batch` of `batch/2`."""
    return identifier.partition("/")[0].strip()


def section(config: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A section as a dict of its own; an absent or null one is empty."""
    return dict(config.get(name) or {})


def pipelines(config: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The pipelines by name, each a dict of its own; a null pipeline is empty."""
    return {name: dict(pipeline or {}) for name, pipeline in config["service"]["pipelines"].items()}


def check(config: Mapping[str, Any], path: str) -> list[Finding]:
    """Everything wrong with the skeleton; empty means the other functions of this room may be called."""
    findings = list(_check_sections(config, path))
    if findings:
        return findings
    return [*_check_names(config, path), *_check_pipelines(config, path)]


def _check_sections(config: Mapping[str, Any], path: str) -> Iterator[Finding]:
    for key, value in config.items():
        if key not in SECTIONS:
            yield Finding(f"{path}.{key}", "is not a section of a collector configuration", did_you_mean(key, SECTIONS))
        elif value is not None and not isinstance(value, Mapping):
            yield Finding(f"{path}.{key}", f"must be a mapping, not {_kind(value)}")
    if config.get("connectors"):
        yield Finding(
            f"{path}.connectors", "connectors are not supported", "write the steps as processors of one pipeline"
        )
    service = config.get("service")
    if service is None:
        yield Finding(f"{path}.service", "is missing", "add service.pipelines.metrics")
    elif isinstance(service, Mapping):
        found = service.get("pipelines")
        if not isinstance(found, Mapping) or not found:
            yield Finding(
                f"{path}.service.pipelines", "must have at least one pipeline", "add service.pipelines.metrics"
            )


def misshapen(config: Mapping[str, Any], path: str) -> Iterator[Finding]:
    """Sections, components and pipelines not written as such; where there are none, contents may be looked into."""
    for name in SECTIONS:
        found = config.get(name)
        if found is not None and not isinstance(found, Mapping):
            yield Finding(f"{path}.{name}", f"must be a mapping, not {_kind(found)}")
            continue
        if name == "service":
            continue
        for identifier, settings in (found or {}).items():
            if not isinstance(identifier, str):
                yield Finding(f"{path}.{name}.{identifier}", "a name must be a string", "put it in quotes")
            elif settings is not None and not isinstance(settings, Mapping):
                yield Finding(f"{path}.{name}.{identifier}", f"must be a mapping, not {_kind(settings)}")
    running = (config.get("service") or {}).get("pipelines") if isinstance(config.get("service"), Mapping) else None
    for name, pipeline in running.items() if isinstance(running, Mapping) else ():
        for kind in ("receivers", "processors", "exporters"):
            listed = pipeline.get(kind) if isinstance(pipeline, Mapping) else None
            if listed is not None and not (isinstance(listed, list) and all(isinstance(item, str) for item in listed)):
                yield Finding(f"{path}.service.pipelines.{name}.{kind}", f"must be a list of {kind}")


def _check_names(config: Mapping[str, Any], path: str) -> Iterator[Finding]:
    for name in SECTIONS[:-1]:
        for identifier in section(config, name):
            if str(identifier).partition("/")[2].strip() == RESERVED:
                yield Finding(
                    f"{path}.{name}.{identifier}",
                    f"names ending in /{RESERVED} are kept for what Phoenix adds",
                    "give it another name",
                )


def _check_pipelines(config: Mapping[str, Any], path: str) -> Iterator[Finding]:
    for name, pipeline in config["service"]["pipelines"].items():
        where = f"{path}.service.pipelines.{name}"
        if component_type(str(name)) != "metrics":
            yield Finding(
                where, "is not a metrics pipeline: Phoenix measures metrics", "remove it", "UnsupportedSignal"
            )
            continue
        if pipeline is not None and not isinstance(pipeline, Mapping):
            yield Finding(where, f"must be a mapping, not {_kind(pipeline)}")
            continue
        for kind in ("receivers", "processors", "exporters"):
            yield from _check_references(config, kind, (pipeline or {}).get(kind), f"{where}.{kind}")


def _check_references(config: Mapping[str, Any], kind: str, names: object, path: str) -> Iterator[Finding]:
    if names is None:
        return
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        yield Finding(path, f"must be a list of {kind}, not {_kind(names)}")
        return
    known = section(config, kind)
    for index, name in enumerate(names):
        if name not in known:
            yield Finding(
                f"{path}[{index}]",
                f"references {kind[:-1]} {name!r} which is not configured",
                did_you_mean(name, known),
            )
        elif name in names[:index]:
            yield Finding(f"{path}[{index}]", f"references {kind[:-1]} {name!r} twice", "name it once")


def _kind(value: object) -> str:
    return {dict: "a mapping", list: "a list", str: "a string", type(None): "nothing"}.get(type(value), repr(value))
