"""Where the number points of a payload keep what a processor that remembers works on, and what it knows them by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from phoenix.engine.plan.shape import Shape
from phoenix.otlp.layout import Offsets
from phoenix.otlp.repeats import words_of

Flags: TypeAlias = npt.NDArray[np.bool_]
Words: TypeAlias = npt.NDArray[np.uint64]


@dataclass(slots=True)
class Bound:
    """Number points of one shape, or of one payload, that a processor works on, in order; arrays have shape (n,).

    `start`, `time` and `value` are places of 8-byte words in the payload, `number` counts all points of the payload.
    """

    shape: Shape | None
    """None: of one payload alone"""
    points: int
    """all of the payload"""
    start: Offsets
    time: Offsets
    value: Offsets
    integer: Flags
    recorded: Flags
    """false for points that only say that their series has ended"""
    number: Offsets
    streams: list[bytes]
    keys: list[bytes]
    """everything in a point but times and values, as it is encoded"""
    temporality: Offsets
    """places of the byte in each metric that holds them"""
    rows: Offsets
    """of the processor's table; -1: not known"""
    version: int = -1
    """of the table when `rows` were found"""
    left: Shape | None = None
    """of what leaves, if nothing is dropped"""

    def columns(self, data: bytes) -> tuple[Words, Words, Words]:
        """Start times, times and values of a payload of the shape, as they are encoded."""
        words = words_of(data)
        return words[self.start], words[self.time], words[self.value]
