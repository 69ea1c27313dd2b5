"""What a load model gives a Load: who sits where, the bytes of each, and the laws of its values. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from phoenix.loadmodel.dynamics import Dynamics
from phoenix.loadmodel.seats import Ints, Seating
from phoenix.otlp.encode import HistogramValues, Piece, Words

Laws = TypeVar("Laws")
Taken = TypeVar("Taken", contravariant=True)
Scalar = TypeVar("Scalar", bound=np.generic)


@dataclass(frozen=True, slots=True)
class Unit(Generic[Laws]):
    """One generation of a seat: its resources as bytes, and by which laws its values move."""

    pieces: tuple[Piece, ...]
    laws: Laws

    @property
    def size_bytes(self) -> int:
        """What it takes of a payload."""
        return sum(len(piece.body) for piece in self.pieces)


UnitOf = Callable[[int, Ints], Unit[Laws]]
"""(seat, generations of all seats) → the unit that has the seat."""


@dataclass(frozen=True, slots=True)
class Mood:
    """How things stand at a tick."""

    activity: float = 1.0
    error_burst: bool = False
    cpu_swap: bool = False


class Values(Protocol[Taken]):
    """The values of the units of one payload, from tick to tick."""

    def regroup(self, laws: Sequence[Taken], kept: Sequence[int]) -> None:
        """Other units are there: `kept[i]` is where unit i was before, -1: it is new and begins anew."""
        ...

    def reset(self, units: Sequence[int]) -> None:
        """These begin anew."""
        ...

    def tick(self, mood: Mood) -> tuple[Words, dict[int, HistogramValues]]:
        """Let one interval happen: number values, and histograms by number of buckets, in the order of the units."""
        ...


class LoadModel(Protocol[Laws]):
    """A shape of input with every number decided."""

    @property
    def dynamics(self) -> Dynamics:
        """What changes while it runs."""
        ...

    def seating(self) -> Seating:
        """Seats with their counts. Raises LoadModelError: more than a generator can hold."""
        ...

    def unit_of(self, seed: int) -> UnitOf[Laws]:
        """Names by the seed."""
        ...

    def values(self, rng: np.random.Generator, interval_s: float) -> Values[Laws]:
        """For one payload, without units yet."""
        ...


def carried(
    old: npt.NDArray[Scalar], old_lengths: Sequence[int], lengths: Sequence[int], kept: Sequence[int]
) -> tuple[npt.NDArray[Scalar], npt.NDArray[np.bool_]]:
    """Rows of units that stay, at their new places; (rows, whether each row is new and zero)."""
    starts = np.concatenate([[0], np.cumsum(np.array(old_lengths, np.int64))]).astype(np.int64)
    sources = [
        np.arange(starts[was], starts[was] + length) if was >= 0 else np.full(length, -1)
        for was, length in zip(kept, lengths, strict=True)
    ]
    source = np.concatenate([*sources, np.empty(0, np.int64)]).astype(np.int64)
    fresh: npt.NDArray[np.bool_] = source < 0
    rows = np.zeros((len(source), *old.shape[1:]), old.dtype)
    rows[~fresh] = old[source[~fresh]]
    return rows, fresh
