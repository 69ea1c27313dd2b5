"""The `resource_detection` processor: what the environment and the system say of this host, put on every resource."""

from __future__ import annotations

import os
import platform
import socket
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import unquote

from opentelemetry.proto.metrics.v1.metrics_pb2 import ResourceMetrics

from phoenix.engine.component import Settings, Work
from phoenix.engine.config.section import OTELCOL, Section
from phoenix.engine.processors.byresource import ByResource
from phoenix.engine.processors.sync import computing

_ENV = ("OTEL_RESOURCE_ATTRIBUTES", "OTEL_RESOURCE")
_SYSTEM = ("host.name", "os.type")
_UNSUPPORTED_SYSTEM = (
    "host.id", "host.arch", "host.ip", "host.mac", "host.interface", "host.cpu.vendor.id", "host.cpu.family",
    "host.cpu.model.id", "host.cpu.model.name", "host.cpu.stepping", "host.cpu.cache.l2.size", "os.description",
    "os.name", "os.version", "os.build.id",
)  # fmt: skip
Labels = dict[str, str]


@dataclass(frozen=True, slots=True)
class Config:
    """Detectors in order (of one attribute the first found counts), and whether they win over what is there."""

    detectors: tuple[str, ...]
    override: bool
    hostname_sources: tuple[str, ...]
    system: frozenset[str]


def parse(section: Section) -> Config:
    """Read the processor's keys; detectors of clouds are refused."""
    detectors = section.strings("detectors") if section.has("detectors") else ["env"]
    for index, name in enumerate(detectors):
        if name not in {"env", "system"}:
            section.fault(f"detectors[{index}]", f"the Embedded engine has env and system, not {name!r}", OTELCOL)
    section.duration_s("timeout", 5.0)
    section.duration_s("refresh_interval", 0.0)
    system = section.section("system")
    sources = system.strings("hostname_sources") or ["dns", "os"]
    for index, name in enumerate(sources):
        if name not in {"dns", "os"}:
            system.fault(f"hostname_sources[{index}]", f"the Embedded engine has dns and os, not {name!r}", OTELCOL)
    attributes = system.section("resource_attributes")
    kept = set()
    for name in (*_SYSTEM, *_UNSUPPORTED_SYSTEM):
        entry = attributes.section(name)
        if entry.boolean("enabled", name in _SYSTEM):
            kept.add(name)
            if name not in _SYSTEM:
                entry.fault("enabled", f"the Embedded engine does not read {name}", OTELCOL)
        entry.close()
    attributes.close()
    system.close()
    override = section.boolean("override", True)
    section.unsupported("attributes", "fail_on_missing_metadata")
    section.close()
    return Config(tuple(detectors), override, tuple(sources), frozenset(kept))


def from_env(environ: Callable[[str], str | None] = os.environ.get) -> Labels:
    """Attributes of OTEL_RESOURCE_ATTRIBUTES: `key=value,…`, values percent-encoded; the rest is left out."""
    text = next((text for name in _ENV if (text := (environ(name) or "").strip())), "")
    pairs = [part.partition("=") for part in text.split(",")]
    return {key.strip(): unquote(value.strip().strip('"')) for key, sign, value in pairs if sign and key.strip()}


def from_system(config: Config) -> Labels:
    """Name and kind of this host; the fully qualified name where DNS knows one."""
    names = {"dns": socket.getfqdn, "os": socket.gethostname}
    host = next((name for source in config.hostname_sources if (name := names[source]())), "")
    found = {"host.name": host, "os.type": platform.system().lower()}
    return {key: value for key, value in found.items() if key in config.system and value}


def detected(config: Config) -> Labels:
    """What all detectors say, the first winning."""
    found: Labels = {}
    for name in config.detectors:
        found = {**(from_env() if name == "env" else from_system(config)), **found}
    return found


def work(settings: Settings, config: Config) -> Work:
    """What the processor does. Detection happens once, with the first request: in the worker, as DNS may be slow."""
    known: Labels | None = None

    def change(resource: ResourceMetrics) -> None:
        nonlocal known
        if known is None:
            known = detected(config)
            settings.log.info("detected resource attributes=%s", known)
        there = {pair.key: pair for pair in resource.resource.attributes}
        for key, value in known.items():
            if key not in there:
                resource.resource.attributes.add(key=key).value.string_value = value
            elif config.override:
                there[key].value.string_value = value

    return ByResource(change).work()


FACTORY = computing(("resource_detection", "resourcedetection"), parse, work)
