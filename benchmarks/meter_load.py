"""OTLP requests of counter points whose order, times and values change with every request, at next to no cost.

All points of a metric have the same length on the wire, so that a new order is a permutation of equal rows, and times
and values are columns. Built with the protobuf classes, not with Phoenix's own encoder.
"""

from __future__ import annotations

import time

import numpy as np
import numpy.typing as npt
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import NumberDataPoint

POINTS, METRICS = 10_000, 10
_TIME, _VALUE = 0x1122334455667788, 1.2345678901234567
RESOURCE = (("service.name", "checkout"), ("service.version", "1.2.3"), ("deployment.environment", "test"))

Bytes = npt.NDArray[np.uint8]


class Body:
    """One sender's request, written over for every post.

    Args:
        first: number of the first series.
        seed: decides orders and values.
        shuffled: whether the order changes too.
    """

    def __init__(self, first: int, seed: int, *, shuffled: bool = True) -> None:
        self._random = np.random.default_rng(seed)
        self._shuffled = shuffled
        self.data = bytearray(_request(first))
        self._bytes: Bytes = np.frombuffer(self.data, np.uint8)
        self._blocks: list[_Block] = []
        row, stop = _row(first), 0
        for _ in range(METRICS):
            start = self.data.index(row, stop)
            stop = start + len(row) * (POINTS // METRICS)
            self._blocks.append(_Block(self._bytes[start:stop].reshape(-1, len(row)), row))

    def next(self, at_ns: int | None = None) -> bytearray:
        """The next request, its points of now or of a time (Unix ns); valid until the one after it."""
        now = np.frombuffer((at_ns or time.time_ns()).to_bytes(8, "little"), np.uint8)
        for block in self._blocks:
            if self._shuffled:
                block.shuffle(self._random)
            block.write(now, self._random)
        return self.data


class _Block:
    """The rows of one metric inside the request, and where time and value are in a row."""

    def __init__(self, rows: Bytes, row: bytes) -> None:
        self._rows = rows
        self._original = rows.copy()
        self._time = row.index(_TIME.to_bytes(8, "little"))
        self._value = row.index(np.float64(_VALUE).tobytes())

    def shuffle(self, random: np.random.Generator) -> None:
        np.take(self._original, random.permutation(len(self._original)), axis=0, out=self._rows)

    def write(self, now: Bytes, random: np.random.Generator) -> None:
        self._rows[:, self._time : self._time + 8] = now
        values = random.random(len(self._rows)).view(np.uint8).reshape(-1, 8)
        self._rows[:, self._value : self._value + 8] = values


def _request(first: int) -> bytes:
    request = ExportMetricsServiceRequest()
    resource = request.resource_metrics.add()
    for key, value in RESOURCE:
        resource.resource.attributes.add(key=key).value.string_value = value
    metrics = resource.scope_metrics.add()
    for metric in range(METRICS):
        data = metrics.metrics.add(name=f"app.metric.{metric}", unit="1").sum
        data.aggregation_temporality, data.is_monotonic = 2, True
        data.data_points.extend(_point(first + index) for index in range(POINTS // METRICS))
    return bytes(request.SerializeToString())


def _point(index: int) -> NumberDataPoint:
    point = NumberDataPoint(start_time_unix_nano=_TIME - 1, time_unix_nano=_TIME, as_double=_VALUE)
    for key, text in point_attributes(index):
        point.attributes.add(key=key).value.string_value = text
    point.attributes.add(key="http.response.status_code").value.int_value = (200, 201, 404, 500)[index % 4]
    return point


def _row(index: int) -> bytes:
    """A point as it lies in its metric: field 1, length, content."""
    content = bytes(_point(index).SerializeToString())
    assert 128 <= len(content) < 1 << 14
    return bytes((0x0A, len(content) & 127 | 128, len(content) >> 7)) + content


def point_attributes(index: int) -> list[tuple[str, str]]:
    """Seven attributes, equally long for every index."""
    return [
        ("http.request.method", ("GET", "PUT")[index % 2]),
        ("http.route", f"/api/v1/resource{index % 37:02d}/{{id}}"),
        ("k8s.namespace.name", f"team-{index % 13:02d}"),
        ("k8s.pod.name", f"checkout-7d9f8b6c5-{index:06x}"),
        ("host.name", f"node-{index % 50:03d}.eu-west-1.internal"),
        ("cloud.region", "eu-west-1"),
        ("service.instance.id", f"627cc493-f310-47de-96bd-{index:012x}"),
    ]
