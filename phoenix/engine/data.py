"""What travels through a pipeline: a metrics request that is decoded only by those who need to look inside.

A pass-through pipeline forwards the very bytes it received; a processor that changes data decodes once, and whoever
sends encodes once.
"""

from __future__ import annotations

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

from phoenix.engine.errors import BadData
from phoenix.engine.plan.shape import Shape


def points_of(metric: Metric) -> int:
    """Data points of one metric, 0 if it has no data."""
    kind = metric.WhichOneof("data")
    return len(getattr(metric, kind).data_points) if kind else 0


def _points_of_request(request: ExportMetricsServiceRequest) -> int:
    return sum(
        points_of(metric)
        for resource in request.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    )


def _decoded(data: bytes) -> ExportMetricsServiceRequest:
    try:
        request: ExportMetricsServiceRequest = ExportMetricsServiceRequest.FromString(data)
    except DecodeError as error:
        msg = f"the request is no ExportMetricsServiceRequest: {error}"
        raise BadData(msg) from error
    return request


class Metrics:
    """One metrics request, as bytes, as a decoded message, or as both.

    Callers must: call `mutable()` before they change the message, and only if they own the value (a consumer whose
    `mutates` is true is given a value of its own).
    """

    __slots__ = ("_data", "_message", "_points", "shape")

    def __init__(
        self,
        data: bytes | None,
        message: ExportMetricsServiceRequest | None,
        points: int | None = None,
        shape: Shape | None = None,
    ) -> None:
        self._data = data
        self._message = message
        self._points = points
        self.shape = shape
        """the shape of its bytes, where that is known already"""

    @classmethod
    def received(cls, data: bytes, shape: Shape | None = None) -> Metrics:
        """Take bytes from the wire and count their points.

        They are decoded for that, and to refuse what does not decode, even where nobody later looks inside; not kept
        decoded, which takes several times the memory.

        Args:
            data: the request.
            shape: its shape, if other requests of it have been received: they decode, and it tells the points.

        Raises:
            BadData: it is no metrics request.
        """
        return cls(data, None, shape.points if shape else _points_of_request(_decoded(data)), shape)

    @classmethod
    def of(cls, message: ExportMetricsServiceRequest) -> Metrics:
        """Wrap a message, which then belongs to this value."""
        return cls(None, message)

    @classmethod
    def joined(cls, parts: list[Metrics]) -> Metrics:
        """One request with the resources of all parts in order: their bytes laid end to end."""
        return cls(b"".join([part.encoded() for part in parts]), None, sum(part.points for part in parts))

    @property
    def points(self) -> int:
        """Number of data points."""
        if self._points is None:
            self._points = _points_of_request(self.message())
        return self._points

    def undecoded(self) -> bytes | None:
        """The request as bytes, if nobody has decoded it yet."""
        return self._data if self._message is None else None

    def encoded(self) -> bytes:
        """The request as bytes; what was not changed is not encoded again."""
        if self._data is None:
            self._data = self.message().SerializeToString()
        return self._data

    def message(self) -> ExportMetricsServiceRequest:
        """The decoded request, for reading.

        Raises:
            BadData: the bytes do not decode.
        """
        if self._message is None:
            self._message = _decoded(self._data or b"")
        return self._message

    def mutable(self) -> ExportMetricsServiceRequest:
        """The decoded request, for changing in place: bytes and count are forgotten.

        Raises:
            BadData: the bytes do not decode.
        """
        message = self.message()
        self._data = None
        self._points = None
        self.shape = None
        return message

    def own(self) -> Metrics:
        """A value with the same content that shares nothing changeable with this one."""
        return Metrics(self.encoded(), None, self._points, self.shape)
