"""Errors of load models."""

from __future__ import annotations

from collections.abc import Sequence


class LoadModelError(ValueError):
    """The load cannot be as asked; `faults` has a line each: what, where, what to do."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = tuple(faults)
