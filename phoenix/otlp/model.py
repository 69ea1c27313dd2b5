"""The words of OTLP metrics that every reader and writer here shares: metric types and temporalities.

The values are the protocol's own numbers, so that a field number read off the wire is already the type.
"""

from __future__ import annotations

from enum import IntEnum


class MetricType(IntEnum):
    """Field number of `opentelemetry.proto.metrics.v1.Metric.data`; NONE: a metric that carries no data."""

    NONE = 0
    GAUGE = 5
    SUM = 7
    HISTOGRAM = 9
    EXPONENTIAL_HISTOGRAM = 10
    SUMMARY = 11


class Temporality(IntEnum):
    """`opentelemetry.proto.metrics.v1.AggregationTemporality`."""

    UNSPECIFIED = 0
    DELTA = 1
    CUMULATIVE = 2
