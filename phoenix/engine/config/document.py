"""A whole collector configuration, read: every component's configuration parsed, every reference checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from phoenix.engine.component import ExporterFactory, ExtensionFactory, Factory, ProcessorFactory, ReceiverFactory
from phoenix.engine.config.expand import Expander
from phoenix.engine.config.ids import ComponentId
from phoenix.engine.config.section import OTELCOL, OTELCOL_IF, Section
from phoenix.engine.config.service import TelemetryConfig, parse_telemetry
from phoenix.engine.config.values import Value
from phoenix.engine.errors import Finding
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
        root.fault(f"connectors.{key}", f'the Embedded engine has no connector "{key}"', OTELCOL)
    service = root.section("service")
    document = Document(
        receivers, processors, exporters, extensions, _pipelines(service), _active(service),
        parse_telemetry(service.section("telemetry")),
    )  # fmt: skip
    service.close()
    root.close()
    for key, defined in (("receivers", receivers), ("exporters", exporters)):
        if not defined and not root.section(key).keys():
            root.fault(key, f"no {key[:-1]} configuration specified in config")
    _check_references(document, root)
    return document, findings


def _components(root: Section, key: str, table: Mapping[str, F]) -> dict[ComponentId, Defined[F]]:
    section = root.section(key)
    defined: dict[ComponentId, Defined[F]] = {}
    for name in section.keys():  # noqa: SIM118 (not a dict)
        try:
            component = ComponentId.parse(name)
        except ValueError as error:
            section.fault(name, str(error))
            continue
        if component in defined:
            section.fault(name, f'duplicate name "{component}" after unmarshaling {name!r}')
            continue
        factory = table.get(component.type)
        if factory is None:
            section.fault(name, _unknown(key[:-1], component, table), OTELCOL_IF)
            continue
        body = section.section(name)
        defined[component] = Defined(component, body.path, factory, factory.parse(body))
    return defined


def _unknown(kind: str, component: ComponentId, table: Mapping[str, object]) -> str:
    if kind == "exporter" and component.type == "logging":
        return "the logging exporter has been deprecated, use the debug exporter instead"
    return f'the Embedded engine has no {kind} "{component.type}" (it has: {", ".join(sorted(table))})'


def _ids(section: Section, key: str) -> list[ComponentId]:
    found: list[ComponentId] = []
    for index, text in enumerate(section.strings(key)):
        try:
            component = ComponentId.parse(text)
        except ValueError as error:
            section.fault(f"{key}[{index}]", str(error))
            continue
        if component in found:
            section.fault(f"{key}[{index}]", f'references {key[:-1]} "{component}" multiple times')
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
            section.fault(name, str(error))
            continue
        if pipeline.type in {"traces", "logs", "profiles"}:
            section.fault(name, f"the Embedded engine runs metrics pipelines only, not {pipeline.type}", OTELCOL)
            continue
        if pipeline.type != "metrics":
            section.fault(name, f'unknown pipeline signal: "{pipeline.type}"', "name it metrics or metrics/NAME")
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
                root.fault(path, f"must have at least one {key[:-1]}")
        for key in ("receivers", "processors", "exporters"):
            for component in getattr(pipeline, key):
                if not is_written(key, component):
                    root.fault(f"{path}.{key}", f'references {key[:-1]} "{component}" which is not configured')
    for component in document.active_extensions:
        if not is_written("extensions", component):
            root.fault("service.extensions", f'references extension "{component}" which is not configured')
