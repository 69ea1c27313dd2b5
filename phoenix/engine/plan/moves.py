"""From which points come in to which points leave: as the copies and sums of a template."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from phoenix.engine.plan.template import Copy, Sum
from phoenix.otlp.layout import INTEGER, Layout, Offsets

Flags = npt.NDArray[np.bool_]


class Points(Protocol):
    """The points of a payload by their number; arrays have shape (points,)."""

    @property
    def layouts(self) -> Sequence[Layout]:
        """The layouts there are."""

    @property
    def layout(self) -> Offsets:
        """Index of each point's layout."""

    @property
    def at(self) -> Offsets:
        """Where its body begins."""

    @property
    def end(self) -> Offsets:
        """Where it ends."""


def moves(
    data: bytes, came: Points, members: Offsets, size: Offsets, delta: Flags, at: Offsets, end: Offsets
) -> tuple[Copy | Sum, ...] | None:
    """How what leaves is made; None: points of other layouts or types are to be added up.

    Args:
        data: the payload.
        came: its points.
        members: numbers of the points that go into each that leaves, those of one after those of another.
        size: how many they are for each, at least 1; shape (points that leave,).
        delta: whether they are of a delta.
        at: where each that leaves begins in what leaves.
        end: where it ends.
    """
    begins, of_members = np.cumsum(size) - size, np.repeat(np.arange(len(size)), size)
    leader, many = members[begins], size > 1
    layout, integer = came.layout[leader], _integers(data, came, leader)
    if many.any() and not (
        np.array_equal(came.layout[members], layout[of_members])
        and np.array_equal(_integers(data, came, members), integer[of_members])
    ):
        return None
    made: list[Copy | Sum] = []
    for number, one in enumerate(came.layouts):
        chosen = np.flatnonzero((layout == number) & ~many)
        if len(chosen):
            source = leader[chosen]
            made.append(Copy(one, came.at[source], came.end[source], at[chosen], end[chosen]))
        for of_integers in (False, True):
            for of_delta in (False, True):
                picked = (layout == number) & many & (integer == of_integers) & (delta == of_delta)
                if not picked.any():
                    continue
                if not can_add(one):
                    return None
                sources, sizes = members[picked[of_members]], size[picked]
                made.append(Sum(
                    one, of_integers, of_delta, came.at[sources], came.end[sources], np.cumsum(sizes) - sizes,
                    np.repeat(np.arange(len(sizes)), sizes), at[picked], end[picked],
                ))  # fmt: skip
    return tuple(made)


def can_add(layout: Layout) -> bool:
    """Whether every word of the head is one that `Sum` knows: not so for minima of points without any attribute."""
    return len(layout.variable) == 1 + (layout.value >= 0) + (layout.sum >= 0) + layout.bucket_count


def _integers(data: bytes, came: Points, chosen: Offsets) -> Flags:
    """Which points are number points that hold integers."""
    octets = np.frombuffer(data, np.uint8)
    value = np.array([0 if one.histogram or one.value < 0 else one.value for one in came.layouts])[came.layout[chosen]]
    made: Flags = (value > 0) & (octets[came.at[chosen] + value - 1] == INTEGER)
    return made
