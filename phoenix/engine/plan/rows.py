"""Rows: the points of any payload with the number of the series each is of, found by the bytes of its key.

Where a payload's shape is new because some of its series are, most of them have been seen before. A walk over the
payload looks up each point's key (attributes, bounds, flags) as one slice of bytes, under its metric, scope and
resource, also as bytes; nothing known is decoded. A resource that came before as it is, but for times and values, is
recognised as a whole. Bounded: beyond MAX_SERIES all is forgotten and learned anew.
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
from phoenix.otlp.walk import Irregular, bodies, guess_points_end
from phoenix.otlp.wire import LENGTH, fields, varint

MAX_SERIES = 250_000
"""About 900 bytes each with what is kept for them."""
_FIRST, _LIST, _SCHEMA_URL, _METADATA = 0x0A, 0x12, 0x1A, 0x62
_MOST_BLOCK_BYTES = 1 << 20
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
class _Block:
    """A resource as it last came: offsets are from its begin."""

    size: int
    fixed: list[tuple[int, int, bytes]]
    """what must be the same: all but times and values, and tags, which are checked for all points at once"""
    frames: list[MetricFrame]
    counts: list[int]
    scopes: list[int]
    series: list[int]
    at: list[int]
    end: list[int]
    layouts: list[Layout]
    layout: Layout | None
    """of all points, if it is one"""

    def fits(self, data: bytes, start: int) -> bool:
        """Whether the resource that begins there is the same."""
        for at, end, piece in self.fixed:  # noqa: SIM110 (half the cost of all() with a generator)
            if data[start + at : start + end] != piece:
                return False
        return True


@dataclass(frozen=True, slots=True)
class Rows:
    """The points of one payload in order; arrays have shape (points,)."""

    frames: list[MetricFrame]
    """by metric of the payload"""
    resource_of: list[int]
    """by metric: which resource of the payload it is in"""
    scope_of: list[int]
    ends: Offsets
    """by metric: the row behind its last"""
    metric: Offsets
    """index into `frames`"""
    series: Offsets
    at: Offsets
    end: Offsets
    layout: npt.NDArray[np.int64]
    """index into `layouts`"""
    layouts: list[Layout]

    def __len__(self) -> int:
        return len(self.at)


class Series:
    """The series that came to one place. Not thread-safe."""

    def __init__(self, max_series: int = MAX_SERIES) -> None:
        self._max_series = max_series
        self._resources: dict[tuple[bytes, bytes], ResourceFrame] = {}
        self.layouts: dict[Layout, Layout] = {}
        """each once, so that they can be told by their identity"""
        self.count = 0
        self.generation = 0
        """another number once all was forgotten"""
        self.blocks: dict[bytes, _Block] = {}
        """of each resource the last one, by the bytes before its scopes"""

    def read(self, data: bytes) -> Rows | None:
        """The rows of a payload; None: it is not laid out as usual, or not all of its points have a layout."""
        # NB: resources of payloads that cannot be read to their end have no series.
        if max(self.count, len(self._resources)) > self._max_series:
            self.forget()
        walk = _Walk(self, data)
        try:
            return walk.rows()
        except (Irregular, MalformedPayload, IndexError):
            return None

    def forget(self) -> None:
        """All of them."""
        self._resources, self.blocks, self.count = {}, {}, 0
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
        self._frames: list[MetricFrame] = []
        self._resource_of: list[int] = []
        self._scope_of: list[int] = []
        self._counts: list[int] = []
        self._series: list[int] = []
        self._at: list[int] = []
        self._end: list[int] = []
        self._layouts: list[Layout] = []
        self._number_of: dict[int, int] = {}
        self._layout: list[int] = []

    def rows(self) -> Rows:
        data = self._data
        resources, stop = _children(data, 0, len(data), _FIRST)
        if stop != len(data):
            raise Irregular("more than resources")
        for place, (start, end) in enumerate(resources):
            prefix_end = _skip(data, start, end, _FIRST)
            prefix = data[start:prefix_end]
            block = self._owner.blocks.get(prefix)
            if block is not None and block.size == end - start and block.fits(data, start):
                self._again(block, place, start)
                continue
            metrics, points = len(self._frames), len(self._at)
            scopes, stop = _children(data, prefix_end, end, _LIST)
            if not scopes:
                raise Irregular("a resource without scopes")
            frame = self._owner.resource(prefix, _schema(data, stop, end))
            for inner, inner_end in scopes:
                self._scope(frame, place, inner, inner_end)
            self._keep(prefix, start, end, metrics, points)
        counts = np.array(self._counts, np.int64)
        made = Rows(
            self._frames, self._resource_of, self._scope_of, np.cumsum(counts),
            np.repeat(np.arange(len(counts)), counts), _array(self._series), _array(self._at),
            _array(self._end), _array(self._layout), self._layouts,
        )  # fmt: skip
        if not len(made):
            raise Irregular("no points")
        self._check(made)
        return made

    def _again(self, block: _Block, place: int, start: int) -> None:
        """The rows of a resource that came before."""
        scope = self._scope_of[-1] + 1 if self._scope_of else 0
        self._frames += block.frames
        self._counts += block.counts
        self._resource_of += [place] * len(block.frames)
        self._scope_of += [scope + one for one in block.scopes]
        self._series += block.series
        self._at += [start + one for one in block.at]
        self._end += [start + one for one in block.end]
        if block.layout is not None:
            self._layout += [self._number(block.layout)] * len(block.at)
        else:
            self._layout += map(self._number, block.layouts)

    def _keep(self, prefix: bytes, start: int, end: int, metrics: int, points: int) -> None:
        """Remember a resource: its rows are those from `points` on, its metrics those from `metrics` on."""
        frames = self._frames[metrics:]
        if end - start > _MOST_BLOCK_BYTES or not frames or any(frame.mixed for frame in frames):
            self._owner.blocks.pop(prefix, None)
            return
        data, first_scope = self._data, self._scope_of[metrics]
        layouts = [self._layouts[number] for number in self._layout[points:]]
        fixed, before = [], start
        for at, last, layout in zip(self._at[points:], self._end[points:], layouts, strict=True):
            fixed.append((before - start, at - start, data[before:at]))
            if layout.tail:
                fixed.append(
                    (at + layout.head - start, last - layout.tail - start, data[at + layout.head : last - layout.tail])
                )
            before = last if layout.tail else at + layout.head
        fixed.append((before - start, end - start, data[before:end]))
        self._owner.blocks[prefix] = _Block(
            end - start, fixed, frames, self._counts[metrics:], [one - first_scope for one in self._scope_of[metrics:]],
            self._series[points:], [at - start for at in self._at[points:]],
            [at - start for at in self._end[points:]], layouts, layouts[0] if len(set(map(id, layouts))) == 1 else None,
        )  # fmt: skip

    def _scope(self, resource: ResourceFrame, place: int, start: int, end: int) -> None:
        data = self._data
        prefix_end = _skip(data, start, end, _FIRST)
        metrics, stop = _children(data, prefix_end, end, _LIST)
        if not metrics:
            raise Irregular("a scope without metrics")
        key = data[start:prefix_end], _schema(data, stop, end)
        scope = resource.scopes.get(key)
        if scope is None:
            scope = resource.scopes[key] = ScopeFrame(resource, *key)
        number = self._scope_of[-1] + 1 if self._scope_of else 0
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
        self._frames.append(frame)
        self._resource_of.append(place)
        self._scope_of.append(number)
        self._points(frame, first, points_end)
        self._counts.append(len(self._at) - before)

    def _points(self, frame: MetricFrame, at: int, stop: int) -> None:
        """The hot loop: one slice, one look-up a point."""
        data, find = self._data, frame.series.get
        begins, ends = bodies(data, at, stop)
        if not ends or ends[-1] != stop:
            raise Irregular("a metric without points, or more than points")
        self._at += begins
        self._end += ends
        layout = None if frame.mixed else frame.layout
        if layout is not None:
            head, tail = layout.head, layout.tail
            found = [find(data[begin + head : end - tail]) for begin, end in zip(begins, ends, strict=True)]
            if None not in found:
                self._series += found  # type: ignore[arg-type]
                self._layout += [self._number(layout)] * len(found)
                return
        for begin, end in zip(begins, ends, strict=True):
            series = None
            if frame.layout is not None and not frame.mixed:
                series = find(data[begin + frame.layout.head : end - frame.layout.tail])
            self._series.append(self._read(frame, begin, end) if series is None else series)
            assert frame.layout is not None
            self._layout.append(self._number(frame.layout))

    def _number(self, layout: Layout) -> int:
        """Index of a layout in those of the payload."""
        number = self._number_of.get(id(layout))
        if number is None:
            number = self._number_of[id(layout)] = len(self._layouts)
            self._layouts.append(layout)
        return number

    def _read(self, frame: MetricFrame, at: int, end: int) -> int:
        """Number of the series of a point read with care."""
        data, type_ = self._data, _DATA[frame.tag]
        if frame.layout is None or not frame.layout.fits_one(data, at, end):
            frame.mixed = frame.mixed or frame.layout is not None
            layout = learn(data, at, end, type_)
            if layout is None or not _usual(layout):
                raise Irregular("a point without layout")
            frame.layout = self._owner.layouts.setdefault(layout, layout)
        layout = frame.layout
        key = data[at + layout.head : end - layout.tail]
        series = frame.series.get(key)
        if series is None:
            if any(item.number not in KEY_FIELDS[type_] for item in fields(data, at + layout.head, end - layout.tail)):
                raise Irregular("a point laid out otherwise than the last")
            series = frame.series[key] = self._owner.count
            self._owner.count += 1
        return series

    def _check(self, rows: Rows) -> None:
        """That each point has the layout it was taken to have."""
        octets = np.frombuffer(self._data, np.uint8)
        for number, layout in enumerate(rows.layouts):
            chosen = np.flatnonzero(rows.layout == number)
            good = layout.fits(octets, rows.at[chosen], rows.end[chosen])
            if not good.all():
                for row in chosen[~good].tolist():
                    rows.frames[rows.metric[row]].mixed = True
                self._owner.blocks.clear()
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
