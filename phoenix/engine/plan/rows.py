"""Rows: the points of any payload with the number of the series each is of, found by the bytes of its key.

Where a payload's shape is new because some of its series are, most of them have been seen before. A walk over the
payload looks up each point's key (attributes, bounds, flags) as one slice of bytes, under its metric, scope and
resource, also as bytes; nothing known is decoded. Bounded: beyond MAX_SERIES all is forgotten and learned anew.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from phoenix.engine.plan.shape import starts_first
from phoenix.otlp.errors import MalformedPayload
from phoenix.otlp.layout import KEY_FIELDS, Layout, Offsets, learn
from phoenix.otlp.model import MetricType
from phoenix.otlp.walk import Irregular, guess_points_end
from phoenix.otlp.wire import LENGTH, fields, varint

MAX_SERIES = 400_000
"""About 400 bytes each with what is kept for them."""
_FIRST, _LIST, _SCHEMA_URL, _METADATA = 0x0A, 0x12, 0x1A, 0x62
_HEADER = (0x0A, 0x12, 0x1A)
_DATA = {type << 3 | LENGTH: type for type in MetricType if type}


@dataclass(slots=True, eq=False)
class MetricFrame:
    """A metric in its scope and resource, as its bytes are around its points."""

    scope: ScopeFrame
    header: bytes
    tag: int
    tail: bytes
    suffix: bytes
    series: dict[bytes, int] = field(default_factory=dict)
    """number of each key"""
    layout: Layout | None = None
    """of the point last read"""
    mixed: bool = False
    """its points have several layouts"""
    made: Any = None
    """what the owner of the rows knows of it"""


@dataclass(slots=True, eq=False)
class ScopeFrame:
    """A scope in its resource: the bytes before and behind its metrics."""

    resource: ResourceFrame
    prefix: bytes
    suffix: bytes
    metrics: dict[tuple[bytes, int, bytes, bytes], MetricFrame] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class ResourceFrame:
    """A resource: the bytes before and behind its scopes."""

    prefix: bytes
    suffix: bytes
    scopes: dict[tuple[bytes, bytes], ScopeFrame] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Spot:
    """A metric of the payload: which resource and scope of the payload it is in, and its first point."""

    frame: MetricFrame
    resource: int
    scope: int
    first: int


@dataclass(frozen=True, slots=True)
class Rows:
    """The points of one payload in order; arrays have shape (points,)."""

    spots: list[Spot]
    metric: Offsets
    """index into `spots`"""
    series: Offsets
    at: Offsets
    end: Offsets
    layout: npt.NDArray[np.int64]
    """index into `layouts`"""
    layouts: list[Layout]
    new: list[tuple[int, int]]
    """(row, series) of those seen for the first time"""

    def __len__(self) -> int:
        return len(self.at)


class Series:
    """The series that came to one place. Not thread-safe."""

    def __init__(self, max_series: int = MAX_SERIES) -> None:
        self._max_series = max_series
        self._resources: dict[tuple[bytes, bytes], ResourceFrame] = {}
        self.count = 0
        self.generation = 0
        """another number once all was forgotten"""

    def read(self, data: bytes) -> Rows | None:
        """The rows of a payload; None: it is not laid out as usual, or not all of its points have a layout."""
        if self.count > self._max_series:
            self.forget()
        walk = _Walk(self, data)
        try:
            return walk.rows()
        except (Irregular, MalformedPayload, IndexError):
            return None

    def forget(self) -> None:
        """All of them."""
        self._resources, self.count = {}, 0
        self.generation += 1

    def resource(self, prefix: bytes, suffix: bytes) -> ResourceFrame:
        """The resource that is so encoded."""
        found = self._resources.get((prefix, suffix))
        if found is None:
            found = self._resources[prefix, suffix] = ResourceFrame(prefix, suffix)
        return found


class _Walk:
    """Reads one payload."""

    def __init__(self, owner: Series, data: bytes) -> None:
        self._owner = owner
        self._data = data
        self._spots: list[Spot] = []
        self._counts: list[int] = []
        self._series: list[int] = []
        self._at: list[int] = []
        self._end: list[int] = []
        self._layouts: dict[Layout, int] = {}
        self._layout: list[int] = []
        self._new: list[tuple[int, int]] = []

    def rows(self) -> Rows:
        data = self._data
        resources, stop = _children(data, 0, len(data), _FIRST)
        if stop != len(data):
            raise Irregular("more than resources")
        for place, (start, end) in enumerate(resources):
            prefix_end = _skip(data, start, end, _FIRST)
            scopes, stop = _children(data, prefix_end, end, _LIST)
            frame = self._owner.resource(data[start:prefix_end], _schema(data, stop, end))
            for inner, inner_end in scopes:
                self._scope(frame, place, inner, inner_end)
        made = Rows(
            self._spots, np.repeat(np.arange(len(self._spots)), self._counts), _array(self._series), _array(self._at),
            _array(self._end), _array(self._layout), list(self._layouts), self._new,
        )  # fmt: skip
        if not len(made):
            raise Irregular("no points")
        self._check(made)
        return made

    def _scope(self, resource: ResourceFrame, place: int, start: int, end: int) -> None:
        data = self._data
        prefix_end = _skip(data, start, end, _FIRST)
        metrics, stop = _children(data, prefix_end, end, _LIST)
        key = data[start:prefix_end], _schema(data, stop, end)
        scope = resource.scopes.get(key)
        if scope is None:
            scope = resource.scopes[key] = ScopeFrame(resource, *key)
        number = self._spots[-1].scope + 1 if self._spots else 0
        for at, last in metrics:
            self._metric(scope, place, number, at, last)

    def _metric(self, scope: ScopeFrame, place: int, number: int, start: int, end: int) -> None:
        data = self._data
        at = start
        for tag in _HEADER:
            at = _skip(data, at, end, tag)
        tag = data[at]
        if at >= end or tag not in _DATA:
            raise Irregular("a metric without data")
        size, first = varint(data, at + 1)
        stop = first + size
        if stop > end or (stop < end and data[stop] != _METADATA) or not size:
            raise Irregular("a metric laid out unusually")
        points_end = guess_points_end(data, stop, _DATA[tag])
        key = data[start:at], tag, data[points_end:stop], data[stop:end]
        frame = scope.metrics.get(key)
        if frame is None:
            frame = scope.metrics[key] = MetricFrame(scope, *key)
        before = len(self._at)
        self._spots.append(Spot(frame, place, number, before))
        self._points(frame, first, points_end)
        if len(self._at) == before:
            raise Irregular("a metric without points")
        self._counts.append(len(self._at) - before)

    def _points(self, frame: MetricFrame, at: int, stop: int) -> None:
        """The hot loop: two or three bytes of length, one slice, one look-up a point."""
        data, find = self._data, frame.series.get
        add_series, add_at, add_end = self._series.append, self._at.append, self._end.append
        add_layout, layouts = self._layout.append, self._layouts
        layout = frame.layout
        head, tail = (layout.head, layout.tail) if layout else (0, 0)
        number = layouts.setdefault(layout, len(layouts)) if layout else -1
        while at < stop:
            if data[at] != 10:
                raise Irregular("more than points")
            size = data[at + 1]
            if size < 128:
                at += 2
            else:
                size, at = varint(data, at + 1)
            end = at + size
            if end > stop:
                raise Irregular("a point reaches over the end of its metric")
            series = find(data[at + head : end - tail]) if layout is not None else None
            if series is None or frame.mixed:
                series = self._read(frame, at, end)
                layout = frame.layout
                assert layout is not None
                head, tail = layout.head, layout.tail
                number = layouts.setdefault(layout, len(layouts))
            add_series(series)
            add_at(at)
            add_end(end)
            add_layout(number)
            at = end

    def _read(self, frame: MetricFrame, at: int, end: int) -> int:
        """Number of the series of a point read with care."""
        data, type_ = self._data, _DATA[frame.tag]
        if frame.layout is None or not frame.layout.fits_one(data, at, end):
            frame.mixed = frame.mixed or frame.layout is not None
            layout = learn(data, at, end, type_)
            if layout is None or not _usual(layout):
                raise Irregular("a point without layout")
            frame.layout = layout
        layout = frame.layout
        key = data[at + layout.head : end - layout.tail]
        series = frame.series.get(key)
        if series is None:
            if any(item.number not in KEY_FIELDS[type_] for item in fields(data, at + layout.head, end - layout.tail)):
                raise Irregular("a point laid out otherwise than the last")
            series = frame.series[key] = self._owner.count
            self._owner.count += 1
            self._new.append((len(self._at), series))
        return series

    def _check(self, rows: Rows) -> None:
        """That each point has the layout it was taken to have."""
        octets = np.frombuffer(self._data, np.uint8)
        for number, layout in enumerate(rows.layouts):
            chosen = np.flatnonzero(rows.layout == number)
            good = layout.fits(octets, rows.at[chosen], rows.end[chosen])
            if not good.all():
                for row in chosen[~good].tolist():
                    rows.spots[rows.metric[row]].frame.mixed = True
                raise Irregular("points of several layouts")


def _usual(layout: Layout) -> bool:
    """Whether fields are in the order of their numbers, as all encoders write them."""
    words = [layout.time, *(place for place in (layout.value, layout.sum, layout.buckets) if place >= 0)]
    return starts_first(layout) and words == sorted(words)


def _children(data: bytes, at: int, end: int, tag: int) -> tuple[list[tuple[int, int]], int]:
    """Extents of the messages that follow one another with one tag, and where they end."""
    found = []
    while at < end and data[at] == tag:
        size, start = varint(data, at + 1)
        at = start + size
        found.append((start, at))
    if at > end:
        raise Irregular("a message reaches over the end of its parent")
    return found, at


def _skip(data: bytes, at: int, end: int, tag: int) -> int:
    """Where a field ends, if it is there."""
    if at >= end or data[at] != tag:
        return at
    size, start = varint(data, at + 1)
    if start + size > end:
        raise Irregular("a field reaches over the end of its message")
    return start + size


def _schema(data: bytes, at: int, end: int) -> bytes:
    """The schema URL that stands last, as it is encoded."""
    if at < end and (data[at] != _SCHEMA_URL or _skip(data, at, end, _SCHEMA_URL) != end):
        raise Irregular("more than a schema URL behind the last child")
    return data[at:end]


def _array(numbers: list[int]) -> Offsets:
    return np.array(numbers, np.int64)
