"""From a page of metrics (Prometheus text or OpenMetrics) to OTLP, as the collector's prometheus receiver does it."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality, Metric, ScopeMetrics
from prometheus_client.openmetrics import parser as _openmetrics_parser
from prometheus_client.parser import text_string_to_metric_families

from phoenix.engine.processors.streams import NO_RECORDED_VALUE
from phoenix.engine.receivers.relabel import Labels, Step, relabel

_CUMULATIVE = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
SCOPE = "github.com/open-telemetry/opentelemetry-collector-contrib/receiver/prometheusreceiver"
_SUFFIXES = {"histogram": ("_bucket", "_sum", "_count", "_created"), "summary": ("_sum", "_count", "_created"),
             "counter": ("_created",)}  # fmt: skip
_DATA = {"counter": "sum", "info": "sum", "stateset": "sum", "histogram": "histogram", "summary": "summary"}
"""Types of OTLP by those of Prometheus; all others are gauges."""
_OF_SCOPE = "otel_scope_"
_NEVER_ATTRIBUTES = frozenset({"__name__", "job", "instance", "__scheme__", "__metrics_path__"})


@dataclass(frozen=True, slots=True)
class Exposed:
    """One sample of a page after relabelling. `family`: its metric's name; `kind`: its Prometheus type."""

    family: str
    kind: str
    help: str
    unit: str
    name: str
    labels: Labels
    value: float
    time_s: float | None


def read_page(text: str, content_type: str) -> list[Exposed]:
    """Every sample of a page.

    Raises:
        ValueError: it is no page of metrics.
    """
    if content_type.startswith("application/openmetrics-text"):
        families: Iterable[Any] = _openmetrics_parser.text_string_to_metric_families(text)  # type: ignore[no-untyped-call]
    else:
        families = text_string_to_metric_families(text)
    return [
        Exposed(
            family.name, family.type, family.documentation, family.unit, sample.name, dict(sample.labels),
            float(sample.value), None if sample.timestamp is None else float(sample.timestamp),
        )
        for family in families
        for sample in family.samples
    ]  # fmt: skip


def labelled(sample: Exposed, target: Labels, steps: tuple[Step, ...], honor_labels: bool) -> Exposed | None:
    """The sample with its target's labels, relabelled; None: dropped. Of two labels of one name the target's wins,
    the other becomes `exported_NAME`, unless labels are honored."""
    own = {name: value for name, value in sample.labels.items() if value}
    if honor_labels:
        labels = {**target, **own}
    else:
        labels = {f"exported_{name}" if name in target else name: value for name, value in own.items()} | target
    given = relabel({**labels, "__name__": sample.name}, steps) if steps else {**labels, "__name__": sample.name}
    if not given or not given.get("__name__"):
        return None
    name = given.pop("__name__")
    family = sample.family if name == sample.name else name.removesuffix(sample.name.removeprefix(sample.family))
    return Exposed(family, sample.kind, sample.help, sample.unit, name, given, sample.value, sample.time_s)


@dataclass(slots=True)
class Group:
    """The samples that make one point."""

    family: Exposed
    metric: str
    attributes: Labels
    scope: Labels = field(default_factory=dict)
    """its labels about a scope, without `otel_scope_`"""
    samples: dict[str, float] = field(default_factory=dict)
    buckets: list[tuple[float, float]] = field(default_factory=list)
    created_s: float = 0.0
    time_s: float | None = None


def grouped(samples: Iterable[Exposed]) -> dict[Hashable, Group]:
    """Points by their identity (metric and attributes), in the order of the page."""
    groups: dict[Hashable, Group] = {}
    for sample in samples:
        suffixes = _SUFFIXES.get(sample.kind, ())
        suffix = next((end for end in suffixes if sample.name == sample.family + end), "")
        complex_kind = sample.kind in {"histogram", "summary"}
        metric = sample.family if complex_kind else sample.name
        if sample.kind == "counter" and suffix:
            metric = sample.family + "_total"
        bound = "le" if sample.kind == "histogram" else "quantile" if sample.kind == "summary" else ""
        attributes = {
            name: value
            for name, value in sample.labels.items()
            if name not in _NEVER_ATTRIBUTES | {bound} and not name.startswith(_OF_SCOPE)
        }
        scope = {
            name.removeprefix(_OF_SCOPE): value for name, value in sample.labels.items() if name.startswith(_OF_SCOPE)
        }
        key = (metric, frozenset(attributes.items()), frozenset(scope.items()))
        group = groups.setdefault(key, Group(sample, metric, attributes, scope))
        if suffix == "_created":
            group.created_s = sample.value
        elif bound and bound in sample.labels:
            group.buckets.append((float(sample.labels[bound]), sample.value))
        else:
            group.samples[suffix] = sample.value
        group.time_s = sample.time_s if suffix != "_created" else group.time_s
    return {key: group for key, group in groups.items() if group.samples or group.buckets}


class Builder:
    """One resource being filled with metrics, in the receiver's scope or those that the samples name."""

    def __init__(self, resource: Labels) -> None:
        self.request = ExportMetricsServiceRequest()
        self._resource = self.request.resource_metrics.add()
        self._resource.resource.attributes.extend(_pairs(resource))
        self._scopes: dict[Hashable, ScopeMetrics] = {}
        self._metrics: dict[Hashable, Metric] = {}

    def _scope(self, key: Hashable, labels: Labels) -> ScopeMetrics:
        made = self._scopes.get(key)
        if made is None:
            made = self._scopes[key] = self._resource.scope_metrics.add(schema_url=labels.get("schema_url", ""))
            made.scope.name, made.scope.version = labels.get("name", "" if labels else SCOPE), labels.get("version", "")
            more = {name: of for name, of in labels.items() if name not in {"name", "version", "schema_url"}}
            made.scope.attributes.extend(_pairs(more))
        return made

    def add(self, group: Group, tick_unix_nano: int, *, stale: bool = False) -> None:
        """Add a point; a stale one says that its series has ended."""
        kind = group.family.kind
        point = self._points(group).add(time_unix_nano=tick_unix_nano)
        point.attributes.extend(_pairs(group.attributes))
        if stale:
            point.flags = NO_RECORDED_VALUE
            return
        if group.time_s is not None:
            point.time_unix_nano = int(group.time_s * 1e9)
        if group.created_s and kind in _SUFFIXES:
            point.start_time_unix_nano = int(group.created_s * 1e9)
        if kind == "histogram":
            _fill_histogram(point, group)
        elif kind == "summary":
            point.count, point.sum = int(group.samples.get("_count", 0)), group.samples.get("_sum", 0.0)
            for quantile, value in sorted(group.buckets):
                point.quantile_values.add(quantile=quantile, value=value)
        else:
            point.as_double = next(iter(group.samples.values()))

    def _points(self, group: Group) -> Any:
        # By type too: a page may give one name to metrics of two, or have an `up` of its own.
        of, kind = group.family, _DATA.get(group.family.kind, "gauge")
        scope_key = frozenset(group.scope.items())
        metric = self._metrics.get((scope_key, group.metric, kind))
        if metric is None:
            metric = self._metrics[scope_key, group.metric, kind] = self._scope(scope_key, group.scope).metrics.add(
                name=group.metric, description=of.help, unit=of.unit
            )
            metric.metadata.extend(_pairs({"prometheus.type": of.kind}))
            getattr(metric, kind).SetInParent()
            if kind == "sum":
                metric.sum.is_monotonic = of.kind == "counter"
            if kind in {"sum", "histogram"}:
                getattr(metric, kind).aggregation_temporality = _CUMULATIVE
        return getattr(metric, kind).data_points


def _fill_histogram(point: Any, group: Group) -> None:
    """Cumulative buckets of a page to counts between bounds."""
    buckets = sorted(group.buckets)
    before = 0.0
    for bound, cumulative in buckets:
        if not math.isinf(bound):
            point.explicit_bounds.append(bound)
            point.bucket_counts.append(max(0, int(cumulative - before)))
            before = cumulative
    count = group.samples.get("_count", buckets[-1][1] if buckets else 0.0)
    point.bucket_counts.append(max(0, int(count - before)))
    point.count = int(count)
    if "_sum" in group.samples:
        point.sum = group.samples["_sum"]


def _pairs(labels: Labels) -> list[KeyValue]:
    return [KeyValue(key=key, value=AnyValue(string_value=value)) for key, value in labels.items()]
