"""A Prometheus page (text format 0.0.4) of accumulated series."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from phoenix.engine.exporters.accumulator import Labels, Series, job_and_instance
from phoenix.otlp.model import MetricType
from phoenix.otlp.prometheus import UntranslatableName, label_name, metric_name

_TYPES = {
    "gauge": MetricType.GAUGE, "sum": MetricType.SUM, "histogram": MetricType.HISTOGRAM,
    "exponential_histogram": MetricType.EXPONENTIAL_HISTOGRAM, "summary": MetricType.SUMMARY,
}  # fmt: skip
_EXPOSED = {"gauge": "gauge", "histogram": "histogram", "exponential_histogram": "histogram", "summary": "summary"}


@dataclass(frozen=True, slots=True)
class Style:
    """What the exporter's configuration says about the page."""

    namespace: str
    const_labels: Labels
    timestamps: bool
    scope_info: bool


class LabelClash(ValueError):
    """Two attributes of a series have one label name."""


def number(value: float) -> str:
    """A value as Prometheus writes it."""
    if isinstance(value, int):
        return str(value)
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return repr(value).removesuffix(".0")


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _labels_text(labels: Iterable[tuple[str, str]]) -> str:
    inner = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels)
    return "{" + inner + "}" if inner else ""


def labels_of(series: Series, style: Style) -> list[tuple[str, str]]:
    """The labels of a series, sorted by name.

    Raises:
        LabelClash: two sources give one name.
        UntranslatableName: an attribute key has no letter or digit.
    """
    found: dict[str, str] = {}

    def put(name: str, value: str) -> None:
        if name in found:
            raise LabelClash(name)
        found[name] = value

    for key, value in series.attributes.items():
        put(label_name(key), value)
    job, instance = job_and_instance(series.resource)
    for name, value in (("job", job), ("instance", instance)):
        if value:
            put(name, value)
    if style.scope_info:
        scope = zip(("otel_scope_name", "otel_scope_version", "otel_scope_schema_url"), series.scope, strict=True)
        for name, value in scope:
            put(name, value)
        for key, value in series.scope_attributes.items():
            put("otel_scope_" + label_name(key), value)
    for name, value in style.const_labels.items():
        put(name, value)
    return sorted(found.items())


def page(series: Iterable[Series], style: Style, log: logging.Logger) -> bytes:
    """The whole page, families by name; series that cannot be shown are logged and left out."""
    series = list(series)
    families: dict[str, tuple[str, str, list[str]]] = {}
    for one in series:
        try:
            name = metric_name(one.metric, one.unit, _TYPES[one.kind], one.monotonic, namespace=style.namespace)
            labels = labels_of(one, style)
        except (LabelClash, UntranslatableName) as error:
            log.error("series left out metric=%s error=%r", one.metric, error)
            continue
        kind = "counter" if one.monotonic else _EXPOSED.get(one.kind, "gauge")
        known = families.setdefault(name, (kind, one.description, []))
        if known[0] != kind:
            log.error("series left out metric=%s error=%r", one.metric, f"{name} is a {known[0]} already, not a {kind}")
            continue
        known[2].extend(_lines(name, labels, one, style.timestamps))
    info = _target_info(series)
    if info:
        name = f"{style.namespace}_target_info" if style.namespace else "target_info"
        families[name] = ("gauge", "Target metadata", [f"{name}{labels} 1" for labels in info])
    lines: list[str] = []
    for name, (kind, description, samples) in sorted(families.items()):
        help_text = description.replace("\\", r"\\").replace("\n", r"\n")
        lines += [f"# HELP {name} {help_text}", f"# TYPE {name} {kind}", *samples]
    return ("\n".join(lines) + "\n").encode() if lines else b""


def _lines(name: str, labels: list[tuple[str, str]], series: Series, timestamps: bool) -> Iterator[str]:
    end = f" {series.time_unix_nano // 1_000_000}" if timestamps else ""
    own = _labels_text(labels)
    if series.kind in {"gauge", "sum"}:
        yield f"{name}{own} {number(series.value)}{end}"
        return
    if series.kind == "summary":
        for quantile, value in series.quantiles:
            yield f"{name}{_labels_text([*labels, ('quantile', number(quantile))])} {number(value)}{end}"
    else:
        running = 0
        for bound, count in zip(series.bounds, series.buckets, strict=False):
            running += count
            yield f"{name}_bucket{_labels_text([*labels, ('le', number(bound))])} {running}{end}"
        yield f"{name}_bucket{_labels_text([*labels, ('le', '+Inf')])} {series.count}{end}"
    yield f"{name}_sum{own} {number(series.total)}{end}"
    yield f"{name}_count{own} {series.count}{end}"


def _target_info(series: list[Series]) -> list[str]:
    """Labels of one `target_info` for each (job, instance) that has a series; there is none without both."""
    found: dict[tuple[str, str], str] = {}
    for one in series:
        target = job_and_instance(one.resource)
        others: dict[str, str] = {}
        for key, value in sorted(one.resource.items()):
            if key in {"service.name", "service.namespace", "service.instance.id"}:
                continue
            name = label_name(key)
            others[name] = f"{others[name]};{value}" if name in others else value
        if all(target) and target not in found:
            named = dict(zip(("job", "instance"), target, strict=True))
            found[target] = _labels_text(sorted((others | named).items()))
    return list(found.values())
