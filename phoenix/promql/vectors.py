"""Values during evaluation: labels, instant vectors, ranges of points."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from phoenix.promql.syntax import Selector

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
NAME = "__name__"


class Labels:
    """Labels of a series, immutable, equal by content. What is derived of them is made once and kept with them.

    A store hands out the same object for the same series each time, so that a query asked every window groups by
    looking up, not by building.
    """

    __slots__ = ("_derived", "_hash", "map")

    def __init__(self, labels: Mapping[str, str]) -> None:
        self.map: dict[str, str] = {name: value for name, value in labels.items() if value}
        self._hash: int | None = None
        self._derived: dict[tuple[bool, tuple[str, ...]], Labels] = {}

    def __hash__(self) -> int:
        if self._hash is None:
            self._hash = hash(frozenset(self.map.items()))
        return self._hash

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Labels) and self.map == other.map

    def __repr__(self) -> str:
        return f"Labels({self.map})"

    def only(self, names: tuple[str, ...]) -> Labels:
        """Those of these names."""
        found = self._derived.get((True, names))
        if found is None:
            found = Labels({name: self.map[name] for name in names if name in self.map})
            self._derived[True, names] = found
        return found

    def without(self, names: tuple[str, ...]) -> Labels:
        """All but these and the metric's name."""
        found = self._derived.get((False, names))
        if found is None:
            found = Labels({name: value for name, value in self.map.items() if name != NAME and name not in names})
            self._derived[False, names] = found
        return found

    @property
    def bare(self) -> Labels:
        """All but the metric's name."""
        return self.without(())


@dataclass(frozen=True, slots=True)
class Vector:
    """An instant vector: a value for each of some series, in any order."""

    labels: Sequence[Labels]
    values: Floats

    def bare(self, values: Floats | None = None) -> Vector:
        """Without metric names, with other values if given."""
        return Vector([one.bare for one in self.labels], self.values if values is None else values)

    def kept(self, chosen: npt.NDArray[np.bool_]) -> Vector:
        """Those chosen."""
        index = np.flatnonzero(chosen)
        return Vector([self.labels[at] for at in index.tolist()], self.values[index])

    def items(self) -> Iterable[tuple[Labels, float]]:
        """Pairs."""
        return zip(self.labels, self.values.tolist(), strict=True)


def vector_of(items: Iterable[tuple[Labels, float]]) -> Vector:
    """A vector of pairs."""
    pairs = list(items)
    return Vector([labels for labels, _ in pairs], np.array([value for _, value in pairs], np.float64))


@dataclass(frozen=True, slots=True)
class Range:
    """Points of some series, of each in order of time: those of series i are [starts[i], starts[i + 1]).

    Every series has a point at least. Times in Unix milliseconds.
    """

    labels: Sequence[Labels]
    starts: Ints
    times: Ints
    values: Floats

    @property
    def counts(self) -> Ints:
        """Points of each series."""
        return np.diff(self.starts)

    @property
    def firsts(self) -> Ints:
        """Index of each series' first point."""
        return self.starts[:-1]

    @property
    def lasts(self) -> Ints:
        """Index of each series' last point."""
        return self.starts[1:] - 1


def range_of(series: Iterable[tuple[Labels, Sequence[int], Sequence[float]]]) -> Range:
    """A range of (labels, times, values) triples; those without points are left out."""
    kept = [one for one in series if len(one[1])]
    starts = np.cumsum([0, *(len(times) for _, times, _ in kept)], dtype=np.int64)
    return Range(
        [labels for labels, _, _ in kept],
        starts,
        np.array([time for _, times, _ in kept for time in times], np.int64),
        np.array([value for _, _, values in kept for value in values], np.float64),
    )


class Store(Protocol):
    """Where series come from."""

    def select(self, selector: Selector, first_ms: int, last_ms: int) -> Range:
        """Points with first <= time <= last of the series a selector's name and matchers select."""
        ...


class MemoryStore:
    """Series in memory, for tests and small sets."""

    def __init__(self, series: Iterable[tuple[Mapping[str, str], Sequence[int], Sequence[float]]]) -> None:
        self._series = [
            (Labels(labels), np.array(times, np.int64), np.array(values, np.float64))
            for labels, times, values in series
        ]

    def select(self, selector: Selector, first_ms: int, last_ms: int) -> Range:
        """See `Store`."""
        found = []
        for labels, times, values in self._series:
            if selector.selects(labels.map):
                inside = (times >= first_ms) & (times <= last_ms)
                found.append((labels, times[inside].tolist(), values[inside].tolist()))
        return range_of(found)
