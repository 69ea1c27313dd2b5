"""OTLP/JSON bodies as the protobuf requests they stand for."""

from __future__ import annotations

from phoenix.engine.errors import BadData
from phoenix.otlp import jsonform

JSON = "application/json"


def from_json(body: bytes) -> bytes:
    """The request behind a JSON body, as protobuf; fields nobody knows are left out.

    Raises:
        BadData: it is no metrics request.
    """
    try:
        return bytes(jsonform.from_json(body).SerializeToString())
    except ValueError as error:
        raise BadData(f"the body is no OTLP/JSON metrics request: {error}") from error
