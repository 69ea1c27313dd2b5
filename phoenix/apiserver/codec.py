"""JSON in and out: bounded in depth, errors with their place."""

from __future__ import annotations

import itertools
from typing import Any

import orjson

from phoenix.apimachinery.errors import BadRequest

MAX_DEPTH = 100
"""Nesting a body may have; deeper ones could be read but not written again."""

_NOT_OPENING = bytes(byte for byte in range(256) if byte not in b"{[")


def decode_json(body: bytes) -> Any:
    """A body as JSON.

    Raises:
        BadRequest: it is empty, no JSON (with line and column), or nested too deeply.
    """
    if not body:
        msg = "the request has no body: send a JSON object"
        raise BadRequest(msg)
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        msg = f"the body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}"
        raise BadRequest(msg) from error
    return check_depth(value) if len(body.translate(None, _NOT_OPENING)) > MAX_DEPTH else value


def check_depth(value: Any) -> Any:
    """The value, unless it is nested more than MAX_DEPTH levels deep. Raises BadRequest."""
    if _depth(value) > MAX_DEPTH:
        msg = f"the object is nested more than {MAX_DEPTH} levels deep"
        raise BadRequest(msg)
    return value


def decode_object(body: bytes) -> dict[str, Any]:
    """A body that must be a JSON object. Raises BadRequest."""
    value = decode_json(body)
    if not isinstance(value, dict):
        msg = f"the body must be a JSON object, not {_json_type(value)}"
        raise BadRequest(msg)
    return value


def encode_json(value: Any) -> bytes:
    """JSON bytes, compact, keys in the order given."""
    return orjson.dumps(value)


def with_resource_version(wire: dict[str, Any], revision: int) -> bytes:
    """An object's bytes as of a revision; sets metadata.resourceVersion in `wire`."""
    wire["metadata"]["resourceVersion"] = str(revision)
    return orjson.dumps(wire)


def _depth(value: Any) -> int:
    level, depth = [value], 0
    while level and depth <= MAX_DEPTH:
        level = list(itertools.chain.from_iterable(_children(item) for item in level))
        depth += 1
    return depth


def _children(value: Any) -> Any:
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


def _json_type(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case str():
            return "a string"
        case list():
            return "a list"
        case _:
            return "a number"
