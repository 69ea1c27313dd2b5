"""`service.telemetry`: what the collector tells about itself."""

from __future__ import annotations

from dataclasses import dataclass, field

from phoenix.engine.config.section import Section
from phoenix.engine.endpoints import ListenAddress
from phoenix.engine.errors import Phase

_LEVELS = ("none", "basic", "normal", "detailed")
_LOG_LEVELS = {"debug": 10, "info": 20, "warn": 30, "error": 40, "dpanic": 50, "panic": 50, "fatal": 50}
_DEFAULT_READER = ListenAddress("localhost", 8888)


@dataclass(frozen=True, slots=True)
class TelemetryConfig:
    """Where its own metrics are served (none: nowhere) and the least log level (`logging`'s numbers)."""

    readers: list[ListenAddress] = field(default_factory=lambda: [_DEFAULT_READER])
    log_level: int = 20


def parse_telemetry(section: Section) -> TelemetryConfig:
    """Read `service.telemetry`; without readers the collector's default, localhost:8888, is served."""
    logs = section.section("logs")
    level = logs.string("level", "info").lower()
    if level not in _LOG_LEVELS:
        logs.fault("level", f"unrecognized level: {level!r}", f"use one of {', '.join(_LOG_LEVELS)}", Phase.DECODE)
    for ignored in ("encoding", "development", "disable_caller", "disable_stacktrace", "sampling", "initial_fields"):
        logs.raw(ignored)
    logs.raw("output_paths")  # the agent collects stdout and stderr
    logs.raw("error_output_paths")
    logs.unsupported("processors")
    logs.close()
    metrics = section.section("metrics")
    off = metrics.choice("level", _LEVELS, "normal") == "none"
    metrics.raw("address")  # ignored since v0.123
    metrics.unsupported("views")
    readers = (
        [_reader(reader) for reader in metrics.sections("readers")] if metrics.has("readers") else [_DEFAULT_READER]
    )
    metrics.close()
    section.raw("resource")
    section.unsupported("traces")
    section.close()
    return TelemetryConfig(
        [] if off else [reader for reader in readers if reader is not None], _LOG_LEVELS.get(level, 20)
    )


def _reader(section: Section) -> ListenAddress | None:
    """The address of a `pull: {exporter: {prometheus: {host, port}}}` reader; others are refused."""
    if section.has("periodic"):
        section.unsupported("periodic")
        section.close()
        return None
    pull = section.section("pull")
    exporter = pull.section("exporter")
    prometheus = exporter.section("prometheus")
    if not exporter.has("prometheus"):
        exporter.fault(
            "", "the Embedded engine serves its own metrics by a pull reader", "write prometheus: {host, port}"
        )
    address = ListenAddress(prometheus.string("host", "localhost"), prometheus.integer("port", 9464, minimum=0))
    for style in ("without_type_suffix", "without_units", "without_scope_info", "without_target_info",
                  "with_resource_constant_labels", "translation_strategy"):  # fmt: skip
        prometheus.raw(style)  # names are always those of the collector's default: no suffixes
    prometheus.close()
    exporter.close()
    pull.close()
    section.close()
    return address
