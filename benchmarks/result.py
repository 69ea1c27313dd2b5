"""What a benchmark answers: rows with a figure, a ratio or rate, its spread, a goal, and whether the goal is met."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path


class Unavailable(Exception):
    """Something this benchmark needs is not installed; the message says what, and how to get it."""


@dataclass(frozen=True, slots=True)
class Setting:
    """How long and where to measure.

    Args:
        pairs: A B pairs, or repeats where there is no peer.
        stretch: factor on the length of each measurement; 1.0 for figures that count.
        directory: a folder on the disk to measure; everything made in it is removed again.
    """

    pairs: int
    stretch: float
    directory: Path

    def seconds(self, planned: float) -> float:
        """The length of a measurement that is planned to last so long."""
        return planned * self.stretch


@dataclass(frozen=True, slots=True)
class Spread:
    """Median, least and most of what was measured."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread:
        """Raises statistics.StatisticsError: there are none."""
        ordered = sorted(values)
        return cls(statistics.median(ordered), ordered[0], ordered[-1])


def ratios(ours: Iterable[float], theirs: Iterable[float]) -> Spread:
    """Ratios of what was measured pair by pair: both of a pair saw the same machine."""
    return Spread.of(mine / other for mine, other in zip(ours, theirs, strict=True))


@dataclass(frozen=True, slots=True)
class Goal:
    """A bound on a median."""

    bound: float
    at_least: bool

    def met(self, spread: Spread) -> bool:
        """Whether the median is on the right side."""
        return spread.median >= self.bound if self.at_least else spread.median <= self.bound


def at_least(bound: float) -> Goal:
    """More is better."""
    return Goal(bound, at_least=True)


def at_most(bound: float) -> Goal:
    """Less is better."""
    return Goal(bound, at_least=False)


@dataclass(frozen=True, slots=True)
class Row:
    """One measured thing.

    Args:
        name: what was done.
        figure: Phoenix's own figure with its unit, a median.
        peer: the peer's figure; empty: there is no peer.
        measured: what is judged, and its spread: a ratio, or a rate where there is no peer.
        unit: of `measured`; "x" for a ratio to the peer.
        goal: the bar; None: reported beside the others.
        note: what a reader of the figure must know.
    """

    name: str
    figure: str
    peer: str = ""
    measured: Spread | None = None
    unit: str = "x"
    goal: Goal | None = None
    note: str = ""

    @property
    def passed(self) -> bool | None:
        """None: there is nothing to pass."""
        if self.goal is None or self.measured is None:
            return None
        return self.goal.met(self.measured)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one benchmark. `skipped`: why it was not run; `error`: how it broke.

    `how` tells how it measures and `limit` what limits its figures, for the page.
    """

    name: str
    title: str
    seconds: float
    rows: list[Row] = field(default_factory=list)
    skipped: str = ""
    error: str = ""
    how: str = ""
    limit: str = ""

    @property
    def failed(self) -> bool:
        """Whether a bar was missed or the benchmark itself broke."""
        return bool(self.error) or any(row.passed is False for row in self.rows)
