"""What runs, but is probably not meant: known mistakes in collector configurations, as warnings."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from phoenix.pipelines.errors import Finding, Severity
from phoenix.pipelines.mistakes import mistakes
from phoenix.pipelines.shape import component_type, section

_DURATION_KEYS = frozenset(
    {"timeout", "interval", "collection_interval", "initial_delay", "check_interval", "flush_interval",
     "metric_expiration", "scrape_process_delay", "max_stale", "max_staleness", "initial_interval",
     "max_elapsed_time", "min_ready", "read_timeout", "write_timeout"}
)  # fmt: skip
_DELETES = re.compile(r"\b(?:delete_key|delete_matching_keys|keep_keys|keep_matching_keys|limit|truncate_all)\s*\(")
_AGGREGATES = re.compile(r"\baggregate_on_attribute(?:s|_value)\s*\(")
_BARE_ENVIRONMENT = re.compile(r"\$\{[A-Za-z_][A-Za-z0-9_]*:-?[^}]*\}")
_DAYS = re.compile(r"(\d+)([dw])")
_SCHEMES = ("env", "file", "yaml", "http", "https", "phoenix", "param")


def lint(config: Mapping[str, Any], path: str) -> list[Finding]:
    """Warnings about a structurally sound configuration, in its order."""
    findings = [*_values(config, path), *mistakes(config, path), *_unused(config, path)]
    for name, pipeline in config["service"]["pipelines"].items():
        where = f"{path}.service.pipelines.{name}"
        findings += _pipeline(config, dict(pipeline or {}), where)
    return findings


def _unused(config: Mapping[str, Any], path: str) -> Iterator[Finding]:
    """What is defined and stands in no pipeline: collectors take it, and people take it for running."""
    running = [dict(pipeline or {}) for pipeline in config["service"]["pipelines"].values()]
    for kind in ("receivers", "processors", "exporters"):
        used = {name for pipeline in running for name in pipeline.get(kind) or []}
        for name in section(config, kind):
            if name not in used:
                yield _warning(f"{path}.{kind}.{name}", "is in no pipeline", "use it in one, or remove it", "Unused")


def _warning(path: str, message: str, hint: str, code: str) -> Finding:
    return Finding(path, message, hint, code, Severity.WARNING)


def _values(node: object, path: str) -> Iterator[Finding]:
    """Findings about single values, wherever they are."""
    if isinstance(node, Mapping):
        for key, value in node.items():
            where = f"{path}.{key}"
            if key in _DURATION_KEYS and isinstance(value, int | float) and not isinstance(value, bool) and value:
                yield _warning(
                    where, f"{value} without a unit means {value} nanoseconds", f"write {value}s", "BareDuration"
                )
            else:
                if key in _DURATION_KEYS and isinstance(value, str) and (days := _DAYS.fullmatch(value)):
                    hours = int(days[1]) * (24 if days[2] == "d" else 168)
                    yield _warning(
                        where, f"{value} has a unit that durations have not", f"write {hours}h", "NoSuchUnit"
                    )
                yield from _values(value, where)
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _values(value, f"{path}[{index}]")
    elif isinstance(node, str):
        for found in _BARE_ENVIRONMENT.findall(node):
            scheme = found[2:].partition(":")[0]
            if scheme not in _SCHEMES:
                yield _warning(
                    path, f"{found} is refused by collectors", f"write ${{env:{found[2:]}", "BareEnvironmentDefault"
                )


def _pipeline(config: Mapping[str, Any], pipeline: Mapping[str, Any], path: str) -> Iterator[Finding]:
    processors = section(config, "processors")
    steps: list[tuple[str, Mapping[str, Any]]] = [
        (name, processors.get(name) or {}) for name in pipeline.get("processors") or []
    ]
    deletes = [index for index, (name, step) in enumerate(steps) if _deletes(name, step)]
    aggregates = [index for index, (name, step) in enumerate(steps) if _aggregates(name, step)]
    if deletes and not any(index >= deletes[0] for index in aggregates):
        yield _warning(
            f"{path}.processors[{deletes[0]}]",
            f"{steps[deletes[0]][0]} takes attributes away and nothing after it aggregates: points that differed only "
            "in them become duplicates of one series",
            "aggregate after it: transform with aggregate_on_attributes in the metric context",
            "IdentityDeleted",
        )
    for index, (name, step) in enumerate(steps):
        if component_type(name) == "batch" and step.get("send_batch_max_size") and any(a > index for a in aggregates):
            yield _warning(
                f"{path}.processors[{index}]",
                f"{name} may split one scrape at send_batch_max_size, and what is aggregated after it is then partial",
                "put batch last or leave send_batch_max_size out",
                "BatchBeforeAggregation",
            )
        if component_type(name) == "memory_limiter" and index:
            yield _warning(
                f"{path}.processors[{index}]", f"{name} is not the first processor", "put it first", "LateMemoryLimiter"
            )
    yield from _order(steps, path)
    yield from _delta_to_prometheus(steps, pipeline, path)


def _order(steps: list[tuple[str, Mapping[str, Any]]], path: str) -> Iterator[Finding]:
    """What should stand before batch: it then handles less, and what it learns is in every batch."""
    types = [component_type(name) for name, _ in steps]
    batch = types.index("batch") if "batch" in types else len(types)
    for index, name in enumerate(types):
        if index > batch and name in ("filter", "resourcedetection", "resource_detection"):
            yield _warning(
                f"{path}.processors[{index}]", f"{steps[index][0]} stands after {steps[batch][0]}", "put batch last",
                "LateProcessor",
            )  # fmt: skip


def _delta_to_prometheus(
    steps: list[tuple[str, Mapping[str, Any]]], pipeline: Mapping[str, Any], path: str
) -> Iterator[Finding]:
    types = [component_type(name) for name, _ in steps]
    last = {name: index for index, name in enumerate(types)}
    to_delta = max(last.get("cumulativetodelta", -1), last.get("cumulative_to_delta", -1))
    to_cumulative = max(last.get("deltatocumulative", -1), last.get("delta_to_cumulative", -1))
    if to_delta <= to_cumulative:
        return
    for index, name in enumerate(pipeline.get("exporters") or []):
        if component_type(name) in ("prometheus", "prometheusremotewrite", "prometheus_remote_write"):
            yield _warning(
                f"{path}.exporters[{index}]",
                f"{name} gets delta sums, which it drops or replaces",
                "add deltatocumulative before it",
                "DeltaToPrometheus",
            )


def _statements(step: Mapping[str, Any]) -> Iterator[str]:
    """Every OTTL statement of a transform processor, flat or grouped."""
    for group in step.get("metric_statements") or []:
        if isinstance(group, str):
            yield group
        elif isinstance(group, Mapping):
            yield from (text for text in group.get("statements") or [] if isinstance(text, str))


def _deletes(name: str, step: Mapping[str, Any]) -> bool:
    kind = component_type(name)
    if kind in ("attributes", "resource"):
        actions = step.get("actions" if kind == "attributes" else "attributes") or []
        return any(isinstance(action, Mapping) and action.get("action") == "delete" for action in actions)
    return kind == "transform" and any(_DELETES.search(text) for text in _statements(step))


def _aggregates(name: str, step: Mapping[str, Any]) -> bool:
    kind = component_type(name)
    if kind in ("metricstransform", "metrics_transform"):
        return "aggregate_label" in str(step) or "aggregation_type" in str(step)
    return kind == "transform" and any(_AGGREGATES.search(text) for text in _statements(step))
