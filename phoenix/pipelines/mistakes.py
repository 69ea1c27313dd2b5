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
_VALUE_OF_INTEGERS = re.compile(r"\bvalue_double\s*(?:<|==\s*0)")
_OTHER_PATH = re.compile(r"\bname\b|\btype\b|\bvalue_int\b")
_COPY = re.compile(r"^\s*copy_metric\s*\((?P<arguments>[^)]*)\)(?:\s*where\b(?P<where>.*))?", re.DOTALL)
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
        if place.startswith("metrics.metric[") and re.search(r"(?<![\w.])(?:datapoint\.)?attributes\[", text):
            hint = 'move it to metrics.datapoint, or write HasAttrOnDatapoint("key", "value")'
            yield _warn(f"{path}.{place}", "a metric has no attributes, its points have", hint, "AttributesOfMetric")
        if _VALUE_OF_INTEGERS.search(text) and not _OTHER_PATH.search(text):
            hint = "name the metric in the condition, or compare value_int too"
            yield _warn(f"{path}.{place}", "value_double is 0.0 at every whole number", hint, "DoubleOfIntegers")
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
            yield from _copies(group, where)
        elif isinstance(group, Mapping):
            for key in ("conditions", "statements"):
                for at, text in enumerate(group.get(key) or []):
                    if isinstance(text, str):
                        yield from _ottl(text, f"{where}.{key}[{at}]")
                        yield from _copies(text, f"{where}.{key}[{at}]")


def _ottl(text: str, path: str) -> Iterator[Finding]:
    bare = re.sub(r'"(?:[^"\\]|\\.)*"', '""', text)  # what stands in quotes is data
    for pattern, message, hint in _NOT_OTTL:
        if pattern.search(bare):
            yield _warn(path, f"{text.strip()[:60]!r} {message}", hint, "NotOttl")


def _copies(text: str, path: str) -> Iterator[Finding]:
    """A copy that its own condition holds for is copied again, as copies are visited too: that never ends."""
    found = _COPY.match(text)
    if found is None or not _holds_for_copy(found["arguments"], found["where"]):
        return
    hint = 'give the copy a name and write where metric.name == "the original"'
    yield _warn(path, "the condition holds for the copy, too, which is then copied without end", hint, "EndlessCopy")


def _holds_for_copy(arguments: str, where: str | None) -> bool:
    if where is None:
        return True
    given = re.search(r'(?:^\s*|\bname\s*=\s*)"([^"]*)"', arguments)
    if given is None:  # it has the original's name; another unit or description may tell them apart
        return not re.search(r"\b(?:unit|description)\b", arguments) or not re.search(r"unit|description", where)
    name = given[1]
    if equal := re.findall(r'\bname\s*==\s*"([^"]*)"', where):
        return name in equal
    if unequal := re.findall(r'\bname\s*!=\s*"([^"]*)"', where):
        return name not in unequal
    if pattern := re.search(r'IsMatch\((?:metric\.)?name,\s*"([^"]*)"\)', where):
        try:
            return re.search(pattern[1], name) is not None
        except re.error:  # RE2's language is not quite Python's
            return False
    return True


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
    for place, holder in (("", settings), (".scrapers", scrapers if isinstance(scrapers, Mapping) else {})):
        if "resource_attributes" in holder:
            hint = "move it under the scraper: scrapers.process.resource_attributes"
            where = f"{path}{place}.resource_attributes"
            yield _warn(where, "belongs to a scraper, not here", hint, "MisplacedResourceAttributes")
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
