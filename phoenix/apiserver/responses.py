"""Answers: JSON bytes with the headers Kubernetes clients expect, and every error as a Status."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl

import orjson
from aiohttp import web

from phoenix.apimachinery.errors import ApiError
from phoenix.apiserver.codec import encode_json
from phoenix.apiserver.target import Target

_JSON = "application/json"
_PRIVATE = {"Cache-Control": "no-cache, private"}  # what one user may see is no other's, and soon stale
_WARNING_LIMIT_CHARS = 4096


def json_response(
    body: bytes, *, status: int = 200, warnings: Iterable[str] = (), content_type: str = _JSON
) -> web.Response:
    """Encoded JSON as an answer. `warnings` become Warning headers, which kubectl prints."""
    response = web.Response(body=body, status=status, headers={"Content-Type": content_type, **_PRIVATE})
    room = _WARNING_LIMIT_CHARS
    for warning in warnings:
        # ASCII without line ends: a header must not be split by what a client named its fields.
        text = warning.encode("ascii", "backslashreplace").decode().replace("\\", "\\\\").replace('"', '\\"')
        text = "".join(char if char.isprintable() else " " for char in text)
        room -= len(text)
        if room < 0:
            break
        response.headers.add("Warning", f'299 - "{text}"')
    return response


async def indented(response: web.StreamResponse, query: str) -> None:
    """Set an answer's JSON out in lines where the query has `pretty`, as curl's users like it."""
    wanted = dict(parse_qsl(query)).get("pretty", "").lower()
    if wanted not in ("true", "1", "t") or not isinstance(response, web.Response):
        return
    if isinstance(response.body, bytes) and response.headers["Content-Type"].startswith(_JSON):
        # In a thread: a long list takes longer than others should wait.
        response.body = await asyncio.to_thread(_indent, response.body)


def _indent(body: bytes) -> bytes:
    return orjson.dumps(orjson.loads(body), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def object_response(value: Any, *, status: int = 200) -> web.Response:
    """A value as JSON."""
    return json_response(encode_json(value), status=status)


def error_response(error: ApiError) -> web.Response:
    """An error as a Status, with Retry-After and WWW-Authenticate where they belong."""
    response = json_response(encode_json(error.to_status()), status=error.code)
    if error.retry_after_s is not None:
        response.headers["Retry-After"] = str(error.retry_after_s)
    if error.code == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="phoenix"'
    return response


def deleted_status(target: Target, uid: str) -> dict[str, Any]:
    """The Status that says an object is gone."""
    info = target.kind.info
    details = {"name": target.name, "group": info.group, "kind": info.plural, "uid": uid}
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "details": {key: value for key, value in details.items() if value},
    }
