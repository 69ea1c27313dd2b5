"""Tests that may be skipped: those `skips.txt` names, one a line, as `NODEID  # why`."""

from __future__ import annotations

from pathlib import Path

SKIPS = Path(__file__).with_name("skips.txt")


def reviewed_skips() -> frozenset[str]:
    """Node ids that may be skipped; any other skip fails the run."""
    lines = (line.split("#", 1)[0].strip() for line in SKIPS.read_text(encoding="utf-8").splitlines())
    return frozenset(line for line in lines if line)
