"""Which metrics broke in a window: counters that fell, streams with gaps, points twice. By metric family.

Made only of what was found broken, which in a sound pipeline is nothing: nothing is kept for each series.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from phoenix.samples.model import ContinuityRow

Numbers = npt.NDArray[np.int64]
MAX_ROWS = 50
"""Families named a window, the worst first; the counts of a window as a whole are never cut."""


def tally(families: npt.ArrayLike) -> Counter[int]:
    """How often each family is named."""
    numbers, counts = np.unique(np.asarray(families), return_counts=True)
    return Counter(dict(zip(numbers.tolist(), counts.tolist(), strict=True)))


def rows(
    names: Sequence[str], resets: Counter[int], gaps: Counter[int], duplicates: Counter[int]
) -> list[ContinuityRow]:
    """A row a family that has any, most first.

    Args:
        names: of families, by number.
        resets, gaps, duplicates: counts by number of family.
    """
    total = resets + gaps + duplicates
    ranked = sorted(total, key=lambda family: (-total[family], names[family]))[:MAX_ROWS]
    return [
        ContinuityRow(
            metric=names[family], counter_resets=resets[family], gaps=gaps[family], duplicates=duplicates[family]
        )
        for family in ranked
    ]
