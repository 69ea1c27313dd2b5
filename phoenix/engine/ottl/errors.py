"""Errors of OTTL: `OttlSyntaxError` when a statement is read, `OttlError` when it runs on one item."""

from __future__ import annotations


class OttlSyntaxError(ValueError):
    """A statement that cannot be compiled; the message has line:column where that is known."""


class OttlError(Exception):
    """A statement that failed on one item; error_mode decides what follows."""
