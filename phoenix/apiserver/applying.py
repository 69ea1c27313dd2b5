"""Bodies of server-side apply: a configuration in JSON or YAML, checked before anything is laid over anything."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import orjson
from aiohttp import web

from phoenix.apimachinery.errors import BadRequest
from phoenix.apiserver.codec import check_depth, decode_object
from phoenix.apiserver.owners import check_config
from phoenix.apiserver.strategy import Wire
from phoenix.apiserver.target import Target
from phoenix.manifest.document import parse_document

APPLY_PATCH: Final = "application/apply-patch+yaml"


async def read_config(request: web.BaseRequest, target: Target) -> Wire:
    """The configuration a request applies, without its nulls (absent means the same). Raises BadRequest."""
    body = await request.read()
    config = _json_object(body)
    if config is None:
        config = await asyncio.to_thread(_yaml_object, body)
    config = {key: _without_nulls(child) for key, child in config.items() if child is not None}
    check_config(target, config)
    return config


def _json_object(body: bytes) -> Wire | None:
    """None: it is no JSON, and so may be YAML. Raises BadRequest."""
    try:
        orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    config: Wire = decode_object(body)
    return config


def _yaml_object(body: bytes) -> Wire:
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise BadRequest(f"error decoding YAML: the body is not UTF-8: {error}") from error
    document, faults = parse_document(text, "body", 1)
    if faults:
        raise BadRequest("error decoding YAML: " + "; ".join(str(fault) for fault in faults))
    if document is None or not isinstance(document.value, dict):
        raise BadRequest("the body of an apply must be an object, in JSON or YAML")
    value: Wire = check_depth(document.value)
    return value


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(child) for key, child in value.items() if child is not None}
    if isinstance(value, list):
        return [_without_nulls(child) for child in value]
    return value
