"""From a resolved pipeline to the configuration a collector runs.

Deployment: the pipeline's own receivers and exporters, with health, telemetry and labels added. Measurement: every
receiver replaced by one injected OTLP receiver and every exporter by one to the meter (or the meter beside them, with
exporters Keep), so that all variants get the same bytes and all that leaves them is counted.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from phoenix.api.pipeline import DeploymentMeasurement
from phoenix.pipelines import inject
from phoenix.pipelines.cuts import find_cuts
from phoenix.pipelines.errors import Finding, PipelineError, Severity
from phoenix.pipelines.hashing import config_hash
from phoenix.pipelines.lint import lint
from phoenix.pipelines.shape import component_type, pipelines, section


@dataclass(frozen=True, slots=True)
class Rendered:
    """What runs: `config` with placeholders, its hash taken before they are filled in, and warnings to show."""

    config: dict[str, Any]
    config_hash: str
    findings: tuple[Finding, ...]


def render(
    config: Mapping[str, Any],
    *,
    measurement: DeploymentMeasurement | None = None,
    variant_labels: Mapping[str, str] | None = None,
    path: str = "spec.pipeline.config",
) -> Rendered:
    """Render a resolved configuration; the argument is left as it is.

    Args:
        config: `ResolvedPipeline.config`, so its skeleton is sound.
        measurement: given, the render is for measuring; else for a plain deployment.
        variant_labels: resource attributes added last, beside those that say whose data it is.
        path: of `config`, for findings.

    Raises:
        PipelineError: a receiver of a measured pipeline cuts data (code UnmeasuredReceiverCut).
    """
    out: dict[str, Any] = copy.deepcopy(dict(config))
    out["service"]["pipelines"] = pipelines(out)
    whose = dict(inject.PLACE)
    if measurement is None:
        warnings = _for_deployment(out, path)
    else:
        whose |= {
            "experiment": measurement.experiment, "run": str(measurement.run), "variant": measurement.variant,
        }  # fmt: skip
        warnings = _for_measurement(out, measurement, path)
    _add_labels(out, {**(variant_labels or {}), **{f"phoenix.{name}": value for name, value in whose.items()}})
    inject.label_remote_writes(out, whose)
    keep = measurement is None or measurement.exporters == "Keep"
    inject.add_health_and_telemetry(out, keep_user_telemetry=keep)
    out = {name: value for name, value in out.items() if value or name == "service"}
    return Rendered(out, config_hash(out), (*lint(config, path), *warnings))


def _add_labels(config: dict[str, Any], labels: Mapping[str, str]) -> None:
    config["processors"] = section(config, "processors") | {inject.LABELS: inject.label_processor(labels)}
    for pipeline in config["service"]["pipelines"].values():
        pipeline["processors"] = [*(pipeline.get("processors") or []), inject.LABELS]


def _for_deployment(config: dict[str, Any], path: str) -> list[Finding]:
    warnings: list[Finding] = []
    receivers, exporters = section(config, "receivers"), section(config, "exporters")
    for name, receiver in receivers.items():
        if component_type(name) == "otlp":
            receivers[name] = _with_endpoints(name, receiver)
    for name, pipeline in config["service"]["pipelines"].items():
        where = f"{path}.service.pipelines.{name}"
        if not pipeline.get("receivers"):
            receivers[inject.RECEIVER] = inject.otlp_receiver(inject.listen_address("otlp"))
            pipeline["receivers"] = [inject.RECEIVER]
            warnings.append(
                _warning(
                    f"{where}.receivers", "has none: an OTLP receiver on a port of the agent is added", "NoReceiver"
                )
            )
        if not pipeline.get("exporters"):
            exporters[inject.DEBUG_EXPORTER] = {"verbosity": "basic"}
            pipeline["exporters"] = [inject.DEBUG_EXPORTER]
            warnings.append(
                _warning(f"{where}.exporters", "has none: a debug exporter is added, the data ends there", "NoExporter")
            )
    config["receivers"], config["exporters"] = receivers, exporters
    return warnings


def _with_endpoints(name: str, receiver: Mapping[str, Any] | None) -> dict[str, Any]:
    """An otlp receiver whose protocols all have endpoints. Ports: `otlp`, `otlp-NAME`, and with `-grpc` for gRPC."""
    label = "-".join(part for part in name.split("/", 1) if part)
    protocols: dict[str, Any] = dict((receiver or {}).get("protocols") or {"http": None})
    for protocol, settings in protocols.items():
        if settings is None or (isinstance(settings, Mapping) and "endpoint" not in settings):
            port = label if protocol == "http" else f"{label}-{protocol}"
            protocols[protocol] = {**(settings or {}), "endpoint": inject.listen_address(port)}
    return {**(receiver or {}), "protocols": protocols}


def _for_measurement(config: dict[str, Any], measurement: DeploymentMeasurement, path: str) -> list[Finding]:
    if cuts := find_cuts(config, path):
        raise PipelineError(cuts)
    warnings: list[Finding] = []
    found = config["service"]["pipelines"]
    if len({tuple(sorted(pipeline.get("receivers") or [])) for pipeline in found.values()}) > 1:
        warnings.append(
            _warning(
                f"{path}.service.pipelines",
                "have different receivers, but while measuring each gets all of the input",
                "SharedInput",
            )
        )
    config["receivers"] = {inject.RECEIVER: inject.otlp_receiver(inject.listen_address("otlp"))}
    keep = measurement.exporters == "Keep"
    exporters = section(config, "exporters") if keep else {}
    config["exporters"] = exporters | {inject.METER_EXPORTER: inject.meter_exporter()}
    for pipeline in found.values():
        pipeline["receivers"] = [inject.RECEIVER]
        pipeline["exporters"] = [*((pipeline.get("exporters") or []) if keep else []), inject.METER_EXPORTER]
    return warnings


def _warning(path: str, message: str, code: str) -> Finding:
    return Finding(path, message, "", code, Severity.WARNING)
