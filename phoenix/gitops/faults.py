"""What is wrong with a directory of manifests, as values: collected, told and kept, never raised."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One fault in one place.

    Args:
        file: path below the directory, `/` between; empty: the directory itself.
        line: from 1; 0: the file as a whole.
        message: what is wrong and what to do.
        object: `experiment/x`; empty where no object is concerned.
        field: path of the field at fault; empty where none is.
    """

    file: str
    line: int
    message: str
    object: str = ""
    field: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        words = (place, self.object, self.field, self.message)
        return ": ".join(word for word in words if word)
