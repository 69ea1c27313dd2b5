"""Which metrics and labels make the series: what would vanish if a label were dropped.

Each series leaves one row in its family: a 64-bit hash for every label it has. The sum of a row stands for the series;
the sum less one label's hash stands for what it would be without that label, so that counting distinct differences
tells how many series would be left. Hashes have 64 bits: with a million series, one count in ten million is off by one.
Rows are written by the owner of the registry; `rank` works on what was there at one moment (`freeze`) and may run in
another thread. 8 bytes a label and 4 more a series; while it ranks, 60 bytes a series of the largest metric.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from phoenix.meter.columns import Column
from phoenix.meter.registry import Ids, NewSeries
from phoenix.samples.model import ContributionRow

_MAX_METRICS, _MAX_LABELS = 20, 50
Hashes = npt.NDArray[np.uint64]


_LEAST_ROWS, _MOST_ROWS = 16, 4_096
"""of a page"""


@dataclass(slots=True)
class _Page:
    """Rows of one width; those before `count` never change."""

    width: int
    capacity: int
    count: int = 0
    data: bytearray = field(init=False)

    def __post_init__(self) -> None:
        self.data = bytearray(8 * self.width * self.capacity)


class _Family:
    """Rows of one metric family, as wide as it has labels; when a new label comes, a page of wider rows is begun."""

    def __init__(self) -> None:
        self.labels: dict[str, int] = {}
        self.units = Column(np.int32)
        self.pages: list[_Page] = []
        self._row = struct.Struct("")

    def add(self, unit: int, labels: Mapping[str, str]) -> None:
        places = self.labels
        if not labels.keys() <= places.keys():
            for label in labels:
                places.setdefault(label, len(places))
        if not self.pages or self.pages[-1].width != len(places) or self.pages[-1].count == self.pages[-1].capacity:
            self._turn(len(places))
        row = [0] * len(places)
        for pair in labels.items():
            row[places[pair[0]]] = hash(pair) or 1
        page = self.pages[-1]
        self._row.pack_into(page.data, page.count * self._row.size, *row)
        page.count += 1
        self.units.append(unit)

    def _turn(self, width: int) -> None:
        capacity = min(2 * self.pages[-1].capacity, _MOST_ROWS) if self.pages else _LEAST_ROWS
        self.pages.append(_Page(width, capacity))
        self._row = struct.Struct(f"={width}q")


@dataclass(frozen=True, slots=True)
class Frozen:
    """A family as of one moment: the rows `live` of those that its pages held then, with `weights` each, shape (live,).

    Nothing is copied: pages are shared with their owner, who only writes behind what they held.
    """

    name: str
    labels: tuple[str, ...]
    pages: tuple[tuple[bytearray, int, int], ...]
    """data, width and rows of each"""
    live: Ids
    weights: Ids

    def column(self, index: int) -> Hashes:
        """Hashes of one label, shape (live,); 0 where a series has it not."""
        parts = [
            rows[:, index] if index < rows.shape[1] else np.zeros(len(rows), np.uint64) for rows in self._by_page()
        ]
        return _mixed(np.concatenate(parts)[self.live])

    def sums(self) -> Hashes:
        """Sums of the rows, shape (live,)."""
        return np.concatenate([_mixed(rows).sum(axis=1, dtype=np.uint64) for rows in self._by_page()])[self.live]

    def _by_page(self) -> Iterator[Hashes]:
        for data, width, count in self.pages:
            yield np.frombuffer(data, np.uint64, count * width).reshape(count, width)


def _mixed(hashes: Hashes) -> Hashes:
    """Hashes of which sums may be compared (the finalizer of splitmix64); 0 stays 0.

    NB: Python's hashes of pairs are nearly linear: (a=1) + (b=2) is often (a=2) + (b=1). In six of eight processes sums
    of them told 20 label sets from only 17 to 19.
    """
    hashes = (hashes ^ hashes >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    hashes = (hashes ^ hashes >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    return hashes ^ hashes >> np.uint64(31)


class Contributions:
    """Collects rows as series come up."""

    def __init__(self) -> None:
        self._families: dict[str, _Family] = {}

    def enroll(self, series: NewSeries) -> None:
        """Write the row of a new series."""
        if series.fresh:
            family = self._families.get(series.family)
            if family is None:
                family = self._families[series.family] = _Family()
            family.add(series.unit, series.labels)

    def freeze(self, seen: npt.NDArray[np.bool_], weights: Ids, parents: Ids) -> list[Frozen]:
        """The rows of series that were `seen`, largest families only. All arguments are by unit."""
        # A split histogram's parts count with the whole.
        parts = np.flatnonzero((parents >= 0) & seen)
        whole = np.where(seen, weights, 0) + np.bincount(parents[parts], weights[parts], len(weights)).astype(np.int64)
        sizes = {name: int(whole[family.units.all].sum()) for name, family in self._families.items()}
        largest = sorted(sizes, key=lambda name: (-sizes[name], name))[:_MAX_METRICS]
        frozen = []
        for name in largest:
            family = self._families[name]
            units = family.units.all
            live = np.flatnonzero(whole[units])
            pages = tuple((page.data, page.width, page.count) for page in family.pages)
            frozen.append(Frozen(name, tuple(family.labels), pages, live, whole[units[live]]))
        return [family for family in frozen if len(family.weights)]


def rank(families: list[Frozen]) -> list[ContributionRow]:
    """The largest metrics and the largest labels, each descending by series. Pure; seconds for millions of series."""
    metrics = [ContributionRow(metric=family.name, series=int(family.weights.sum())) for family in families]
    labels = [row for family in families for row in _labels(family)]
    labels.sort(key=lambda row: (-row.series, row.metric, row.label))
    return metrics + [row for row in labels if row.series][:_MAX_LABELS]


def _labels(family: Frozen) -> Iterator[ContributionRow]:
    sums = family.sums()
    for index, label in enumerate(family.labels):
        column = family.column(index)
        if (column == column[0]).all():
            continue  # without what all have alike, all are still told apart
        left = _left(sums - column, family.weights)
        column.sort()
        values = int(np.count_nonzero(column[1:] != column[:-1])) + int(column[0] != 0)
        yield ContributionRow(metric=family.name, label=label, series=int(family.weights.sum()) - left, values=values)


def _left(rest: Hashes, weights: Ids) -> int:
    """Series that are left when those of equal rest become one; of different weights the largest stays."""
    order = np.argsort(rest, kind="stable")
    rest = rest[order]
    firsts = np.flatnonzero(np.append(True, rest[1:] != rest[:-1]))
    return int(np.maximum.reduceat(weights[order], firsts).sum())
