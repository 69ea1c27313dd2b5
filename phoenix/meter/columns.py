"""Growing numpy columns: one element a series, appended singly, read as a whole."""

from __future__ import annotations

from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

_PENDING = 512

T = TypeVar("T", bound=np.generic)


class Column(Generic[T]):
    """An array that grows; element i belongs to the thing with id i. Reads are views, valid until the next append."""

    def __init__(self, dtype: type[T]) -> None:
        self._array: npt.NDArray[T] = np.zeros(64, dtype)
        self._length = 0
        # Appended to the array many at once: ten times faster than singly. Few: a number in a list takes 40 bytes.
        self._pending: list[float] = []

    def __len__(self) -> int:
        return self._length + len(self._pending)

    def append(self, value: float) -> int:
        """Add one element; returns its index."""
        pending = self._pending
        pending.append(value)
        index = self._length + len(pending) - 1
        if len(pending) >= _PENDING:
            self._settle()
        return index

    def extend(self, length: int, fill: float) -> None:
        """Grow to at least `length` elements; new ones hold `fill`."""
        known = len(self.all)
        if length > known:
            self._reserve(length)
            self._array[known:length] = fill
            self._length = length

    def _reserve(self, length: int) -> None:
        if length > len(self._array):
            grown = np.empty(max(length, 2 * len(self._array)), self._array.dtype)
            grown[: self._length] = self._array[: self._length]
            self._array = grown

    def __getitem__(self, index: int) -> T:
        value: T = self.all[index]
        return value

    def __setitem__(self, index: int, value: float) -> None:
        self.all[index] = value

    @property
    def all(self) -> npt.NDArray[T]:
        """All elements, shape (len,)."""
        if self._pending:
            self._settle()
        return self._array[: self._length]

    def _settle(self) -> None:
        length = len(self)
        self._reserve(length)
        self._array[self._length : length] = self._pending
        self._length, self._pending = length, []
