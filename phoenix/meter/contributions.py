"""Which metrics and labels make the series: what would vanish if a label were dropped.

Each series leaves one row in its family: a 64-bit hash for every label it has. The sum of a row stands for the series;
the sum less one label's hash stands for what it would be without that label, so that counting distinct differences
tells how many series would be left. Hashes have 64 bits: with a million series, one count in ten million is off by one.
Rows are written by the owner of the registry; `rank` works on copies (`freeze`) and may run in another thread.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from phoenix.meter.columns import Column
from phoenix.meter.registry import Ids, NewSeries
from phoenix.samples.model import ContributionRow

_HASH_MASK = (1 << 64) - 1
_MAX_METRICS, _MAX_LABELS = 20, 50
Hashes = npt.NDArray[np.uint64]


class _Family:
    """Rows of one metric family, as wide as it has labels; wider rows are made when a new label comes."""

    def __init__(self) -> None:
        self.labels: dict[str, int] = {}
        self.units = Column(np.int64)
        self._rows = bytearray()
        self._row = struct.Struct("")

    def add(self, unit: int, labels: Mapping[str, str]) -> None:
        places = self.labels
        for label in labels:
            if label not in places:
                places[label] = len(places)
        if self._row.size != 8 * len(places):
            self._widen()
        row = [0] * len(places)
        for pair in labels.items():
            row[places[pair[0]]] = (hash(pair) & _HASH_MASK) or 1
        self._rows += self._row.pack(*row)
        self.units.append(unit)

    def _widen(self) -> None:
        old = self.rows()
        wider = np.zeros((len(old), len(self.labels)), np.uint64)
        wider[:, : old.shape[1]] = old
        self._rows, self._row = bytearray(wider.tobytes()), struct.Struct(f"={len(self.labels)}Q")

    def rows(self) -> Hashes:
        """A copy, shape (series, labels)."""
        width = self._row.size // 8
        flat = np.frombuffer(bytes(self._rows), np.uint64)
        return flat.reshape(len(self.units), width)


@dataclass(frozen=True, slots=True)
class Frozen:
    """A family as of one moment: `rows` (series, labels) and `weights` (series,), of series that were live."""

    name: str
    labels: tuple[str, ...]
    rows: Hashes
    weights: Ids


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
        """Copies of the rows of series that were `seen`, largest families only. All arguments are by unit."""
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
            frozen.append(Frozen(name, tuple(family.labels), family.rows()[live], whole[units[live]]))
        return [family for family in frozen if len(family.weights)]


def rank(families: list[Frozen]) -> list[ContributionRow]:
    """The largest metrics and the largest labels, each descending by series. Pure; seconds for millions of series."""
    metrics = [ContributionRow(metric=family.name, series=int(family.weights.sum())) for family in families]
    labels = [_label(family, index) for family in families for index in range(len(family.labels))]
    labels.sort(key=lambda row: (-row.series, row.metric, row.label))
    return metrics + [row for row in labels if row.series][:_MAX_LABELS]


def _label(family: Frozen, index: int) -> ContributionRow:
    column = family.rows[:, index]
    rest = family.rows.sum(axis=1, dtype=np.uint64) - column
    order = np.argsort(rest, kind="stable")
    rest = rest[order]
    firsts = np.flatnonzero(np.append(True, rest[1:] != rest[:-1]))
    left = int(np.maximum.reduceat(family.weights[order], firsts).sum())
    values = np.sort(column[column != 0])
    distinct = int(np.count_nonzero(values[1:] != values[:-1])) + 1 if len(values) else 0
    return ContributionRow(
        metric=family.name, label=family.labels[index], series=int(family.weights.sum()) - left, values=distinct
    )
