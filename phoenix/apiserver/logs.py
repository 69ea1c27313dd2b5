"""The `log` subresource of process kinds: what a process wrote, as text, and with `follow=true` as it writes it.

The server has no logs itself: whoever composes it gives it a `LogSource`. Only processes of hosts that source knows can
be read here.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Protocol

import orjson
from aiohttp import web

from phoenix.apimachinery.errors import ApiError, BadRequest, NotFound
from phoenix.apiserver.options import read_query
from phoenix.apiserver.registry import Registry
from phoenix.apiserver.target import Target

DEFAULT_TAIL_LINES = 10_000


class NotImplementedHere(ApiError):
    """The route is there, but this server was composed without what it needs."""

    code, reason = 501, "NotImplemented"


class LogSource(Protocol):
    """Logs by the uid of their object."""

    def lines(self, uid: str, *, tail_lines: int, follow: bool) -> AsyncGenerator[str, None] | None:
        """The last lines, then with `follow` each as it is written, until the object is gone. None: no log here."""
        ...


class LogEndpoint:
    """GET …/KIND/NAME/log?follow=true&tailLines=100 → text/plain, chunked."""

    def __init__(self, registry: Registry, source: LogSource | None) -> None:
        self._registry = registry
        self._source = source
        self._ending = asyncio.Event()

    def end(self) -> None:
        """End every stream; the server is stopping."""
        self._ending.set()

    async def get(self, request: web.BaseRequest, target: Target) -> web.StreamResponse:
        """Stream the log.

        Raises (before anything is sent): NotFound, BadRequest, NotImplementedHere.
        Cancellation: when the client goes away.
        """
        query = read_query(request.rel_url.raw_query_string)
        follow, tail_lines = _flag(query.get("follow", "false")), _count(query.get("tailLines", ""))
        wire = orjson.loads(self._registry.live(target).value)
        uid, host = str(wire["metadata"]["uid"]), (wire.get("spec") or {}).get("host") or ""
        what, there = f"{target.kind.info.singular}/{target.name}", f"processes/{uid}/log in the agent's state folder"
        if self._source is None:
            where = f"{what} runs on host {host}: read {there} there" if host else f"{what} has no host yet"
            raise NotImplementedHere(f"this server keeps no logs; {where}")
        lines = self._source.lines(uid, tail_lines=tail_lines, follow=follow)
        if lines is None:
            where = f"it has not started, or host {host} is another machine: {there} there" if host else "no host yet"
            raise NotFound(f"{what} has no log here: {where}", name=target.name, kind=target.kind.info.plural)
        async with aclosing(lines):
            response = web.StreamResponse(headers={"Content-Type": "text/plain; charset=utf-8"})
            response.enable_chunked_encoding()
            await response.prepare(request)
            await self._send(response, lines)
        return response

    async def _send(self, response: web.StreamResponse, lines: AsyncGenerator[str, None]) -> None:
        async def send() -> None:
            async for line in lines:
                await response.write(line.encode() + b"\n")

        sending = asyncio.create_task(send(), name="apiserver-log")
        ending = asyncio.create_task(self._ending.wait(), name="apiserver-log-end")
        try:
            await asyncio.wait({sending, ending}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ending.cancel()
            sending.cancel()
            await asyncio.wait({sending, ending})
        if not sending.cancelled():
            sending.result()


def _flag(text: str) -> bool:
    if text.lower() not in ("true", "false", "1", "0", ""):
        raise BadRequest(f"follow {text!r} is not true or false")
    return text.lower() in ("true", "1", "")


def _count(text: str) -> int:
    if not text:
        return DEFAULT_TAIL_LINES
    if not (text.isascii() and text.isdigit()) or len(text) > 9:
        raise BadRequest(f"tailLines must be a whole number, not {text!r}")
    return int(text)
