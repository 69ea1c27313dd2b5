"""Byte-slice-interning scanner of OTLP metrics: a payload to (id, time, value) arrays without building objects.

Why it exists: decoding every attribute of every point costs 10 µs a point; the same points come again every tick. The
scanner walks an ExportMetricsServiceRequest down to its points, takes the bytes of each point's key (attributes,
bounds, flags) as one slice and looks up its digest. Only a slice never seen before is decoded, and given to `intern`,
which returns the id of its identity. Times and values are gathered by numpy afterwards, with every tag byte checked.
Digests have 64 bits and are looked up per metric and resource: among a million slices of one of them, the chance that
any two share a digest is 1 in 37 million.

Points of one length that follow one another are looked up together (`even`).

A payload that repeats the last one but for times and values is recognised as a whole (`repeats`), ten times faster.

Any legal layout is read rightly. What is out of the ordinary goes the slow way: a point (exponential histograms,
summaries, exemplars, unpacked arrays) through upb alone, a message (fields out of order or repeated, unknown fields)
through upb as a whole, which writes it out again in order. What upb refuses is malformed.

Not thread-safe; one owner. From: HTTP bodies. To: the meter's windows.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from google.protobuf.message import DecodeError
from xxhash import xxh3_64_intdigest

from phoenix.otlp import even
from phoenix.otlp.contexts import POINT_CLASSES, Intern, KnownParts, MetricContext, ResourceContext, ScopeContext
from phoenix.otlp.errors import MalformedPayload
from phoenix.otlp.identity import PointIdentity
from phoenix.otlp.layout import Bytes, Layout, Offsets, Words, learn
from phoenix.otlp.model import MetricType
from phoenix.otlp.repeats import Points, Repeats, words_of
from phoenix.otlp.walk import Irregular, extents, guess_points_end, in_order, leading, messages, points_end
from phoenix.otlp.wire import LENGTH, varint

_NAME, _DESCRIPTION, _UNIT, _METADATA, _LIST, _SCHEMA_URL, _FIRST = 0x0A, 0x12, 0x1A, 0x62, 0x12, 0x1A, 0x0A
_DATA = {type << 3 | LENGTH: type for type in MetricType if type}
_MAX_SLICES = 8_000_000
_FAULTS = (Irregular, MalformedPayload, IndexError, DecodeError, UnicodeDecodeError)


@dataclass(frozen=True, slots=True)
class OddPoint:
    """A point that was read by upb. What its type has not is None; `buckets` are cumulative."""

    slot: int
    time: int
    value: float | None = None
    count: float | None = None
    sum: float | None = None
    buckets: tuple[float, ...] = ()
    quantiles: tuple[float, ...] = ()


Int64s: TypeAlias = "array[int]"


@dataclass(slots=True)
class Batch:
    """Points of one layout within one payload: ids and offsets, in the order of the payload."""

    layout: Layout
    slots: Int64s = field(default_factory=lambda: array("q"))
    at: Int64s = field(default_factory=lambda: array("q"))
    end: Int64s = field(default_factory=lambda: array("q"))
    runs: list[tuple[int, MetricContext, int, int]] = field(default_factory=list)
    """(index of its first point here, context, start and end of its points in the payload), one a metric"""

    def add(self, slot: int, at: int, end: int) -> None:
        """Append a point whose body is [at, end)."""
        self.slots.append(slot)
        self.at.append(at)
        if self.layout.tail:
            self.end.append(end)


@dataclass(frozen=True, slots=True)
class Scan:
    """One payload. `own_bytes` is what `phoenix.` attributes of resources take (points carry theirs in their id)."""

    size_bytes: int
    own_bytes: int
    words: Words
    octets: Bytes
    points: list[Points]
    odd: list[OddPoint]

    def __len__(self) -> int:
        return sum(len(points.slots) for points in self.points) + len(self.odd)

    def slots_and_times(self) -> tuple[Offsets, Offsets]:
        """Ids and times of all points, in one order."""
        slots = [points.slots for points in self.points]
        times = [points.times for points in self.points]
        if self.odd:
            slots.append(np.array([point.slot for point in self.odd], np.int64))
            times.append(np.array([point.time for point in self.odd], np.uint64).view(np.int64))
        if len(slots) == 1:
            return slots[0], times[0]
        empty = np.empty(0, np.int64)
        return np.concatenate(slots) if slots else empty, np.concatenate(times) if times else empty


class Scanner:
    """Reads the payloads of one stream of requests.

    Args:
        intern: called for each slice seen for the first time, with its identity; returns the id to use from then on. It
            may be called again for an identity it has given an id, and must then give the same.
        max_slices: how many slices to remember (130 bytes each, 40 in even runs); beyond that, forget them all and
            start over (ids stay, since `intern` gives the same).
    """

    def __init__(self, intern: Intern, *, max_slices: int = _MAX_SLICES) -> None:
        self._intern = intern
        self._max_slices = max_slices
        self._slices = 0
        self._resources: dict[bytes, ResourceContext] = {}
        self._known = KnownParts()
        self._repeats = Repeats()
        self._layouts: dict[Layout, Layout] = {}
        self._batches: dict[int, Batch] = {}
        self._odd: list[OddPoint] = []
        self._own_bytes = 0
        self._exact = False

    def scan(self, data: bytes) -> Scan:
        """Read one uncompressed ExportMetricsServiceRequest.

        Raises:
            MalformedPayload: it is none; no id in it counts as seen, although `intern` may have been called.
        """
        if self._slices > self._max_slices:
            self._start_over()
        words = words_of(data)
        if (known := self._repeats.recognise(data, words)) is not None:
            return Scan(len(data), known[1], words, np.frombuffer(data, np.uint8), known[0], [])
        try:
            scan = self._scan(data, exact=False)
        except _FAULTS:
            pass
        else:
            if not scan.odd:
                self._repeats.learn(data, scan.points, scan.own_bytes)
            return scan
        ordered = in_order(data)
        try:
            return self._scan(ordered, exact=True)
        except _FAULTS as error:
            raise MalformedPayload(f"OTLP metrics payload of {len(data)} bytes cannot be read: {error}") from error

    def _start_over(self) -> None:
        self._resources, self._layouts, self._slices = {}, {}, 0

    def _scan(self, data: bytes, *, exact: bool) -> Scan:
        self._batches, self._odd, self._own_bytes, self._exact = {}, [], 0, exact
        for start, end in messages(data, 0, len(data), _FIRST):
            self._resource(data, start, end)
        octets = np.frombuffer(data, np.uint8)
        words = words_of(data)
        first = list(self._batches.values())
        self._batches = {}
        points = [self._checked(batch, data, octets, words) for batch in first]
        # What did not fit was read again by itself; of that everything fits.
        again = [self._checked(batch, data, octets, words) for batch in self._batches.values()]
        found = [item for item in (*points, *again) if len(item.slots)]
        self._batches = {}
        return Scan(len(data), self._own_bytes, words, octets, found, self._odd)

    def _resource(self, data: bytes, at: int, end: int) -> None:
        raw, at = leading(data, at, end)
        context = self._resources.get(raw)
        if context is None:
            context = self._resources[raw] = ResourceContext.decode(raw)
        self._own_bytes += context.own_bytes
        for start, stop in messages(data, at, end, _LIST, last=_SCHEMA_URL):
            self._scope(context, data, start, stop)

    def _scope(self, resource: ResourceContext, data: bytes, at: int, end: int) -> None:
        raw, at = leading(data, at, end)
        context = resource.scopes.get(raw) or resource.new_scope(raw)
        for start, stop in messages(data, at, end, _LIST, last=_SCHEMA_URL):
            self._metric(context, data, start, stop)

    def _metric(self, scope: ScopeContext, data: bytes, start: int, end: int) -> None:
        at = start
        for tag in (_NAME, _DESCRIPTION, _UNIT):
            if at < end and data[at] == tag:
                size, at = varint(data, at + 1)
                at += size
        header_end = at
        if at < end and (type_ := _DATA.get(data[at])):
            size, first = varint(data, at + 1)
            at = first + size
            if at > end:
                raise Irregular(f"metric at byte {start} is cut off")
            about = data[start:header_end], data[at:end]
            self._points(scope, about, type_, data, first, at)
        elif not self._exact and at != end:
            raise Irregular(f"unexpected field at byte {at}, or metric at byte {start} is cut off")

    def _points(
        self, scope: ScopeContext, about: tuple[bytes, bytes], type: MetricType, data: bytes, first: int, end: int
    ) -> None:
        stop = points_end(data, first, end) if self._exact else guess_points_end(data, end, type)
        context = scope.metrics.get((about, type, data[stop:end]))
        if context is None:
            stop = points_end(data, first, end)
            tail = data[stop:end]
            for _ in messages(about[1], 0, len(about[1]), _METADATA):
                pass  # nothing but metadata may stand behind the data
            context = scope.metrics.get((about, type, tail)) or scope.new_metric(about, type, tail)
        layout = context.layout
        if layout is None:
            reached = self._walk_singly(data, first, stop, context)
        else:
            batch = self._batch(layout)
            batch.runs.append((len(batch.slots), context, first, stop))
            if layout.tail:
                reached = self._walk_tailed(data, first, stop, context, batch)
            elif self._take_even(data, first, stop, context, batch):
                return
            else:
                reached = self._walk(data, first, stop, context, batch)
        if reached != stop:
            raise Irregular(f"points of the metric at byte {first} end at {reached}, not at {stop}")

    def _batch(self, layout: Layout) -> Batch:
        batch = self._batches.get(id(layout))
        if batch is None:
            batch = self._batches[id(layout)] = Batch(layout)
        return batch

    def _walk(self, data: bytes, at: int, stop: int, context: MetricContext, batch: Batch) -> int:
        """The hot loop: per point two or three bytes of length, one slice, one look-up. Returns where it ended."""
        head, slots = batch.layout.head, context.slots
        add_slot, add_at = batch.slots.append, batch.at.append
        end = at
        while True:
            try:
                while at < stop:
                    if data[at] != 10:
                        raise Irregular(f"unexpected field at byte {at}")
                    size = data[at + 1]
                    if size < 128:
                        at += 2
                    elif (high := data[at + 2]) < 128:
                        size += (high << 7) - 128
                        at += 3
                    else:
                        size, at = varint(data, at + 1)
                    end = at + size
                    add_slot(slots[xxh3_64_intdigest(data[at + head : end])])
                    add_at(at)
                    at = end
                return at
            except KeyError:
                self._read(data, at, end, context)
                at = end

    def _take_even(self, data: bytes, first: int, stop: int, context: MetricContext, batch: Batch) -> bool:
        """All points of the run at once, if they have one length. False: nothing was done."""
        stride, header = even.even_length(data, first, stop)
        start = header + batch.layout.head
        size = stride - start
        if not stride or not even.MIN_KEY_BYTES <= size <= even.MAX_KEY_BYTES:
            return False
        known = context.even[size]
        at = np.arange(first + header, stop, stride, dtype=np.int64)
        keys = even.digests(data, first + start, stride, len(at), size)
        slots = known.find(keys)
        found = slots >= 0
        if not found.all():
            self._learn_even(data, at[~found], stride - header, context, keys[:, ~found], known)
            slots, at = slots[found], at[found]
        batch.slots.frombytes(slots.tobytes())
        batch.at.frombytes(at.tobytes())
        return True

    def _learn_even(
        self, data: bytes, at: Offsets, size: int, context: MetricContext, keys: even.Digests, known: even.EvenKeys
    ) -> None:
        """Read points by themselves whose keys no run has had, and remember those keys."""
        slots = np.full(len(at), -1, np.int64)
        for row, start in enumerate(at.tolist()):
            end, layout = start + size, context.layout
            if layout is None or not layout.fits_one(data, start, end):
                self._read(data, start, end, context)
                continue
            key = data[start + layout.head : end - layout.tail]
            slot = context.take(key)
            if slot is None and (parts := self._known.plain(key, context.attributes_tag)) is not None:
                slot, self._slices = self._intern(PointIdentity(context.identity, parts)), self._slices + 1
            if slot is None:
                self._read(data, start, end, context)  # kept by itself, until it is taken the next time
            else:
                self._batch(layout).add(slot, start, end)
                slots[row] = slot
        known.add(keys[:, slots >= 0], slots[slots >= 0])

    def _walk_tailed(self, data: bytes, at: int, stop: int, context: MetricContext, batch: Batch) -> int:
        """The same for points that have fields behind the key."""
        head, tail, find = batch.layout.head, batch.layout.tail, context.slots.get
        add_slot, add_at, add_end = batch.slots.append, batch.at.append, batch.end.append
        for start, end in extents(data, at, stop):
            slot = find(xxh3_64_intdigest(data[start + head : end - tail]))
            if slot is None:
                self._read(data, start, end, context)
            else:
                add_slot(slot)
                add_at(start)
                add_end(end)
        return stop

    def _walk_singly(self, data: bytes, at: int, stop: int, context: MetricContext) -> int:
        """For metrics of which no layout is known, at first sight or always."""
        for start, end in extents(data, at, stop):
            self._read(data, start, end, context)
        return stop

    def _read(self, data: bytes, at: int, end: int, context: MetricContext) -> None:
        """Read one point by itself: a new slice, or one of another layout than its metric had last."""
        if end > len(data):
            raise Irregular(f"point at byte {at} is cut off")
        layout = context.layout
        if layout is not None and layout.fits_one(data, at, end):
            # Most new series look like the last one; what is in the key besides attributes needs the careful way.
            key = data[at + layout.head : end - layout.tail]
            slot = context.lookup(key)
            if slot is None and (parts := self._known.plain(key, context.attributes_tag)) is not None:
                slot = self._remember(context, key, PointIdentity(context.identity, parts))
            if slot is not None:
                self._batch(layout).add(slot, at, end)
                return
        layout = learn(data, at, end, context.identity.type)
        if layout is None:
            self._odd.append(self._odd_point(data[at:end], context))
            return
        layout = context.layout = self._layouts.setdefault(layout, layout)
        key = data[at + layout.head : end - layout.tail]
        slot = context.lookup(key)
        if slot is None:
            slot = self._remember(context, key, context.point(key, self._known))
        self._batch(layout).add(slot, at, end)

    def _remember(self, context: MetricContext, key: bytes, point: PointIdentity) -> int:
        slot = self._intern(point)
        context.remember(key, slot)
        self._slices += 1
        return slot

    def _odd_point(self, raw: bytes, context: MetricContext) -> OddPoint:
        message = POINT_CLASSES[context.identity.type].FromString(raw)
        slot = self._intern(context.point(raw, self._known))
        if context.identity.type in (MetricType.GAUGE, MetricType.SUM):
            kind = message.WhichOneof("value")
            return OddPoint(slot, message.time_unix_nano, value=float(getattr(message, kind)) if kind else None)
        has_sum = context.identity.type is MetricType.SUMMARY or message.HasField("sum")
        buckets: tuple[float, ...] = ()
        quantiles: tuple[float, ...] = ()
        if context.identity.type is MetricType.HISTOGRAM:
            buckets = tuple(np.cumsum(np.array(message.bucket_counts, np.uint64)).astype(float).tolist())
        elif context.identity.type is MetricType.SUMMARY:
            quantiles = tuple(item.value for item in message.quantile_values)
        total = message.sum if has_sum else None
        return OddPoint(slot, message.time_unix_nano, None, float(message.count), total, buckets, quantiles)

    def _checked(self, batch: Batch, data: bytes, octets: Bytes, words: Words) -> Points:
        """The batch as arrays, without points whose head or tail is other than was taken for granted: those anew."""
        slots, at = _array(batch.slots), _array(batch.at)
        end = _array(batch.end) if batch.layout.tail else None
        good = batch.layout.fits(octets, at, end)
        if not good.all():
            for index in np.flatnonzero(~good).tolist():
                self._reread(batch, index, data)
            slots, at, end = slots[good], at[good], None if end is None else end[good]
        return Points(batch.layout, slots, batch.layout.times(words, at), at, end)

    def _reread(self, batch: Batch, index: int, data: bytes) -> None:
        at = batch.at[index]
        run = bisect_right(batch.runs, index, key=lambda item: item[0]) - 1
        while run >= 0:
            _, context, first, stop = batch.runs[run]
            end = next((end for start, end in extents(data, first, stop) if start == at), None)
            if end is not None:
                self._read(data, at, end, context)
                return
            run -= 1
        raise Irregular(f"point at byte {at} belongs to no metric")


def _array(numbers: Int64s) -> Offsets:
    return np.frombuffer(numbers, np.int64)
