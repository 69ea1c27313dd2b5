"""Values of models whose points are all numbers (M2, M3): counters that grow, gauges that waver. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from phoenix.loadmodel.units import Mood, carried
from phoenix.otlp.encode import HistogramValues, Words

_SIGMA = 0.3
_SWAP_LOW, _SWAP_HIGH = 0.02, 40.0


@dataclass(frozen=True, slots=True)
class NumberLaws:
    """Laws of a unit's points, in their order; all tuples have one element a point."""

    rates: tuple[float, ...]
    """a counter's growth a second; 0: a gauge"""
    levels: tuple[float, ...]
    """a gauge's middle; what a counter begins at"""
    integer: tuple[bool, ...]
    steady: tuple[bool, ...]
    """a gauge that does not waver"""
    rank: int = -1
    """place among the processes of its host by CPU; a swap of the hogs takes from the first ten, gives to the next"""


class NumberValues:
    """State of the points of one payload."""

    def __init__(self, rng: np.random.Generator, interval_s: float) -> None:
        self._rng, self._interval_s = rng, interval_s
        self._laws: list[NumberLaws] = []
        self._values: npt.NDArray[np.float64] = np.zeros(0)

    def regroup(self, laws: Sequence[NumberLaws], kept: Sequence[int]) -> None:
        """Carry over what stays; new counters begin at their level."""
        old, self._laws = [len(one.rates) for one in self._laws], list(laws)
        lengths = [len(one.rates) for one in laws]
        self._values, fresh = carried(self._values, old, lengths, kept)
        self._rates = np.array([rate for one in laws for rate in one.rates])
        self._levels = np.array([level for one in laws for level in one.levels])
        self._integer = np.array([whole for one in laws for whole in one.integer], np.bool_)
        self._steady = np.array([steady for one in laws for steady in one.steady], np.bool_)
        swap = [_SWAP_LOW if 0 <= one.rank < 10 else _SWAP_HIGH if 10 <= one.rank < 20 else 1.0 for one in laws]
        self._swap = np.repeat(np.array(swap), lengths) if laws else np.zeros(0)
        self._values[fresh] = self._levels[fresh]

    def reset(self, units: Sequence[int]) -> None:
        """Counters of these units begin at zero."""
        starts = np.concatenate([[0], np.cumsum([len(one.rates) for one in self._laws])]).astype(np.int64)
        for unit in units:
            self._values[starts[unit] : starts[unit + 1]] = 0.0

    def tick(self, mood: Mood) -> tuple[Words, dict[int, HistogramValues]]:
        """One interval happens; no histograms."""
        noise = np.exp(_SIGMA * self._rng.standard_normal(len(self._values)))
        growth = self._rates * noise * (self._interval_s * mood.activity)
        if mood.cpu_swap:
            growth *= self._swap
        # A counter in whole numbers grows by whole numbers, so that none is lost to rounding twice.
        self._values += np.where(self._integer, np.rint(growth), growth)
        gauges = self._levels * np.where(self._steady, 1.0, noise)
        now = np.where(self._rates > 0, self._values, gauges)
        whole = np.rint(now).astype(np.int64).view(np.uint64)
        words: Words = np.where(self._integer, whole, now.view(np.uint64))
        return words, {}
