"""A whole collector configuration, read: every component's configuration parsed, every reference checked."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from phoenix.engine.component import ExporterFactory, ExtensionFactory, Factory, ProcessorFactory, ReceiverFactory
from phoenix.engine.config.expand import Expander
from phoenix.engine.config.ids import ComponentId
from phoenix.engine.config.section import OTELCOL, OTELCOL_IF, Section
from phoenix.engine.config.service import TelemetryConfig, parse_telemetry
from phoenix.engine.config.values import Value
from phoenix.engine.errors import Finding, Phase
from phoenix.engine.registry import EXPORTERS, EXTENSIONS, PROCESSORS, RECEIVERS

F = TypeVar("F", bound=Factory)
_SECTIONS = ("receivers", "processors", "exporters", "extensions")


@dataclass(frozen=True, slots=True)
class Defined(Generic[F]):
    """One component as configured: its factory and what the factory's `parse` read."""

    id: ComponentId
    path: str
    factory: F
    config: Any


@dataclass(frozen=True, slots=True)
class Pipeline:
    """One `metrics` pipeline: ids of its parts in order."""

    id: ComponentId
    receivers: list[ComponentId]
    processors: list[ComponentId]
    exporters: list[ComponentId]


@dataclass(frozen=True, slots=True)
class Document:
    """A configuration without faults."""

    receivers: dict[ComponentId, Defined[ReceiverFactory]]
    processors: dict[ComponentId, Defined[ProcessorFactory]]
    exporters: dict[ComponentId, Defined[ExporterFactory]]
    extensions: dict[ComponentId, Defined[ExtensionFactory]]
    pipelines: list[Pipeline]
    active_extensions: list[ComponentId]
    telemetry: TelemetryConfig = field(default_factory=TelemetryConfig)


def parse_document(values: dict[str, Value], environ: Mapping[str, str] | None) -> tuple[Document, list[Finding]]:
    """Read a configuration; the document is only to be run if there are no findings. Pure.

    Args:
        values: what `values.load` gave.
        environ: for `${env:…}`; None accepts references without a value and the agent's placeholders.
    """
    findings: list[Finding] = []
    expanded = Expander(environ, findings).tree(values)
    root = Section(expanded, "", findings)
    receivers = _components(root, "receivers", RECEIVERS)
    processors = _components(root, "processors", PROCESSORS)
    exporters = _components(root, "exporters", EXPORTERS)
    extensions = _components(root, "extensions", EXTENSIONS)
    for key in root.section("connectors").keys():  # noqa: SIM118 (not a dict)
        root.fault(f"connectors.{key}", f'the Embedded engine has no connector "{key}"', OTELCOL, Phase.DECODE)
    service = root.section("service")
    document = Document(
        receivers, processors, exporters, extensions, _pipelines(service), _active(service),
        parse_telemetry(service.section("telemetry")),
    )  # fmt: skip
    service.close()
    root.close()
    for key, defined in (("receivers", receivers), ("exporters", exporters)):
        if not defined and not root.section(key).keys():
            root.fault(key, f"no {key[:-1]} configuration specified in config", f"write {key}: {{…}}")
    _check_references(document, root)
    return document, findings


def _components(root: Section, key: str, table: Mapping[str, F]) -> dict[ComponentId, Defined[F]]:
    section = root.section(key)
    defined: dict[ComponentId, Defined[F]] = {}
    for name in section.keys():  # noqa: SIM118 (not a dict)
        try:
            component = ComponentId.parse(name)
        except ValueError as error:
            section.fault(name, str(error), _ID, Phase.DECODE)
            continue
        if component in defined:
            message = f'duplicate name "{component}" after unmarshaling {name!r}'
            section.fault(name, message, "give one of them another name", Phase.DECODE)
            continue
        factory = table.get(component.type)
        if factory is None:
            message, hint = _unknown(key[:-1], component, table)
            section.fault(name, message, hint, Phase.DECODE)
            continue
        body = section.section(name)
        defined[component] = Defined(component, body.path, factory, factory.parse(body))
    return defined


_ID = "write TYPE or TYPE/NAME: letters, digits and _ in the type; no spaces, = or $ in the name"


def _unknown(kind: str, component: ComponentId, table: Mapping[str, object]) -> tuple[str, str]:
    """What is wrong with a type nobody here has, and what to do."""
    if kind == "exporter" and component.type == "logging":
        message = "the logging exporter has been deprecated, use the debug exporter instead"
        return message, "write debug: {verbosity: basic}"
    message = f'the Embedded engine has no {kind} "{component.type}" (it has: {", ".join(sorted(table))})'
    close = difflib.get_close_matches(component.type, table, n=1)
    return message, f"did you mean {close[0]}?" if close else OTELCOL_IF


def _ids(section: Section, key: str) -> list[ComponentId]:
    found: list[ComponentId] = []
    for index, text in enumerate(section.strings(key)):
        try:
            component = ComponentId.parse(text)
        except ValueError as error:
            section.fault(f"{key}[{index}]", str(error), _ID, Phase.DECODE)
            continue
        if component in found:
            message = f'references {key[:-1]} "{component}" multiple times'
            section.fault(f"{key}[{index}]", message, "define it twice, as TYPE/1 and TYPE/2, or name it once")
            continue
        found.append(component)
    return found


def _active(service: Section) -> list[ComponentId]:
    return _ids(service, "extensions")


def _pipelines(service: Section) -> list[Pipeline]:
    section = service.section("pipelines")
    pipelines = []
    if not section.keys():
        section.fault("", "service must have at least one pipeline", "write pipelines: {metrics: {…}}")
    for name in section.keys():  # noqa: SIM118 (not a dict)
        body = section.section(name)
        try:
            pipeline = ComponentId.parse(name)
        except ValueError as error:
            section.fault(name, str(error), _ID, Phase.DECODE)
            continue
        if pipeline.type in {"traces", "logs", "profiles"}:
            section.fault(name, f"the Embedded engine runs metrics pipelines only, not {pipeline.type}", OTELCOL)
            continue
        if pipeline.type != "metrics":
            message = f'unknown pipeline signal: "{pipeline.type}"'
            section.fault(name, message, "name it metrics or metrics/NAME", Phase.DECODE)
            continue
        pipelines.append(Pipeline(pipeline, _ids(body, "receivers"), _ids(body, "processors"), _ids(body, "exporters")))
        body.close()
    return pipelines


def _check_references(document: Document, root: Section) -> None:
    known = {key: set(root.section(key).keys()) for key in _SECTIONS}

    def is_written(key: str, component: ComponentId) -> bool:
        return any(name.replace(" ", "") == str(component) for name in known[key])

    for pipeline in document.pipelines:
        path = f"service.pipelines.{pipeline.id}"
        for key, ids in (("receivers", pipeline.receivers), ("exporters", pipeline.exporters)):
            if not ids:
                root.fault(path, f"must have at least one {key[:-1]}", f"write {key}: […]")
        for key in ("receivers", "processors", "exporters"):
            for component in getattr(pipeline, key):
                if not is_written(key, component):
                    message = f'references {key[:-1]} "{component}" which is not configured'
                    root.fault(f"{path}.{key}", message, _define(key, component, known[key]))
    for component in document.active_extensions:
        if not is_written("extensions", component):
            message = f'references extension "{component}" which is not configured'
            root.fault("service.extensions", message, _define("extensions", component, known["extensions"]))


def _define(key: str, component: ComponentId, known: set[str]) -> str:
    close = difflib.get_close_matches(str(component), known, n=1)
    return f"did you mean {close[0]}?" if close else f"define it under {key}, or take it out"
