"""Bodies of server-side apply: a configuration in JSON or YAML, checked before anything is laid over anything."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import orjson
from aiohttp import web

from phoenix.apiserver.bodies import decode_yaml
from phoenix.apiserver.codec import decode_object
from phoenix.apiserver.owners import check_config
from phoenix.apiserver.strategy import Wire
from phoenix.apiserver.target import Target

APPLY_PATCH: Final = "application/apply-patch+yaml"


async def read_config(request: web.BaseRequest, target: Target) -> Wire:
    """The configuration a request applies, without its nulls (absent means the same). Raises BadRequest."""
    body = await request.read()
    config = _json_object(body)
    if config is None:
        config = await asyncio.to_thread(decode_yaml, body)
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


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(child) for key, child in value.items() if child is not None}
    if isinstance(value, list):
        return [_without_nulls(child) for child in value]
    return value
