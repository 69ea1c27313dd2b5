"""Where each field of a document was written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

Step = str | int
"""A key of a mapping or an index of a list."""


@dataclass(frozen=True, slots=True)
class Position:
    """A field's place (of its key, for what is in a mapping), from 1, and those of what is inside it."""

    line: int
    column: int
    children: dict[Step, Position] = field(default_factory=dict, repr=False)

    def find(self, path: str) -> Position:
        """The place of a path such as `spec.variants[0].name` or `metadata.labels[a.b/c]`.

        Where the path goes on into what is not written (a required field that is missing), the last place that is.
        """
        at = self
        for step in _steps(at, path):
            at = at.children[step]
        return at


def _steps(root: Position, path: str) -> Iterator[Step]:
    """The steps of a path as far as they are written.

    NB: keys may hold dots (`phoenix.io/run`) and are written both with and without brackets, so that only the keys
    that are there can tell where one ends: the longest that fits is taken.
    """
    at, rest = root, path
    while rest:
        rest = rest.removeprefix(".")
        step, length = _bracketed(at, rest) if rest.startswith("[") else _named(at, rest)
        if step is None:
            return
        yield step
        at, rest = at.children[step], rest[length:]


def _bracketed(at: Position, rest: str) -> tuple[Step | None, int]:
    end = rest.find("]")
    inside = rest[1:end].strip("\"'") if end > 0 else ""
    for step in (inside, int(inside) if inside.isdigit() else None):
        if step is not None and step in at.children:
            return step, end + 1
    return None, 0


def _named(at: Position, rest: str) -> tuple[Step | None, int]:
    best: str | None = None
    for step in at.children:
        if isinstance(step, str) and rest.startswith(step) and rest[len(step) : len(step) + 1] in ("", ".", "["):
            best = step if best is None or len(step) > len(best) else best
    return best, len(best or "")
