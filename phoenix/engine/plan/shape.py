"""Shapes: payloads that are equal but for the times and values of their points.

A shape is learned the second time a payload of its length and first resource comes, and recognised from then on by one
pass over its bytes at memory speed. One that did not come again is given up; learning is tried ever more rarely then,
at last with every 64th payload, so that a sender that never repeats itself costs little. Bounded: MAX_BYTES of
payloads; the least recently used goes.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from xxhash import xxh3_64_intdigest

from phoenix.otlp.errors import MalformedPayload
from phoenix.otlp.layout import KEY_FIELDS, START, Layout, Offsets, learn
from phoenix.otlp.model import MetricType
from phoenix.otlp.walk import Irregular, bodies, leading, messages
from phoenix.otlp.wire import LENGTH, VARINT, fields, varint

MAX_BYTES = 192 << 20
"""Payload bytes of all shapes together; arrays and templates take about twice as much again."""
MAX_KEYS = 4096
Later = Callable[[Callable[[], None]], None]
"""Has something done that nobody waits for."""
_FIRST, _LIST, _SCHEMA_URL = 0x0A, 0x12, 0x1A
_DATA = {type << 3 | LENGTH: type for type in MetricType if type}
_WORD = 8
_OFTEN = 64
"""Unknown payloads of a sender from which on it seems to churn; fewer are the many requests of its first ticks, which
the ordinary way and plans by shape take at half the price of learning every series."""
_STEADY, _RAREST = 4, 64
_OTHER = 255


def _kinds(types: list[MetricType]) -> npt.NDArray[np.uint8]:
    """By tag: the wire type of fields that make identity, `_OTHER` for others and those of other wire types."""
    kinds = np.full(256, _OTHER, np.uint8)
    for number in KEY_FIELDS[types[0]]:
        kinds[number << 3 | LENGTH], kinds[number << 3 | VARINT] = LENGTH, VARINT
    return kinds


_KEYS = {False: _kinds([MetricType.SUM]), True: _kinds([MetricType.HISTOGRAM])}


def at_once(work: Callable[[], None]) -> None:
    """Do it now."""
    work()


@dataclass(frozen=True, slots=True)
class Lane:
    """Points of one layout in one payload: where each begins and ends, and its number in the payload."""

    layout: Layout
    at: Offsets
    end: Offsets
    number: Offsets


@dataclass(slots=True, eq=False)
class Shape:
    """One shape. `plans` is for whoever keeps something by shape, such as templates by their owner."""

    template: npt.NDArray[np.uint64]
    """a payload of it, padded to whole words"""
    fixed: npt.NDArray[np.uint64]
    """all ones where every payload of it has the same bits"""
    lanes: tuple[Lane, ...]
    points: int
    plans: dict[object, Any] = field(default_factory=dict)

    def fits(self, data: bytes) -> bool:
        """Whether the payload, of the same length, is of this shape."""
        whole = len(data) // _WORD
        words = np.frombuffer(data, np.uint64, whole)
        if (((words ^ self.template[:whole]) & self.fixed[:whole]) != 0).any():
            return False
        if whole * _WORD == len(data):
            return True
        rest = int.from_bytes(data[whole * _WORD :], "little")
        return not (rest ^ int(self.template[whole])) & int(self.fixed[whole])


@dataclass(slots=True)
class _Candidate:
    """What is known of payloads of one length and first resource."""

    seen: int = 0
    learn_at: int = 2
    shape: Shape | None = None
    fitted: int = 0
    learning: bool = False


class Shapes:
    """The shapes of the payloads that come to one place. Of two threads asking at once the second gets None.

    Args:
        later: has a shape read, which takes 1 to 6 µs a point; so that no payload waits for it, preferably elsewhere.
        max_bytes: bound on the payloads kept.
    """

    def __init__(self, later: Later = at_once, *, max_bytes: int = MAX_BYTES) -> None:
        self._later = later
        self._max_bytes = max_bytes
        self._bytes = 0
        self._candidates: OrderedDict[tuple[int, int], _Candidate] = OrderedDict()
        self._busy = threading.Lock()

    def find(self, data: bytes) -> Shape | None:
        """The payload's shape; None while it is not known, or has none."""
        if not self._busy.acquire(blocking=False):  # NB: never waits; learning takes long
            return None
        try:
            key = _key(data)
            if key is None or len(data) > self._max_bytes // 4:
                return None
            found, learn = self._find(key, data)
        finally:
            self._busy.release()
        if learn is not None:
            self._later(lambda: self._learn(key, learn, data))
            return learn.shape
        return found

    def _find(self, key: tuple[int, int], data: bytes) -> tuple[Shape | None, _Candidate | None]:
        """(the shape, the candidate if its shape should be read now)."""
        candidate = self._candidates.get(key)
        if candidate is None:
            self._candidates[key] = _Candidate(seen=1)
            self._bound()
            return None, None
        self._candidates.move_to_end(key)
        candidate.seen += 1
        if candidate.shape is not None:
            if candidate.shape.fits(data):
                candidate.fitted += 1
                return candidate.shape, None
            self._give_up(candidate, len(data))
        if candidate.learning or candidate.seen < candidate.learn_at:
            return None, None
        candidate.learning = True
        return None, candidate

    def _learn(self, key: tuple[int, int], candidate: _Candidate, data: bytes) -> None:
        shape = read(data)
        with self._busy:
            candidate.learning, candidate.fitted = False, 0
            if shape is None:
                candidate.learn_at = 4 * candidate.seen
            elif self._candidates.get(key) is candidate:
                candidate.shape = shape
                self._bytes += len(data)
                self._bound()

    def _give_up(self, candidate: _Candidate, size_bytes: int) -> None:
        # One that fitted for a while has changed once, and probably stays as it is now.
        steady = candidate.fitted >= _STEADY
        candidate.learn_at = candidate.seen + (1 if steady else min(candidate.seen, _RAREST))
        candidate.shape = None
        self._bytes -= size_bytes

    def _bound(self) -> None:
        while len(self._candidates) > MAX_KEYS or (self._bytes > self._max_bytes and len(self._candidates) > 1):
            (size_bytes, _), gone = self._candidates.popitem(last=False)
            self._bytes -= size_bytes if gone.shape else 0


class Strangers:
    """How often payloads of no known shape came, by their first resource. Bounded: beyond MAX_KEYS it counts anew."""

    def __init__(self) -> None:
        self._seen: dict[int, int] = {}

    def often(self, data: bytes) -> bool:
        """Count one; whether its sender seems to change its series too often for shapes."""
        key = _key(data)
        if key is None:
            return False
        if len(self._seen) >= MAX_KEYS:
            self._seen.clear()
        times = self._seen[key[1]] = self._seen.get(key[1], 0) + 1
        return times >= _OFTEN


def _key(data: bytes) -> tuple[int, int] | None:
    """Length and a digest of the first resource; None for what begins with none."""
    try:
        if data[0] != _FIRST:
            return None
        size, at = varint(data, 1)
        raw, _ = leading(data, at, min(at + size, len(data)))
    except (IndexError, Irregular, MalformedPayload):
        return None
    return len(data), xxh3_64_intdigest(raw)


def read(data: bytes) -> Shape | None:
    """The shape of a payload; None if not all of its points have a layout, or it is laid out unusually."""
    reader = _Reader(data)
    try:
        for start, end in messages(data, 0, len(data), _FIRST):
            reader.resource(start, end)
        lanes = reader.lanes()
    except (Irregular, MalformedPayload, IndexError, UnicodeDecodeError):
        return None
    if not lanes:
        return None
    size = -(-len(data) // _WORD) * _WORD
    fixed = np.full(size, 0xFF, np.uint8)
    for lane in lanes:
        layout = lane.layout
        starts = [1] if starts_with_time(layout) else []
        _clear(fixed, lane.at, layout.head, [*starts, *layout.variable])
        _clear(fixed, lane.end - layout.tail, layout.tail, [layout.tail - offset for offset in layout.tail_variable])
    fixed[len(data) :] = 0
    template = np.frombuffer(data.ljust(size, b"\0"), np.uint64)
    return Shape(template, fixed.view(np.uint64), lanes, reader.count)


def starts_with_time(layout: Layout) -> bool:
    """Whether points of the layout begin with their start time."""
    return bool(layout.checks) and layout.checks[0] == (0, 0xFF, START)


def starts_first(layout: Layout) -> bool:
    """Whether the start time, if points of the layout have one, is what they begin with."""
    places = {place - 1 for place in layout.variable} | {0}
    return starts_with_time(layout) or all(byte != START for offset, _, byte in layout.checks if offset in places)


def _clear(octets: npt.NDArray[np.uint8], at: Offsets, size: int, words: list[int]) -> None:
    """Zero the words at these offsets in each of the records of `size` bytes that begin at `at`."""
    if not size:
        return
    record = np.full(size, 0xFF, np.uint8)
    for offset in words:
        record[offset : offset + _WORD] = 0
    np.ndarray((len(octets) - size + 1,), f"V{size}", octets, 0, (1,))[at] = record.view(f"V{size}")


def _array(numbers: list[int]) -> Offsets:
    return np.array(numbers, np.int64)


class _Reader:
    """Finds the points of one payload, in order: a walk over their lengths, then all layouts checked at once."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at: list[int] = []
        self._end: list[int] = []
        self._layout: list[int] = []
        """of each metric the index of the layout that its points are taken to have"""
        self._type: list[MetricType] = []
        self._ends: list[int] = []
        """of each metric the number of the point behind its last"""
        self._layouts: dict[Layout, int] = {}
        self._last: dict[MetricType, Layout] = {}

    @property
    def count(self) -> int:
        """Points so far."""
        return len(self._at)

    def resource(self, at: int, end: int) -> None:
        """Read the ResourceMetrics in [at, end).

        Raises:
            Irregular: not all of its points can have a layout, or it is laid out unusually.
        """
        _, at = leading(self._data, at, end)
        for start, stop in messages(self._data, at, end, _LIST, last=_SCHEMA_URL):
            _, inner = leading(self._data, start, stop)
            for first, last in messages(self._data, inner, stop, _LIST, last=_SCHEMA_URL):
                self._metric(first, last)

    def _metric(self, start: int, end: int) -> None:
        data = self._data
        holders = [item for item in fields(data, start, end) if (item.number << 3 | item.wire) in _DATA]
        if len(holders) != 1:
            # NB: a metric without data has no points, but filters may drop it: that is the ordinary way's to know.
            raise Irregular("a metric without data")
        (holder,) = holders
        type_ = _DATA[holder.number << 3 | LENGTH]
        ats, ends = bodies(data, holder.value, holder.end)
        stop = ends[-1] if ends else holder.value
        if any(item.number == 1 and item.wire == LENGTH for item in fields(data, stop, holder.end)):
            raise Irregular("points behind other fields")
        if not ats:
            return
        layout = self._last.get(type_)
        if layout is None or not _same(layout, data, ats[0], ends[0], type_):
            layout = self._last[type_] = _learned(data, ats[0], ends[0], type_)
        self._at += ats
        self._end += ends
        self._layout.append(self._layouts.setdefault(layout, len(self._layouts)))
        self._type.append(type_)
        self._ends.append(len(self._at))

    def lanes(self) -> tuple[Lane, ...]:
        """All points by their layout.

        Raises:
            Irregular: a point has none.
        """
        octets, at, end = np.frombuffer(self._data, np.uint8), _array(self._at), _array(self._end)
        ends = _array(self._ends)
        layout = np.repeat(_array(self._layout), np.diff(ends, prepend=0))
        good = np.zeros(len(at), np.bool_)
        for one, index in self._layouts.items():
            chosen = np.flatnonzero(layout == index)
            good[chosen] = _all_fit(one, octets, at[chosen], end[chosen])
        for metric in np.unique(np.searchsorted(ends, np.flatnonzero(~good), "right")).tolist():
            first = self._ends[metric - 1] if metric else 0
            layout[first : self._ends[metric]] = self._with_care(metric, first)
        numbers = [(one, np.flatnonzero(layout == index)) for one, index in self._layouts.items()]
        return tuple(Lane(one, at[number], end[number], number) for one, number in numbers if len(number))

    def _with_care(self, metric: int, first: int) -> list[int]:
        """The layouts of the points of one metric, one after the other."""
        data, type_, found = self._data, self._type[metric], []
        layout: Layout | None = None
        for number in range(first, self._ends[metric]):
            at, end = self._at[number], self._end[number]
            if layout is None or not _same(layout, data, at, end, type_):
                layout = _learned(data, at, end, type_)
            found.append(self._layouts.setdefault(layout, len(self._layouts)))
        return found


def _learned(data: bytes, at: int, end: int, type_: MetricType) -> Layout:
    """The layout of one point. Raises Irregular if it has none, or does not begin with its start time."""
    layout = learn(data, at, end, type_)
    if layout is None or not starts_first(layout):
        raise Irregular("a point without layout")
    return layout


def _same(layout: Layout, data: bytes, at: int, end: int, type_: MetricType) -> bool:
    """Whether the next point has the layout of the last, its key included: nothing but key fields between the two."""
    if not layout.fits_one(data, at, end):
        return False
    inside = fields(data, at + layout.head, end - layout.tail)
    try:
        return all(item.number in KEY_FIELDS[type_] for item in inside)
    except MalformedPayload:
        return False


def _all_fit(layout: Layout, octets: npt.NDArray[np.uint8], at: Offsets, end: Offsets) -> npt.NDArray[np.bool_]:
    """Of which points that is so; False also for keys that are encoded unusually."""
    good = end - at >= layout.head + layout.tail
    place, stop = np.where(good, at, 0) + layout.head, np.where(good, end, layout.head) - layout.tail
    good &= layout.fits(octets, at, end)
    kinds = _KEYS[layout.histogram]
    live = np.flatnonzero(good & (place < stop))
    while len(live):  # one field of each point a turn
        here = place[live]
        kind = kinds[octets[here]]
        size = octets[np.minimum(here + 1, len(octets) - 1)].astype(np.int64)
        long = (size > 127) & (kind == LENGTH)
        more = octets[np.minimum(here + 2, len(octets) - 1)]
        size = np.where(long, (size & 127) + (more.astype(np.int64) << 7), np.where(kind == LENGTH, size, 0))
        behind = here + 2 + long + size
        fine = (kind != _OTHER) & (behind <= stop[live]) & ~(long & (more > 127))
        fine &= (kind == LENGTH) | (octets[np.minimum(here + 1, len(octets) - 1)] < 128)
        good[live[~fine]] = False
        place[live] = behind
        live = live[fine & (behind < stop[live])]
    return good
