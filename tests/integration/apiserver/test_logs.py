"""The log subresource: text as it is written, errors as a Status, and no stream that outlives the server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import aiohttp
import orjson

from phoenix.apiserver.server import ApiServer, ServerConfig

METERS = "/apis/phoenix.io/v1alpha1/namespaces/default/meters"
METER = {
    "apiVersion": "phoenix.io/v1alpha1",
    "kind": "Meter",
    "metadata": {"name": "m"},
    "spec": {"host": "vm", "variants": ["baseline"]},
}


class Written:
    """A source with one log; `more` is what is written later."""

    def __init__(self) -> None:
        self.uid = ""
        self.more: asyncio.Queue[str] = asyncio.Queue()
        self.closed = 0

    def lines(self, uid: str, *, tail_lines: int, follow: bool) -> AsyncGenerator[str, None] | None:
        return self._lines(tail_lines, follow) if uid == self.uid else None

    async def _lines(self, tail_lines: int, follow: bool) -> AsyncGenerator[str, None]:
        try:
            for line in ["one", "zwei → drei"][-tail_lines:]:
                yield line
            while follow:
                yield await self.more.get()
        finally:
            self.closed += 1


async def ask(server: ApiServer, session: aiohttp.ClientSession, path: str, **body: Any) -> aiohttp.ClientResponse:
    headers = {"Authorization": f"Bearer {server.token}", "Content-Type": "application/json"}
    method = "POST" if body else "GET"
    return await session.request(method, server.url + path, headers=headers, data=orjson.dumps(body) if body else None)


async def test_a_log_is_text_and_follows_until_the_server_stops(tmp_path: Path) -> None:
    source = Written()
    server = ApiServer(ServerConfig(state=tmp_path, port=0, tls=False), logs=source)
    await server.start()
    async with asyncio.timeout(40), aiohttp.ClientSession() as session:
        made = await (await ask(server, session, METERS, **METER)).json()
        missing = await ask(server, session, f"{METERS}/m/log")
        assert (missing.status, (await missing.json())["reason"]) == (404, "NotFound")
        source.uid = made["metadata"]["uid"]
        whole = await ask(server, session, f"{METERS}/m/log")
        assert whole.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert await whole.text() == "one\nzwei → drei\n"
        assert await (await ask(server, session, f"{METERS}/m/log?tailLines=1")).text() == "zwei → drei\n"
        assert (await ask(server, session, f"{METERS}/m/log?tailLines=x")).status == 400
        assert (await ask(server, session, f"{METERS}/none/log")).status == 404
        assert (await ask(server, session, METERS.replace("meters", "experiments") + "/m/log")).status == 404
        following = await ask(server, session, f"{METERS}/m/log?follow=true&tailLines=1")
        assert await following.content.readline() == "zwei → drei\n".encode()
        source.more.put_nowait("later")
        assert await following.content.readline() == b"later\n"
        began = asyncio.get_running_loop().time()
        await server.stop()
        assert asyncio.get_running_loop().time() - began < 3
        assert await following.content.read() == b""
    assert source.closed == 3


async def test_a_server_without_logs_says_so(tmp_path: Path) -> None:
    async with ApiServer(ServerConfig(state=tmp_path, port=0, tls=False)) as server, aiohttp.ClientSession() as session:
        await ask(server, session, METERS, **METER)
        answer = await ask(server, session, f"{METERS}/m/log")
        assert (answer.status, (await answer.json())["reason"]) == (501, "NotImplemented")
