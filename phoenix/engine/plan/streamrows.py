"""Processors that remember, on payloads whose shape is new because some of their series are: bound by their rows.

What a processor says of a series when it binds a shape is asked once, for a request of new series alone, and kept by
the bytes of their keys (`rows`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from phoenix.engine.component import InPlace
from phoenix.engine.data import Metrics
from phoenix.engine.plan.bound import Bound
from phoenix.engine.plan.outcomes import request_of
from phoenix.engine.plan.rows import Rows, Series
from phoenix.engine.plan.shape import read, starts_with_time
from phoenix.otlp.layout import INTEGER

_LEARNED_AT_ONCE = 0.5
_LEAST_LEARNED = 64
_UNKNOWN, _LEFT_ALONE = -2, -1
_MOST_REFUSED = 3


class StreamRows:
    """What one processor works on of the series it has seen. Not thread-safe."""

    def __init__(self, in_place: InPlace) -> None:
        self._in_place = in_place
        self._series = Series()
        self._generation = 0
        self._last: tuple[Bound, tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]] | None = None
        self._refused = 0
        """how often a series came that the processor does not work on in place"""
        self._clear()

    def _clear(self) -> None:
        self._stream: npt.NDArray[np.int64] = np.full(64, _UNKNOWN, np.int64)
        """by series: number of its stream"""
        self._rows: npt.NDArray[np.int64] = np.full((64, 2), -1, np.int64)
        """by series, and whether its value is an integer: row of the processor's table"""
        self._recorded: npt.NDArray[np.bool_] = np.ones(64, np.bool_)
        self._keys: dict[int, tuple[bytes, bytes]] = {}
        """by series: its stream, and everything in a point but times and values"""
        self._streams: dict[bytes, int] = {}
        self._version = -1
        self._last = None

    def bind(self, data: bytes) -> Bound | None:
        """What of a payload the processor works on; None: it goes the ordinary way."""
        if self._refused >= _MOST_REFUSED:
            return None
        rows = self._series.read(data)
        if self._generation != self._series.generation:
            self._generation = self._series.generation
            self._clear()
        if rows is None or not self._all_known(data, rows):
            return None
        self._take_back()
        stream = self._stream[rows.series]
        number = np.flatnonzero(stream >= 0)
        layout, at = rows.layout[number], rows.at[number]
        usable = np.array([one.value > 0 and not one.histogram and starts_with_time(one) for one in rows.layouts])
        if not usable[layout].all() or len(np.unique(stream[number])) < len(number):
            return None
        value = at + np.array([one.value for one in rows.layouts])[layout]
        series = rows.series[number]
        integer = np.frombuffer(data, np.uint8)[value - 1] == INTEGER
        place = series, integer.astype(np.int64)
        names = [self._keys[one] for one in series.tolist()]
        bound = Bound(
            shape=None, points=len(rows), start=at + 1, time=at + np.array([one.time for one in rows.layouts])[layout],
            value=value, integer=integer, recorded=self._recorded[series],
            number=number, streams=[stream for stream, _ in names], keys=[key for _, key in names],
            temporality=self._temporality(rows, number), rows=self._rows[place], version=self._version,
        )  # fmt: skip
        self._last = bound, place
        return bound

    def _take_back(self) -> None:
        """Keep which rows of the table the last payload's streams have."""
        if self._last is None:
            return
        bound, place = self._last
        if bound.version != self._version:
            self._rows[:] = -1
            self._version = bound.version
        self._rows[place] = bound.rows
        self._last = None

    @staticmethod
    def _temporality(rows: Rows, number: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Places of the byte in each metric: it follows the tag behind the last point."""
        made: npt.NDArray[np.int64] = rows.end[rows.ends[np.unique(rows.metric[number])] - 1] + 1
        return made

    def _all_known(self, data: bytes, rows: Rows) -> bool:
        """Learn what is new; whether all is known now."""
        while len(self._stream) < self._series.count:
            self._stream = np.concatenate((self._stream, np.full_like(self._stream, _UNKNOWN)))
            self._rows = np.concatenate((self._rows, np.full_like(self._rows, -1)))
            self._recorded = np.concatenate((self._recorded, np.ones_like(self._recorded)))
        places = np.flatnonzero(self._stream[rows.series] == _UNKNOWN)
        if not len(places):
            return True
        _, first = np.unique(rows.series[places], return_index=True)
        new = np.sort(places[first]).tolist()
        most = max(_LEAST_LEARNED, int(len(rows) * _LEARNED_AT_ONCE))
        learned = self._learn(data, rows, new[:most])
        self._refused += not learned
        return learned and len(new) <= most

    @property
    def warm(self) -> bool:
        """Whether it has met series, and all could be worked on in place."""
        return bool(self._streams) and not self._refused

    def _learn(self, data: bytes, rows: Rows, chosen: list[int]) -> bool:
        """Learn the series of these rows; False: the processor does not work on them in place."""
        alone = request_of(data, rows, chosen)
        shape = read(alone)
        bound: Any = shape and self._in_place.bind(Metrics(alone, None), shape)
        if bound is None:
            return False
        series = rows.series[chosen]
        self._stream[series] = _LEFT_ALONE
        for place, number in enumerate(bound.number.tolist()):
            one = int(series[number])
            stream = bound.streams[place]
            self._stream[one] = self._streams.setdefault(stream, len(self._streams))
            self._recorded[one] = bound.recorded[place]
            self._keys[one] = stream, bound.keys[place]
        return True
