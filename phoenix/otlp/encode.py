"""Metrics of a fixed shape as OTLP bytes: encoded once, afterwards only times and values are written over.

Why it exists: a generator that builds protobuf objects every tick is slower than what it measures. A `Template` lays an
ExportMetricsServiceRequest out by hand and remembers where each point's time and values are; `encode` scatters numpy
arrays into those places and copies the result. Every patched field is 8 bytes wide, so nothing ever moves.

Layout (tag, then value; fixed-width fields first and in this order, so that a scanner finds them at fixed offsets):
number point `11 start 19 time 21|31 value 3a attributes…`; histogram point `11 start 19 time 21 count 29 sum 32 bucket
counts 3a bounds 4a attributes…`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from phoenix.otlp.model import MetricType, Temporality

AttributeValue = str | bool | int | float
Attributes = Sequence[tuple[str, AttributeValue]]
Words = npt.NDArray[np.uint64]
"""8-byte fields: floats and signed integers are given as `array.view(np.uint64)`."""
_Places = npt.NDArray[np.int64]

_START, _TIME, _VALUE = 1, 10, 19
"""Where the first three 8-byte fields of a point are, from the start of its body."""
_SUM, _BUCKETS = 28, 36  # the bucket counts follow their tag and length


@dataclass(frozen=True, slots=True)
class MetricShape:
    """A metric and the attribute sets of its points.

    `points` holds encoded attribute sets (`encode_attributes` with the field number of `point_attributes_field`).
    Number metrics (Sum, Gauge) take ints when `integer`; histograms have `bounds`, ascending.
    """

    name: str
    unit: str
    type: MetricType
    points: Sequence[bytes]
    description: str = ""
    temporality: Temporality = Temporality.CUMULATIVE
    monotonic: bool = False
    integer: bool = False
    bounds: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class ResourceShape:
    """A resource, its one scope and its metrics."""

    attributes: Attributes
    metrics: Sequence[MetricShape]
    scope: str = ""
    scope_version: str = ""


_SHORT = [bytes([value]) for value in range(128)]


def varint(value: int) -> bytes:
    """A protobuf varint; `value` is 0 or more."""
    if value < 128:
        return _SHORT[value]
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def delimited(field: int, body: bytes) -> bytes:
    """A length-delimited field: a text, bytes or a message."""
    return varint(field << 3 | 2) + varint(len(body)) + body


def _any_value(value: AttributeValue) -> bytes:
    match value:
        case bool():
            return b"\x10" + varint(value)
        case int():
            return b"\x18" + varint(value & 0xFFFF_FFFF_FFFF_FFFF)
        case float():
            return b"\x21" + struct.pack("<d", value)
        case str():
            return delimited(1, value.encode())


def encode_attributes(field: int, attributes: Attributes) -> bytes:
    """Attributes as repeated KeyValue fields with this field number, in the order given."""
    return b"".join(
        delimited(field, delimited(1, key.encode()) + delimited(2, _any_value(value))) for key, value in attributes
    )


def point_attributes_field(metric_type: MetricType) -> int:
    """Field number of a point's attributes: they differ by type.

    Raises:
        ValueError: templates do not know this type.
    """
    match metric_type:
        case MetricType.SUM | MetricType.GAUGE:
            return 7
        case MetricType.HISTOGRAM:
            return 9
        case _:
            msg = f"templates hold Sum, Gauge and Histogram, not {metric_type.name}"
            raise ValueError(msg)


@dataclass(slots=True)
class Piece:
    """Encoded resources, and where the bodies of their points begin in them, by shape of point."""

    body: bytes
    numbers: _Places
    histograms: dict[int, _Places]
    """number of buckets → places"""

    def wrapped(self, field: int, before: bytes = b"") -> Piece:
        """As a length-delimited field, with `before` ahead of it inside."""
        head = varint(field << 3 | 2) + varint(len(before) + len(self.body)) + before
        shift = len(head)
        return Piece(head + self.body, self.numbers + shift, {size: at + shift for size, at in self.histograms.items()})

    def of_resource(self, attributes: Attributes) -> Piece:
        """An encoded scope with a resource ahead of it."""
        return self.wrapped(1, delimited(1, encode_attributes(1, attributes)))


def _joined(pieces: Iterable[Piece]) -> Piece:
    bodies: list[bytes] = []
    numbers: list[_Places] = [np.empty(0, np.int64)]
    histograms: dict[int, list[_Places]] = {}
    at = 0
    for piece in pieces:
        bodies.append(piece.body)
        numbers.append(piece.numbers + at)
        for size, places in piece.histograms.items():
            histograms.setdefault(size, []).append(places + at)
        at += len(piece.body)
    return Piece(
        b"".join(bodies), np.concatenate(numbers), {size: np.concatenate(at) for size, at in histograms.items()}
    )


def _fixed_part(shape: MetricShape) -> bytes:
    """What every point of the metric begins with, times and values zero."""
    times = b"\x11" + bytes(8) + b"\x19" + bytes(8)
    if shape.type is not MetricType.HISTOGRAM:
        return times + (b"\x31" if shape.integer else b"\x21") + bytes(8)
    buckets = len(shape.bounds) + 1
    counts = delimited(6, bytes(8 * buckets))
    bounds = delimited(7, struct.pack(f"<{len(shape.bounds)}d", *shape.bounds)) if shape.bounds else b""
    return times + b"\x21" + bytes(8) + b"\x29" + bytes(8) + counts + bounds


def _metric(shape: MetricShape) -> Piece:
    point_attributes_field(shape.type)  # refuses what a template cannot hold
    fixed = _fixed_part(shape)
    chunks: list[bytes] = []
    places = np.empty(len(shape.points), np.int64)
    at = 0
    for index, attributes in enumerate(shape.points):
        head = b"\x0a" + varint(len(fixed) + len(attributes))
        places[index] = at + len(head)
        chunks += (head, fixed, attributes)
        at += len(head) + len(fixed) + len(attributes)
    tail = b"" if shape.type is MetricType.GAUGE else b"\x10" + varint(shape.temporality)
    if shape.type is MetricType.SUM and shape.monotonic:
        tail += b"\x18\x01"
    empty = np.empty(0, np.int64)
    body = b"".join((*chunks, tail))
    data = (
        Piece(body, empty, {len(shape.bounds) + 1: places})
        if shape.type is MetricType.HISTOGRAM
        else Piece(body, places, {})
    )
    about = b"".join(
        delimited(field, text.encode())
        for field, text in ((1, shape.name), (2, shape.description), (3, shape.unit))
        if text
    )
    return data.wrapped(shape.type).wrapped(2, about)


def encode_resource(shape: ResourceShape) -> Piece:
    """Lay one resource out, to be put into templates as often as it is needed."""
    return encode_scope(shape).of_resource(shape.attributes)


def encode_scope(shape: ResourceShape) -> Piece:
    """The same without the resource, for many resources that differ in their attributes alone."""
    scope = b"".join(
        delimited(field, text.encode()) for field, text in ((1, shape.scope), (2, shape.scope_version)) if text
    )
    metrics = _joined(_metric(metric) for metric in shape.metrics)
    # `metrics` is field 2 of ScopeMetrics, which is field 2 of ResourceMetrics.
    return metrics.wrapped(2, delimited(1, scope))


@dataclass(frozen=True, slots=True)
class HistogramValues:
    """Values of the histograms that have one number of buckets, in the order of the shapes; n points, b buckets."""

    counts: npt.NDArray[np.uint64]
    """(n, b), per bucket, not cumulative over bounds; a point's count is their sum"""
    sums: npt.NDArray[np.float64]
    """(n,)"""


class Template:
    """One export request of fixed shape. Not thread-safe: one `encode` at a time.

    Number points are numbered across the request in the order of resources, metrics and points; so are, apart from
    them, histogram points of each number of buckets.
    """

    def __init__(self, resources: Iterable[ResourceShape | Piece]) -> None:
        whole = _joined(
            resource if isinstance(resource, Piece) else encode_resource(resource) for resource in resources
        )
        self._buffer = bytearray(whole.body)
        # Every byte offset as a word: fields are not aligned.
        self._words: Words = np.ndarray((max(len(self._buffer) - 7, 0),), "<u8", buffer=self._buffer, strides=(1,))
        self._values = whole.numbers + _VALUE
        self._histograms = dict(sorted(whole.histograms.items()))
        bodies = np.concatenate([whole.numbers, *self._histograms.values()])
        self._starts, self._times = bodies + _START, bodies + _TIME
        self._buckets = {
            size: places[:, None] + (_BUCKETS + 1 + len(varint(8 * size)) + 8 * np.arange(size))
            for size, places in self._histograms.items()
        }
        self.number_points = len(self._values)
        self.histogram_points = {size: len(places) for size, places in self._histograms.items()}
        """number of buckets → points"""
        self.points = self.number_points + sum(self.histogram_points.values())
        self.size_bytes = len(self._buffer)

    def set_start(self, start_unix_nano: int | Words) -> None:
        """Write every point's start time, Unix nanoseconds: one for all, or (points,), in the order of the points."""
        self._words[self._starts] = start_unix_nano

    def encode(
        self, time_unix_nano: int | Words, numbers: Words, histograms: dict[int, HistogramValues] | None = None
    ) -> bytes:
        """The request with this time in every point and these values.

        Args:
            time_unix_nano: of every point; or (points,): number points first, then histograms by number of buckets.
            numbers: (number_points,); int64 or float64 values viewed as uint64, as each metric is integer or not.
            histograms: by number of buckets; each that the template has.

        Raises:
            ValueError: an array's shape is not the template's.
            KeyError: values of a histogram are missing.
        """
        words = self._words
        words[self._times] = time_unix_nano
        words[self._values] = numbers
        for size, places in self._histograms.items():
            values = (histograms or {})[size]
            words[self._buckets[size]] = values.counts
            words[places + _VALUE] = values.counts.sum(axis=1)
            words[places + _SUM] = values.sums.view(np.uint64)
        return bytes(self._buffer)
