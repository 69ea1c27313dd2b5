"""Processors that change resources alone: done to the bytes of each resource, once for each; its points are not read.

What is inside scopes passes as it came, as it does in a pipeline without processors: receivers have refused what does
not decode.
"""

from __future__ import annotations

from collections.abc import Callable

from google.protobuf.message import DecodeError
from opentelemetry.proto.metrics.v1.metrics_pb2 import ResourceMetrics

from phoenix.engine.component import Step, Work
from phoenix.engine.data import Metrics
from phoenix.otlp.encode import varint
from phoenix.otlp.errors import MalformedPayload
from phoenix.otlp.walk import Irregular, leading, messages

_RESOURCE, _SCOPES, _SCHEMA_URL = 0x0A, 0x12, 0x1A
_MAX_KNOWN = 16_384
"""Resources kept, of about 1 KB each; beyond that all are forgotten."""


class ByResource:
    """One change to every resource.

    Args:
        change: changes the resource of what it is given by what that is, and nothing else of it.
    """

    def __init__(self, change: Callable[[ResourceMetrics], None]) -> None:
        self._change = change
        self._known: dict[bytes, bytes] = {}
        """by a resource as it is encoded: as it leaves"""

    def work(self) -> Work:
        """As what a processor does."""
        return Work(self.run, by_identity=True, steps=(Step("points", self.run),), of_resources=True)

    def run(self, metrics: Metrics) -> Metrics:
        """Change all resources of a request.

        Raises:
            BadData: it does not decode.
        """
        data = metrics.undecoded()
        changed = None if data is None else self._changed(data)
        if changed is not None:
            return Metrics(changed, None, metrics.points)
        for resource in metrics.mutable().resource_metrics:
            self._change(resource)
        return metrics

    def _changed(self, data: bytes) -> bytes | None:
        """The request as it leaves; None: it is laid out unusually, or broken."""
        parts: list[bytes | memoryview] = []
        view = memoryview(data)
        try:
            for start, end in messages(data, 0, len(data), _RESOURCE):
                _, stop = leading(data, start, end)
                for _ in messages(data, stop, end, _SCOPES, last=_SCHEMA_URL):
                    pass  # nothing but scopes: no second resource, which would be merged with the first
                made = self._known.get(data[start:stop]) or self._made(data[start:stop])
                parts += (b"\x0a", varint(len(made) + end - stop), made, view[stop:end])
        except (Irregular, MalformedPayload, DecodeError, IndexError, UnicodeDecodeError):
            return None
        return b"".join(parts)

    def _made(self, encoded: bytes) -> bytes:
        message = ResourceMetrics.FromString(encoded)
        self._change(message)
        if len(self._known) >= _MAX_KNOWN:
            self._known.clear()
        made: bytes = message.SerializeToString()
        self._known[encoded] = made
        return made
