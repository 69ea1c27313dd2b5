"""Errors of this room.

FieldManagersError
├── InvalidFields    a field set on the wire is none
├── InvalidEntry     an entry of metadata.managedFields will not do
├── IllTyped         an applied configuration does not fit the kind's schema
└── ApplyConflict    it would change what other managers own
"""

from __future__ import annotations

from dataclasses import dataclass


class FieldManagersError(Exception):
    """Anything this room refuses."""


class InvalidFields(FieldManagersError):
    """A `fieldsV1` that cannot be read."""


class InvalidEntry(FieldManagersError):
    """An entry of `managedFields` that will not do."""


class IllTyped(FieldManagersError):
    """A value that a field set cannot be taken of; `path` is where, such as `.spec.variants`."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"{path}: {problem}" if path else problem)
        self.path, self.problem = path, problem


@dataclass(frozen=True, slots=True)
class FieldConflict:
    """One field somebody else owns: `owner` as messages name it (`"kubectl" using G/V`), `path` as `.spec.x`."""

    owner: str
    path: str


class ApplyConflict(FieldManagersError):
    """The configuration would change fields of other managers, in the order of their names."""

    def __init__(self, conflicts: tuple[FieldConflict, ...]) -> None:
        self.conflicts = conflicts
        super().__init__(_message(conflicts))


def _message(conflicts: tuple[FieldConflict, ...]) -> str:
    """What kubectl shows and scripts match: the words are kube-apiserver's."""
    if len(conflicts) == 1:
        return f"Apply failed with 1 conflict: conflict with {conflicts[0].owner}: {conflicts[0].path}"
    lines: list[str] = []
    for owner in sorted({conflict.owner for conflict in conflicts}):
        lines.append(f"conflicts with {owner}:")
        lines += [f"- {conflict.path}" for conflict in conflicts if conflict.owner == owner]
    return f"Apply failed with {len(conflicts)} conflicts: " + "\n".join(lines)
