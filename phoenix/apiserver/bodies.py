"""Request bodies by their content type: JSON as nearly everyone sends it, Kubernetes' protobuf as kubectl may."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from phoenix.apimachinery.errors import UnsupportedMediaType
from phoenix.apiserver import protobuf
from phoenix.apiserver.codec import decode_object

_JSON = "application/json"


async def read_object(request: web.BaseRequest) -> dict[str, Any]:
    """The object in a request. Raises BadRequest (it cannot be read), UnsupportedMediaType."""
    # First of all what is nearly always so; typed clients send no Content-Type with JSON.
    if request.content_type == _JSON or "Content-Type" not in request.headers:
        return decode_object(await request.read())
    if request.content_type == protobuf.CONTENT_TYPE:
        return protobuf.decode_protobuf(await request.read())
    raise unsupported(request.content_type, [_JSON, protobuf.CONTENT_TYPE])


async def read_options(request: web.BaseRequest) -> dict[str, Any] | None:
    """The DeleteOptions in a request, None where it has no body. Raises BadRequest."""
    body = await request.read()
    if not body:
        return None
    return protobuf.decode_protobuf(body) if request.content_type == protobuf.CONTENT_TYPE else decode_object(body)


def unsupported(given: str, accepted: list[str]) -> UnsupportedMediaType:
    """The answer to a body of another type."""
    msg = f"the body of the request was in an unknown format ({given}) - accepted media types include: "
    return UnsupportedMediaType(msg + ", ".join(accepted))
