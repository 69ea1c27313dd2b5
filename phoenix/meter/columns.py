"""Growing numpy columns: one element a series, appended singly, read as a whole."""

from __future__ import annotations

from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

T = TypeVar("T", bound=np.generic)


class Column(Generic[T]):
    """An array that grows; element i belongs to the thing with id i. Reads are views, valid until the next append."""

    def __init__(self, dtype: type[T]) -> None:
        self._array: npt.NDArray[T] = np.zeros(64, dtype)
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def append(self, value: float) -> int:
        """Add one element; returns its index."""
        index = self._length
        if index == len(self._array):
            self.extend(index + 1, value)
        self._array[index] = value
        self._length = index + 1
        return index

    def extend(self, length: int, fill: float) -> None:
        """Grow to at least `length` elements; new ones hold `fill`."""
        if length > len(self._array):
            grown = np.empty(max(length, 2 * len(self._array)), self._array.dtype)
            grown[: self._length] = self._array[: self._length]
            self._array = grown
        if length > self._length:
            self._array[self._length : length] = fill
            self._length = length

    def __getitem__(self, index: int) -> T:
        value: T = self._array[: self._length][index]
        return value

    def __setitem__(self, index: int, value: float) -> None:
        self._array[: self._length][index] = value

    @property
    def all(self) -> npt.NDArray[T]:
        """All elements, shape (len,)."""
        return self._array[: self._length]
