"""Legacy Phoenix templates to what collectors of today run: known faults mended, each change told, the rest refused.

Pure. What cannot be mended without guessing what was meant (processors no collector has, filters the wrong way round)
is refused with what to use instead; a conversion that is refused anything is not to be run.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from phoenix.pipelines.errors import Finding, Severity
from phoenix.pipelines.mistakes import mistakes
from phoenix.pipelines.shape import check, component_type, misshapen

_ENVIRONMENT = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(:-?[^}]*)?\}")
_SCHEMES = ("env", "file", "yaml", "http", "https", "phoenix", "param")
_DAYS = re.compile(r"(\d+)([dw])")
_GROUP = re.compile(r"(?<!\$)\$\{(\d+)\}")
_MATCHES = re.compile(r"(?P<path>[\w.]+(?:\[\"[^\"]*\"\])?)\s*(?:=~|\bmatches\b)\s*(?P<pattern>\"(?:[^\"\\]|\\.)*\")")
_BARE_DURATIONS = frozenset({"timeout", "collection_interval", "check_interval", "initial_delay", "metric_expiration"})
_GONE: Mapping[str, str] = {
    "topk": "use templateRef process-significant with spec.adaptive",
    "phoenix/topk": "use templateRef process-significant with spec.adaptive",
    "adaptive_filter": "use templateRef process-significant with spec.adaptive",
    "phoenix_adaptive_filter": "use templateRef process-significant with spec.adaptive",
    "newrelic": "use templateRef cardinality-guard",
    "phoenix": "no collector has it; use a template of the catalogue",
    "pushgateway": "use prometheusremotewrite or prometheus",
}


@dataclass(slots=True)
class Converted:
    """The configuration, what was changed, and what could not be (then `config` is not to be run)."""

    config: dict[str, Any]
    changes: list[str] = field(default_factory=list)
    refused: list[Finding] = field(default_factory=list)

    def change(self, path: str, what: str) -> None:
        """Note a change."""
        self.changes.append(f"{path}: {what}")


def convert(config: Mapping[str, Any]) -> Converted:
    """Mend a legacy configuration. The argument is left as it is; converting the result changes nothing.

    One whose sections, components or pipelines are not of the right form is refused before any step looks into it.
    """
    made = Converted(copy.deepcopy(dict(config)))
    made.refused += misshapen(config, "config")
    if made.refused:
        return made
    for step in (_texts, _logging, _telemetry, _samplers, _grouping, _match_types, _resource_attributes, _paths,
                 _deltas, _order):  # fmt: skip
        step(made)
    _refuse(made)
    return made


def _texts(made: Converted) -> None:
    """Environment references, operators and bare durations, wherever they are."""

    def walk(node: Any, path: str) -> Any:
        if isinstance(node, dict):
            return {
                key: _duration(made, key, walk(value, f"{path}.{key}"), f"{path}.{key}") for key, value in node.items()
            }
        if isinstance(node, list):
            return [walk(value, f"{path}[{index}]") for index, value in enumerate(node)]
        return _text(made, node, path) if isinstance(node, str) else node

    made.config = {key: walk(value, key) for key, value in made.config.items()}


def _duration(made: Converted, key: str, value: Any, path: str) -> Any:
    if key in _BARE_DURATIONS and isinstance(value, int) and not isinstance(value, bool) and value:
        made.change(path, f"{value} became {value}s")
        return f"{value}s"
    if key in _BARE_DURATIONS and isinstance(value, str) and (days := _DAYS.fullmatch(value)):
        hours = int(days[1]) * (24 if days[2] == "d" else 168)
        made.change(path, f"{value} became {hours}h: durations have no days")
        return f"{hours}h"
    return value


def _text(made: Converted, text: str, path: str) -> str:
    def environment(found: re.Match[str]) -> str:
        name, default = found[1], (found[2] or "")
        if name in _SCHEMES:
            return found[0]
        default = f":-{default.lstrip(':').removeprefix('-')}" if default else ""
        return f"${{env:{name}{default}}}"

    mended = _ENVIRONMENT.sub(environment, text)
    if mended != text:
        made.change(path, "environment variables are written ${env:NAME:-default}")
    groups = _GROUP.sub(r"$${\1}", mended)
    if groups != mended:
        made.change(path, "a group of a pattern is written $${1}: ${1} is a variable")
        mended = groups
    operators = _MATCHES.sub(lambda found: f"IsMatch({found['path']}, {found['pattern']})", mended)
    if operators != mended:
        made.change(path, "=~ and matches became IsMatch()")
    return operators


def _pipelines(made: Converted) -> list[dict[str, Any]]:
    service = made.config.get("service")
    found = service.get("pipelines") if isinstance(service, dict) else None
    return [pipeline for pipeline in found.values() if isinstance(pipeline, dict)] if isinstance(found, dict) else []


def _logging(made: Converted) -> None:
    exporters = made.config.get("exporters")
    if not isinstance(exporters, dict):
        return
    for name in list(exporters):
        if component_type(name) != "logging":
            continue
        new = name.replace("logging", "debug", 1)
        level = dict(exporters.pop(name) or {})
        verbosity = level.pop("verbosity", "detailed" if level.pop("loglevel", "info") == "debug" else "basic")
        exporters[new] = {**level, "verbosity": verbosity}
        for pipeline in _pipelines(made):
            pipeline["exporters"] = [new if item == name else item for item in pipeline.get("exporters") or []]
        made.change(f"exporters.{name}", f"became {new} with verbosity")


def _telemetry(made: Converted) -> None:
    telemetry = (made.config.get("service") or {}).get("telemetry")
    metrics = telemetry.get("metrics") if isinstance(telemetry, dict) else None
    if isinstance(metrics, dict) and "address" in metrics:
        del metrics["address"]
        made.change("service.telemetry.metrics.address", "removed: collectors ignore it, Phoenix adds a reader")


def _samplers(made: Converted) -> None:
    for pipeline in _pipelines(made):
        for name in list(pipeline.get("processors") or []):
            if component_type(name) == "probabilistic_sampler":
                pipeline["processors"].remove(name)
                made.change(f"processors.{name}", "taken out of the pipeline: it samples traces and logs, not metrics")


def _grouping(made: Converted) -> None:
    for name, settings in (made.config.get("processors") or {}).items():
        if component_type(name) != "groupbyattrs" or not isinstance(settings, dict):
            continue
        how = settings.pop("aggregation_type", settings.pop("aggregation", None))
        if how is None:
            continue
        after = f"transform/{name.replace('/', '-')}-sum"
        made.config["processors"] = {
            **made.config["processors"],
            after: {
                "error_mode": "ignore",
                "metric_statements": [{"context": "metric", "statements": [f'aggregate_on_attributes("{how}")']}],
            },
        }
        for pipeline in _pipelines(made):
            steps = pipeline.get("processors") or []
            if name in steps:
                steps.insert(steps.index(name) + 1, after)
        made.change(f"processors.{name}.aggregation_type", f"became {after} after it, which adds up")


def _match_types(made: Converted) -> None:
    for name, settings in (made.config.get("receivers") or {}).items():
        scrapers = settings.get("scrapers") if isinstance(settings, dict) else None
        process = scrapers.get("process") if isinstance(scrapers, dict) else None
        for key in ("include", "exclude"):
            chosen = process.get(key) if isinstance(process, dict) else None
            if isinstance(chosen, dict) and "match_type" not in chosen:
                chosen["match_type"] = "regexp"
                made.change(f"receivers.{name}.scrapers.process.{key}", "got match_type: regexp")


def _resource_attributes(made: Converted) -> None:
    """To the process scraper, the only one that has them, from where they do nothing."""
    for name, settings in (made.config.get("receivers") or {}).items():
        if component_type(name) not in ("hostmetrics", "host_metrics") or not isinstance(settings, dict):
            continue
        scrapers = settings.get("scrapers")
        process = scrapers.get("process") if isinstance(scrapers, dict) else None
        for holder in (settings, scrapers):
            if isinstance(holder, dict) and isinstance(process, dict) and "resource_attributes" in holder:
                process.setdefault("resource_attributes", holder.pop("resource_attributes"))
                holder.pop("resource_attributes", None)
                made.change(f"receivers.{name}.resource_attributes", "moved to scrapers.process")


def _paths(made: Converted) -> None:
    for name, settings in (made.config.get("exporters") or {}).items():
        if component_type(name) not in ("otlphttp", "otlp_http") or not isinstance(settings, dict):
            continue
        endpoint = settings.get("endpoint")
        if isinstance(endpoint, str) and endpoint.rstrip("/").endswith("/v1/metrics"):
            settings["endpoint"] = endpoint.rstrip("/").removesuffix("/v1/metrics")
            made.change(f"exporters.{name}.endpoint", "lost /v1/metrics, which is appended to it")


_PROMETHEUS = ("prometheus", "prometheusremotewrite", "prometheus_remote_write")


def _deltas(made: Converted) -> None:
    """Deltas become cumulative again before Prometheus, which drops or replaces them."""
    for pipeline in _pipelines(made):
        steps = pipeline.get("processors") or []
        types = [component_type(step).replace("_", "") for step in steps]
        to_prometheus = any(component_type(name) in _PROMETHEUS for name in pipeline.get("exporters") or [])
        if not to_prometheus or "cumulativetodelta" not in types or "deltatocumulative" in types:
            continue
        processors = made.config["processors"] = dict(made.config.get("processors") or {})
        processors.setdefault("deltatocumulative", {})
        behind = types.index("cumulativetodelta") + 1
        at = types.index("batch", behind) if "batch" in types[behind:] else len(steps)
        pipeline["processors"] = [*steps[:at], "deltatocumulative", *steps[at:]]
        made.change("service.pipelines", "deltatocumulative was added: Prometheus takes no deltas")


_PLACE: Mapping[str, int] = {"memory_limiter": 0, "resourcedetection": 1, "resource_detection": 1, "batch": 3}


def _order(made: Converted) -> None:
    for pipeline in _pipelines(made):
        steps = pipeline.get("processors")
        if isinstance(steps, list) and all(isinstance(step, str) for step in steps):
            ordered = sorted(steps, key=lambda step: _PLACE.get(component_type(step), 2))
            if ordered != steps:
                pipeline["processors"] = ordered
                made.change("service.pipelines", f"processors in the order {', '.join(ordered)}")


def _refuse(made: Converted) -> None:
    faults = check(made.config, "config")
    if faults:
        made.refused += faults
        return
    used = {
        kind: {name for pipeline in _pipelines(made) for name in pipeline.get(kind) or []}
        for kind in ("processors", "exporters")
    }
    for kind, names in used.items():
        for name in sorted(names):
            hint = _GONE.get(name) or _GONE.get(component_type(name))
            if hint:
                made.refused.append(Finding(f"config.{kind}.{name}", "no collector has it", hint, "InvalidPipeline"))
    meant = {"InvertedFilter", "ValueOfMetric", "AttributesOfMetric", "EndlessCopy", "NotOttl", "CloudDetector"}
    made.refused += [
        Finding(item.path, item.message, item.hint, item.code, Severity.ERROR)
        for item in mistakes(made.config, "config")
        if item.code in meant
    ]
