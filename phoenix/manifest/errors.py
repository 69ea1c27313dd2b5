"""What is wrong with manifests.

Exception
├── ManifestError       one fault, with its place
└── InvalidManifests    all faults of a load, and the objects that have none
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from phoenix.manifest.objects import ManifestObject


class ManifestError(Exception):
    """One fault in one place.

    Args:
        source: file name as it was given, or `-`.
        line, column: where, from 1; 0 where the fault has no line (a file that cannot be read).
        message: what is wrong.
        hint: what to do about it; may be empty.
    """

    def __init__(self, source: str, line: int, column: int, message: str, hint: str = "") -> None:
        place = source if line == 0 else f"{source}:{line}:{column}" if column else f"{source}:{line}"
        super().__init__(f"{place}: {message}" + (f" ({hint})" if hint else ""))
        self.source, self.line, self.column, self.message, self.hint = source, line, column, message, hint


class InvalidManifests(Exception):
    """The faults of a load in order of place. `objects` are those documents that are right."""

    def __init__(self, errors: Sequence[ManifestError], objects: Sequence[ManifestObject]) -> None:
        super().__init__("\n".join(str(error) for error in errors))
        self.errors = tuple(errors)
        self.objects = list(objects)
