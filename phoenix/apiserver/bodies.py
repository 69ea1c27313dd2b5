"""Request bodies by their content type: JSON as nearly everyone sends it, Kubernetes' protobuf as kubectl may, YAML."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web

from phoenix.apimachinery.errors import BadRequest, UnsupportedMediaType
from phoenix.apiserver import protobuf
from phoenix.apiserver.codec import check_depth, decode_object
from phoenix.manifest.document import parse_document

_JSON = "application/json"
_YAML = "application/yaml"
NOT_JSON = (_YAML, protobuf.CONTENT_TYPE)
"""Content types of bodies that are objects and no JSON."""


async def read_object(request: web.BaseRequest) -> dict[str, Any]:
    """The object in a request. Raises BadRequest (it cannot be read), UnsupportedMediaType."""
    # First of all what is nearly always so; typed clients send no Content-Type with JSON.
    if request.content_type == _JSON or "Content-Type" not in request.headers:
        return decode_object(await request.read())
    if request.content_type == protobuf.CONTENT_TYPE:
        return protobuf.decode_protobuf(await request.read())
    if request.content_type == _YAML:
        return await asyncio.to_thread(decode_yaml, await request.read())
    raise unsupported(request.content_type, [_JSON, _YAML, protobuf.CONTENT_TYPE])


async def read_options(request: web.BaseRequest) -> dict[str, Any] | None:
    """The DeleteOptions in a request, None where it has no body. Raises BadRequest."""
    body = await request.read()
    if not body:
        return None
    return protobuf.decode_protobuf(body) if request.content_type == protobuf.CONTENT_TYPE else decode_object(body)


def decode_yaml(body: bytes) -> dict[str, Any]:
    """One YAML document that is an object; it takes long enough for a thread. Raises BadRequest, with the lines."""
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise BadRequest(f"error decoding YAML: the body is not UTF-8: {error}") from error
    document, faults = parse_document(text, "body", 1)
    if faults:
        raise BadRequest("error decoding YAML: " + "; ".join(str(fault) for fault in faults))
    if document is None or not isinstance(document.value, dict):
        raise BadRequest("the body must be an object, in JSON or YAML")
    value: dict[str, Any] = check_depth(document.value)
    return value


def unsupported(given: str, accepted: list[str]) -> UnsupportedMediaType:
    """The answer to a body of another type."""
    msg = f"the body of the request was in an unknown format ({given}) - accepted media types include: "
    return UnsupportedMediaType(msg + ", ".join(accepted))
