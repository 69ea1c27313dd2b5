"""Errors of the OTLP room.

    ValueError
    ├── MalformedPayload    bytes that are no ExportMetricsServiceRequest
    └── QueryError          a signal query that does not parse

(`phoenix.otlp.prometheus.UntranslatableName` is a ValueError too.)
"""

from __future__ import annotations


class MalformedPayload(ValueError):
    """The bytes are not a protobuf ExportMetricsServiceRequest; nothing of the payload was counted."""


class QueryError(ValueError):
    """A signal query that does not parse or asks for what signals cannot do. The message points at the place."""
