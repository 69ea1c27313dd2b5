"""Tables of numbers by key: what processors that remember know of streams, a row each, for numpy to work on many."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np
import numpy.typing as npt

_FIRST_ROWS = 64


class Table:
    """Rows by key. Freed rows are used again. Not thread-safe.

    Args:
        columns: numpy's type of each column, by its name.
    """

    def __init__(self, **columns: str) -> None:
        self._columns: dict[str, npt.NDArray[Any]] = {
            name: np.zeros(_FIRST_ROWS, kind) for name, kind in columns.items()
        }
        self._rows: dict[Hashable, int] = {}
        self._keys: list[Hashable] = []
        self._free: list[int] = []
        self.version = 0
        """another number once rows were freed: rows that were found before may be those of others now"""

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, column: str) -> npt.NDArray[Any]:
        """A column; longer than there are rows, and another array once rows were added."""
        return self._columns[column]

    def find(self, key: Hashable) -> int:
        """The row of a key, -1 if there is none."""
        return self._rows.get(key, -1)

    def add(self, key: Hashable) -> int:
        """A row for a key that has none; its columns are to be written."""
        if self._free:
            row = self._free.pop()
            self._keys[row] = key
        else:
            row = len(self._keys)
            self._keys.append(key)
            for name, column in self._columns.items():
                if row >= len(column):
                    self._columns[name] = np.concatenate((column, np.zeros_like(column)))
        self._rows[key] = row
        return row

    def drop(self, column: str, before: float) -> list[int]:
        """Free the rows whose column is less than `before`; returns them."""
        rows = np.flatnonzero(self._columns[column][: len(self._keys)] < before).tolist()
        gone = [row for row in rows if self._keys[row] is not None]
        for row in gone:
            del self._rows[self._keys[row]]
            self._keys[row] = None
        self._free += gone
        self.version += bool(gone)
        return gone
