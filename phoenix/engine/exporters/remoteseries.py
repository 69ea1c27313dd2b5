"""OTLP points as series of Prometheus remote write 1.0, and those as the protocol's messages."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality, Metric

from phoenix.engine.exporters.accumulator import job_and_instance
from phoenix.engine.ottl.values import as_string, float_text, from_any
from phoenix.engine.processors.streams import NO_RECORDED_VALUE
from phoenix.otlp.encode import delimited, varint
from phoenix.otlp.model import MetricType
from phoenix.otlp.prometheus import UntranslatableName, label_name, metric_name

_TYPES = {
    "gauge": MetricType.GAUGE, "sum": MetricType.SUM, "histogram": MetricType.HISTOGRAM, "summary": MetricType.SUMMARY,
}  # fmt: skip
_CUMULATIVE = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
_STALE = struct.pack("<Q", 0x7FF0000000000002)
"""Prometheus' own NaN: the series has ended."""
_OF_SERVICE = frozenset({"service.name", "service.namespace", "service.instance.id"})
Labels = dict[str, str]


@dataclass(frozen=True, slots=True)
class Style:
    """What the exporter's configuration says about names and labels."""

    namespace: str = ""
    external: Labels = field(default_factory=dict)
    scope_info: bool = True
    target_info: bool = True
    resource_labels: bool = False


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample: labels with the name among them, the value as a little-endian double, milliseconds since 1970."""

    labels: tuple[tuple[str, str], ...]
    value: bytes
    time_ms: int


def series_of(request: ExportMetricsServiceRequest, style: Style) -> tuple[list[Sample], list[str]]:
    """All samples of a request, and of each metric that Prometheus cannot take why it is left out."""
    samples: list[Sample] = []
    dropped: list[str] = []
    for resource in request.resource_metrics:
        owner = _texts(resource.resource.attributes)
        newest_ms = 0
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                try:
                    made = list(_samples(metric, _common(owner, scope, style), style))
                except (Unsendable, UntranslatableName) as error:
                    dropped.append(f"{metric.name}: {error}")
                    continue
                samples += made
                newest_ms = max([newest_ms, *[sample.time_ms for sample in made]])
        if style.target_info and newest_ms:
            samples += _target_info(owner, style, newest_ms)
    return samples, dropped


class Unsendable(ValueError):
    """A metric of a kind that remote write 1.0 has not."""


def _texts(attributes: Iterable[Any]) -> Labels:
    return {pair.key: as_string(from_any(pair.value)) for pair in attributes}


def _common(owner: Labels, scope: Any, style: Style) -> Labels:
    """Labels of every series of a scope, by their final names."""
    labels: Labels = {}
    if style.resource_labels:
        _put_all(labels, owner)
    if style.scope_info:
        labels |= {
            "otel_scope_name": scope.scope.name, "otel_scope_version": scope.scope.version,
            "otel_scope_schema_url": scope.schema_url,
        }  # fmt: skip
        labels |= {f"otel_scope_{label_name(key)}": value for key, value in _texts(scope.scope.attributes).items()}
    return labels | _identity(owner)


def _identity(owner: Labels) -> Labels:
    job, instance = job_and_instance(owner)
    return {name: value for name, value in (("job", job), ("instance", instance)) if value}


def _put_all(labels: Labels, attributes: Labels) -> None:
    """Add attributes; those whose label names are alike share one, their values joined by `;` in the order of keys."""
    named: dict[str, list[str]] = {}
    for key in sorted(attributes):
        named.setdefault(label_name(key), []).append(attributes[key])
    labels |= {name: ";".join(values) for name, values in named.items()}


def _kind_of(metric: Metric) -> str:
    kind = metric.WhichOneof("data") or ""
    if kind not in _TYPES:
        raise Unsendable(f"{kind or 'no data'} is not sent by the Embedded engine")
    temporality = getattr(getattr(metric, kind), "aggregation_temporality", _CUMULATIVE)
    if temporality != _CUMULATIVE:
        raise Unsendable("only cumulative sums and histograms can be sent: use delta_to_cumulative")
    return kind


def _samples(metric: Metric, common: Labels, style: Style) -> Iterator[Sample]:
    kind = _kind_of(metric)
    monotonic = kind == "sum" and metric.sum.is_monotonic
    name = metric_name(metric.name, metric.unit, _TYPES[kind], monotonic, namespace=style.namespace)
    for point in getattr(metric, kind).data_points:
        labels: Labels = {}
        _put_all(labels, _texts(point.attributes))
        labels = {**style.external, **labels, **common}
        stale = bool(point.flags & NO_RECORDED_VALUE)
        time_ms = point.time_unix_nano // 1_000_000
        for suffix, extra, value in _values(kind, point):
            text = sorted({**labels, **extra, "__name__": name + suffix}.items())
            shown = tuple((key, of) for key, of in text if of)  # an empty label is none
            yield Sample(shown, _STALE if stale else struct.pack("<d", value), time_ms)


def _values(kind: str, point: Any) -> Iterator[tuple[str, Labels, float]]:
    """Suffix of the name, labels and value of each series of a point."""
    if kind in {"gauge", "sum"}:
        yield "", {}, float(getattr(point, point.WhichOneof("value") or "as_double"))
        return
    if kind == "summary":
        for item in point.quantile_values:
            yield "", {"quantile": float_text(item.quantile)}, item.value
    else:
        total = 0
        for bound, count in zip(point.explicit_bounds, point.bucket_counts, strict=False):
            total += count
            yield "_bucket", {"le": float_text(bound)}, float(total)
        yield "_bucket", {"le": "+Inf"}, float(point.count)
    if kind == "summary" or point.HasField("sum"):
        yield "_sum", {}, point.sum
    yield "_count", {}, float(point.count)


def _target_info(owner: Labels, style: Style, time_ms: int) -> list[Sample]:
    """What else is known of a resource, beside its job and instance; nothing without them."""
    identity = _identity(owner)
    labels: Labels = {}
    _put_all(labels, {key: value for key, value in owner.items() if key not in _OF_SERVICE})
    if not identity or not labels:
        return []
    name = f"{style.namespace}_target_info" if style.namespace else "target_info"
    shown = sorted({**style.external, **labels, **identity, "__name__": name}.items())
    return [Sample(tuple((key, of) for key, of in shown if of), struct.pack("<d", 1.0), time_ms)]


def batches(samples: Iterable[Sample], limit_bytes: int) -> Iterator[bytes]:
    """WriteRequest messages, none larger than the limit unless one series alone is."""
    held: list[bytes] = []
    size = 0
    for sample in samples:
        encoded = delimited(1, _series(sample))
        if held and size + len(encoded) > limit_bytes:
            yield b"".join(held)
            held, size = [], 0
        held.append(encoded)
        size += len(encoded)
    if held:
        yield b"".join(held)


def _series(sample: Sample) -> bytes:
    labels = [delimited(1, delimited(1, key.encode()) + delimited(2, value.encode())) for key, value in sample.labels]
    return b"".join([*labels, delimited(2, b"\x09" + sample.value + b"\x10" + varint(sample.time_ms))])
