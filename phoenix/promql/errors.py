"""What can be wrong with a query."""

from __future__ import annotations


class PromqlError(Exception):
    """The query cannot be read or has no answer; the message says what and where."""


class Unsupported(PromqlError):
    """The query is sound PromQL outside the built-in subset (docs/judging.md); a real Prometheus can answer it."""
