"""Mistakes that collector configurations in use have, component by component: each told with its path and its fix.

They are warnings: what an engine refuses is its own to say, and most of these run, but do not do what was meant.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from phoenix.pipelines.errors import Finding, Severity
from phoenix.pipelines.shape import component_type, section

_NOT_OTTL = (
    (re.compile(r"=~|\bmatches\b"), "is no operator of OTTL", 'write IsMatch(attributes["key"], "regex")'),
    (re.compile(r"^\s*where\b"), "begins with where", "write the function first, then where and its condition"),
    (re.compile(r"\bcase\s*\("), "uses case(), which OTTL has not", "write a set(…) where … for each case"),
    (re.compile(r"(?<!:)//|\s#\s"), "has a comment inside the statement", "put comments on YAML lines of their own"),
)
_KEEPS = re.compile(r"keep|important|include|critical|allow|priority|significant|whitelist", re.I)
_NEGATED = re.compile(r"\bnot\b|!=|<=?", re.I)
_BARE_VALUE = re.compile(r"(?<![\w.])value(?![\w.])")
_CLOUD = (
    "ec2",
    "ecs",
    "eks",
    "gcp",
    "gce",
    "gke",
    "azure",
    "aks",
    "lambda",
    "elastic_beanstalk",
    "heroku",
    "openshift",
)
_BRACED_GROUP = re.compile(r"(?<!\$)\$\{\d+\}")
_TELEMETRY_PORT = "8888"


def mistakes(config: Mapping[str, Any], path: str) -> Iterator[Finding]:
    """Findings of all components and of the service, in the order of the configuration."""
    used = _used(config)
    for kind, rules in (("receivers", _RECEIVERS), ("processors", _PROCESSORS), ("exporters", _EXPORTERS)):
        for name, settings in section(config, kind).items():
            rule = rules.get(component_type(name))
            if rule is not None and name in used[kind]:
                yield from rule(name, settings if isinstance(settings, Mapping) else {}, f"{path}.{kind}.{name}")
    yield from _telemetry(config, path)
    yield from _ports(config, used, path)
    yield from _groups(config.get("processors"), f"{path}.processors")


def _used(config: Mapping[str, Any]) -> dict[str, set[str]]:
    pipelines = [dict(pipeline or {}) for pipeline in config["service"]["pipelines"].values()]
    return {
        kind: {name for pipeline in pipelines for name in pipeline.get(kind) or []}
        for kind in ("receivers", "processors", "exporters")
    }


def _warn(path: str, message: str, hint: str, code: str) -> Finding:
    return Finding(path, message, hint, code, Severity.WARNING)


def _filter(name: str, settings: Mapping[str, Any], path: str) -> Iterator[Finding]:
    for place, text in _conditions(settings):
        yield from _ottl(text, f"{path}.{place}")
        if place.startswith("metrics.metric[") and _BARE_VALUE.search(text):
            yield _warn(
                f"{path}.{place}",
                "a metric has no value, its points have",
                "move it to metrics.datapoint and write value_double or value_int",
                "ValueOfMetric",
            )
    texts = [text for _, text in _conditions(settings)]
    if texts and _KEEPS.search(name.partition("/")[2]) and not any(_NEGATED.search(text) for text in texts):
        yield _warn(
            path,
            f"{name} drops what its conditions match, and by its name it is to keep it",
            "negate the conditions: not (…), joined with and",
            "InvertedFilter",
        )


def _conditions(settings: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    metrics = settings.get("metrics")
    for level in ("resource", "metric", "datapoint"):
        found = metrics.get(level) if isinstance(metrics, Mapping) else None
        for index, text in enumerate(found if isinstance(found, list) else []):
            if isinstance(text, str):
                yield f"metrics.{level}[{index}]", text
    for index, text in enumerate(settings.get("metric_conditions") or []):
        if isinstance(text, str):
            yield f"metric_conditions[{index}]", text


def _transform(_name: str, settings: Mapping[str, Any], path: str) -> Iterator[Finding]:
    for index, group in enumerate(settings.get("metric_statements") or []):
        where = f"{path}.metric_statements[{index}]"
        if isinstance(group, str):
            yield from _ottl(group, where)
        elif isinstance(group, Mapping):
            for key in ("conditions", "statements"):
                for at, text in enumerate(group.get(key) or []):
                    if isinstance(text, str):
                        yield from _ottl(text, f"{where}.{key}[{at}]")


def _ottl(text: str, path: str) -> Iterator[Finding]:
    bare = re.sub(r'"(?:[^"\\]|\\.)*"', '""', text)  # what stands in quotes is data
    for pattern, message, hint in _NOT_OTTL:
        if pattern.search(bare):
            yield _warn(path, f"{text.strip()[:60]!r} {message}", hint, "NotOttl")


def _groupbyattrs(_name: str, settings: Mapping[str, Any], path: str) -> Iterator[Finding]:
    for key in ("aggregation_type", "aggregation"):
        if key in settings:
            hint = "remove it; aggregate with aggregate_on_attributes in a transform processor after this one"
            yield _warn(f"{path}.{key}", "groupbyattrs groups and never aggregates", hint, "GroupingDoesNotAggregate")


def _sampler(name: str, _settings: Mapping[str, Any], path: str) -> Iterator[Finding]:
    hint = "remove it; see the templates downsample-60s and process-significant"
    yield _warn(path, f"{name} samples traces and logs, not metrics", hint, "SamplerOnMetrics")


def _detection(name: str, settings: Mapping[str, Any], path: str) -> Iterator[Finding]:
    for detector in settings.get("detectors") or []:
        if detector in _CLOUD:
            hint = f"leave {detector} out where the host is not in that cloud; env and system are quick"
            message = f"{name} asks a cloud's metadata service, and waits for it at the start where there is none"
            yield _warn(f"{path}.detectors", message, hint, "CloudDetector")


def _logging(name: str, _settings: Mapping[str, Any], path: str) -> Iterator[Finding]:
    hint = "use debug, with verbosity in place of loglevel"
    yield _warn(path, f"{name} is gone from collectors", hint, "LoggingExporter")


def _otlphttp(_name: str, settings: Mapping[str, Any], path: str) -> Iterator[Finding]:
    endpoint = settings.get("endpoint")
    if isinstance(endpoint, str) and endpoint.rstrip("/").endswith("/v1/metrics"):
        hint = "leave /v1/metrics out, or write it as metrics_endpoint"
        yield _warn(f"{path}.endpoint", "/v1/metrics is appended to endpoint, a second time here", hint, "DoublePath")


def _hostmetrics(_name: str, settings: Mapping[str, Any], path: str) -> Iterator[Finding]:
    scrapers = settings.get("scrapers")
    process = scrapers.get("process") if isinstance(scrapers, Mapping) else None
    for key in ("include", "exclude"):
        chosen = process.get(key) if isinstance(process, Mapping) else None
        if isinstance(chosen, Mapping) and "match_type" not in chosen:
            where = f"{path}.scrapers.process.{key}"
            message = "has names and no match_type, which collectors refuse"
            yield _warn(where, message, "add match_type: strict or regexp", "NoMatchType")


Rule = Callable[[str, Mapping[str, Any], str], Iterator[Finding]]
_RECEIVERS: Mapping[str, Rule] = {"hostmetrics": _hostmetrics, "host_metrics": _hostmetrics}
_PROCESSORS: Mapping[str, Rule] = {
    "filter": _filter, "transform": _transform, "groupbyattrs": _groupbyattrs,
    "probabilistic_sampler": _sampler, "tail_sampling": _sampler, "resourcedetection": _detection,
    "resource_detection": _detection,
}  # fmt: skip
_EXPORTERS: Mapping[str, Rule] = {"logging": _logging, "otlphttp": _otlphttp, "otlp_http": _otlphttp}


def _telemetry(config: Mapping[str, Any], path: str) -> Iterator[Finding]:
    telemetry = section(config, "service").get("telemetry")
    metrics = telemetry.get("metrics") if isinstance(telemetry, Mapping) else None
    if isinstance(metrics, Mapping) and "address" in metrics:
        where = f"{path}.service.telemetry.metrics.address"
        hint = "remove it: Phoenix adds a reader on a port of the agent; elsewhere write metrics.readers"
        yield _warn(where, "is ignored by collectors since v0.123", hint, "TelemetryAddress")


def _ports(config: Mapping[str, Any], used: Mapping[str, set[str]], path: str) -> Iterator[Finding]:
    """Two that listen on one port, the collector's own telemetry among them."""
    taken: dict[str, str] = {_TELEMETRY_PORT: "the collector's own telemetry"}
    for where, endpoint in _endpoints(config, used, path):
        port = str(endpoint).rpartition(":")[2]
        if not port.isdigit() or port == "0":
            continue
        if port in taken:
            yield _warn(where, f"port {port} is that of {taken[port]}, too", "give each a port of its own", "PortClash")
        else:
            taken[port] = where.removeprefix(f"{path}.")


def _endpoints(config: Mapping[str, Any], used: Mapping[str, set[str]], path: str) -> Iterator[tuple[str, object]]:
    for name, receiver in section(config, "receivers").items():
        protocols = receiver.get("protocols") if isinstance(receiver, Mapping) else None
        if name in used["receivers"] and isinstance(protocols, Mapping):
            for protocol, settings in protocols.items():
                if isinstance(settings, Mapping) and "endpoint" in settings:
                    yield f"{path}.receivers.{name}.protocols.{protocol}.endpoint", settings["endpoint"]
    for name, exporter in section(config, "exporters").items():
        if name in used["exporters"] and component_type(name) == "prometheus" and isinstance(exporter, Mapping):
            yield f"{path}.exporters.{name}.endpoint", exporter.get("endpoint", "")
    for name, extension in section(config, "extensions").items():
        if isinstance(extension, Mapping) and name in (section(config, "service").get("extensions") or []):
            yield f"{path}.extensions.{name}.endpoint", extension.get("endpoint", "")


def _groups(node: object, path: str) -> Iterator[Finding]:
    if isinstance(node, Mapping):
        for key, value in node.items():
            yield from _groups(value, f"{path}.{key}")
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _groups(value, f"{path}[{index}]")
    elif isinstance(node, str):
        for found in _BRACED_GROUP.findall(node):
            message = f"{found} is expanded as an environment variable before the processor sees it"
            yield _warn(path, message, f"write ${found}", "BracedGroup")
