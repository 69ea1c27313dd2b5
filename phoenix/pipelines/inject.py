"""What Phoenix adds to a configuration. Each name ends in `/phoenix`; ports and endpoints are filled in by agents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from phoenix.pipelines.shape import component_type, section

RECEIVER = "otlp/phoenix"
METER_EXPORTER = "otlphttp/phoenix"
DEBUG_EXPORTER = "debug/phoenix"
TEE_EXPORTER = "phoenix_tee"
HEALTH = "health_check/phoenix"
LABELS = "resource/phoenix"

ADDRESS = "${phoenix:address}"
PLACE = {"deployment": "${phoenix:deployment}", "host": "${phoenix:host}", "namespace": "${phoenix:namespace}"}
"""Whose series they are, as far as only the agent knows: the same configuration, and hash, on every host."""
REMOTE_WRITES = ("prometheusremotewrite", "prometheus_remote_write")
METER_QUEUE_SIZE = 1000
"""Requests that may wait for the meter; more are refused and counted, which makes the run Invalid."""


def port(name: str) -> str:
    """Placeholder of a port the agent allocates and keeps for the object's life."""
    return f"${{phoenix:port:{name}}}"


def listen_address(name: str) -> str:
    """The host's listen address with an agent port."""
    return f"{ADDRESS}:{port(name)}"


def otlp_receiver(endpoint: str) -> dict[str, Any]:
    """Configuration of an OTLP receiver over HTTP."""
    return {"protocols": {"http": {"endpoint": endpoint}}}


def meter_exporter() -> dict[str, Any]:
    """The plain path to the meter: no compression, one consumer so that order holds, no retry, a bounded queue."""
    return {
        "endpoint": "${phoenix:endpoint:meter}",
        "compression": "none",
        "timeout": "10s",
        "retry_on_failure": {"enabled": False},
        "sending_queue": {"enabled": True, "num_consumers": 1, "queue_size": METER_QUEUE_SIZE},
    }


def label_processor(labels: Mapping[str, str]) -> dict[str, Any]:
    """A resource processor that writes labels over whatever has their names."""
    return {"attributes": [{"key": key, "value": labels[key], "action": "upsert"} for key in sorted(labels)]}


def label_remote_writes(config: dict[str, Any], labels: Mapping[str, str]) -> None:
    """Give every Prometheus remote write exporter these labels, in place; one the user wrote keeps its value.

    Resource attributes do not reach a Prometheus as labels of each series, external labels do.
    """
    exporters = section(config, "exporters")
    for name, settings in exporters.items():
        if component_type(name) in REMOTE_WRITES and isinstance(settings, Mapping):
            given = settings.get("external_labels") or {}
            if isinstance(given, Mapping):
                exporters[name] = {**settings, "external_labels": {**labels, **given}}
    config["exporters"] = exporters


def add_health_and_telemetry(config: dict[str, Any], *, keep_user_telemetry: bool) -> None:
    """Add the health_check extension and the telemetry reader, in place, both on agent ports.

    The reader's `without_*` settings make metric names the same on all collector versions since v0.119. The user's own
    readers and extensions stay where `keep_user_telemetry`, else go: they would bind the same ports in every variant.
    """
    extensions = section(config, "extensions") if keep_user_telemetry else {}
    config["extensions"] = extensions | {HEALTH: {"endpoint": listen_address("health")}}
    service = section(config, "service")
    enabled = list(service.get("extensions") or []) if keep_user_telemetry else []
    service["extensions"] = [*enabled, HEALTH]
    telemetry = dict(service.get("telemetry") or {})
    metrics = dict(telemetry.get("metrics") or {}) if keep_user_telemetry else {}
    metrics.pop("address", None)  # NB: ignored by collectors since v0.123, refused by later ones
    level = metrics.get("level", "normal")
    reader = {
        "pull": {
            "exporter": {
                "prometheus": {
                    "host": ADDRESS,
                    "port": port("telemetry"),
                    "without_type_suffix": True,
                    "without_units": True,
                    "without_scope_info": True,
                }
            }
        }
    }
    telemetry["metrics"] = metrics | {
        "level": "normal" if level == "none" else level,
        "readers": [*(metrics.get("readers") or []), reader],
    }
    service["telemetry"] = telemetry
    config["service"] = service
