"""Hand-made OTLP for tests, and naive readings of it: plain tuples, no code of the engine."""

from __future__ import annotations

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

T0 = 1_700_000_000_000_000_000
DELTA, CUMULATIVE = 1, 2


def any_value(value):
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    if isinstance(value, bytes):
        return AnyValue(bytes_value=value)
    if isinstance(value, list):
        made = AnyValue()
        made.array_value.values.extend(any_value(item) for item in value)
        return made
    if isinstance(value, dict):
        made = AnyValue()
        made.kvlist_value.values.extend(pairs(value))
        return made
    return AnyValue(string_value=value)


def pairs(attributes):
    return [KeyValue(key=key, value=any_value(value)) for key, value in attributes.items()]


def plain(value):
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    if kind == "array_value":
        return [plain(item) for item in value.array_value.values]
    if kind == "kvlist_value":
        return {item.key: plain(item.value) for item in value.kvlist_value.values}
    return getattr(value, kind)


def attributes(field):
    return {pair.key: plain(pair.value) for pair in field}


def number_metric(kind, name, points, *, unit="", temporality=CUMULATIVE, monotonic=True):
    """`points`: (attributes, value, time offset in ns)."""
    metric = Metric(name=name, unit=unit)
    data = getattr(metric, kind)
    data.SetInParent()
    if kind == "sum":
        data.aggregation_temporality = temporality
        data.is_monotonic = monotonic
    for point_attributes, value, *rest in points:
        point = data.data_points.add(
            time_unix_nano=T0 + (rest[0] if rest else 0), start_time_unix_nano=rest[1] if len(rest) > 1 else T0 - 1000
        )
        point.attributes.extend(pairs(point_attributes))
        if isinstance(value, int):
            point.as_int = value
        else:
            point.as_double = value
    return metric


def histogram(name, points, *, bounds=(1.0, 5.0), temporality=CUMULATIVE):
    """`points`: (attributes, bucket counts, sum)."""
    metric = Metric(name=name, unit="s")
    metric.histogram.aggregation_temporality = temporality
    for point_attributes, counts, total in points:
        point = metric.histogram.data_points.add(
            time_unix_nano=T0, start_time_unix_nano=T0 - 1000, count=sum(counts), sum=total,
            bucket_counts=counts, explicit_bounds=bounds,
        )  # fmt: skip
        point.attributes.extend(pairs(point_attributes))
    return metric


def request(*metrics, resource=None):
    """One resource, one scope, these metrics."""
    return add_resource(ExportMetricsServiceRequest(), *metrics, resource=resource)


def add_resource(into, *metrics, resource=None):
    rm = into.resource_metrics.add()
    rm.resource.attributes.extend(pairs(resource or {}))
    sm = rm.scope_metrics.add()
    sm.scope.name, sm.scope.version = "scope", "1.0"
    sm.metrics.extend(metrics)
    return into


def numbers(message):
    """Every number point: (resource, metric name, attributes, value), all as sorted tuples."""
    rows = []
    for rm in message.resource_metrics:
        for sm in rm.scope_metrics:
            for metric in sm.metrics:
                kind = metric.WhichOneof("data")
                if kind not in ("gauge", "sum"):
                    continue
                for point in getattr(metric, kind).data_points:
                    value = getattr(point, point.WhichOneof("value")) if point.WhichOneof("value") else None
                    rows.append((row(rm.resource.attributes), metric.name, row(point.attributes), value))
    return sorted(rows, key=repr)


def row(field):
    return tuple(sorted(attributes(field).items()))
