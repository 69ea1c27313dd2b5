"""A real server on a free port with a real SQLite file, and a small client that speaks plain HTTP."""

from __future__ import annotations

import asyncio
import io
import json
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from phoenix.apiserver.server import ApiServer, ServerConfig

GROUP_PATH = "/apis/phoenix.io/v1alpha1"
EXPERIMENTS = f"{GROUP_PATH}/namespaces/default/experiments"
DEADLINE_S = 10.0


@dataclass(frozen=True)
class Answer:
    """Code, headers and decoded body."""

    code: int
    headers: Any
    body: Any


class Http:
    """Requests with the token; bodies are JSON."""

    def __init__(self, server: ApiServer, session: aiohttp.ClientSession, tls: ssl.SSLContext | None) -> None:
        self.server, self.session, self.tls = server, session, tls

    async def __call__(
        self, method: str, path: str, body: Any = None, *, content_type: str = "application/json", **headers: str
    ) -> Answer:
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        sent_data = io.BytesIO(data) if data is not None else None
        sent = {"Authorization": f"Bearer {self.server.token}", **{k.replace("_", "-"): v for k, v in headers.items()}}
        if data is not None:
            sent["Content-Type"] = content_type
        async with (
            asyncio.timeout(DEADLINE_S),
            self.session.request(
                method, self.server.url + path, data=sent_data, headers=sent, ssl=self.tls or True
            ) as got,
        ):
            text = await got.text()
            is_json = "json" in got.headers.get("Content-Type", "") and method != "HEAD"
            return Answer(got.status, got.headers, json.loads(text) if is_json else text)

    async def watch(self, path: str) -> Watch:
        headers = {"Authorization": f"Bearer {self.server.token}"}
        mark = "&" if "?" in path else "?"
        got = await self.session.get(f"{self.server.url}{path}{mark}watch=true", headers=headers, ssl=self.tls or True)
        assert got.status == 200, await got.text()
        return Watch(got)


class Watch:
    """Events of one chunked watch."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.response = response

    async def next(self, deadline_s: float = DEADLINE_S) -> dict[str, Any] | None:
        """The next event, None at the end of the stream."""
        async with asyncio.timeout(deadline_s):
            line = await self.response.content.readline()
        return json.loads(line) if line else None

    async def take(self, count: int) -> list[tuple[str, str]]:
        """(type, name) of the next events."""
        events = [await self.next() for _ in range(count)]
        return [(event["type"], event["object"]["metadata"].get("name", "")) for event in events if event]

    def close(self) -> None:
        self.response.close()


def experiment(name: str = "", **metadata: Any) -> dict[str, Any]:
    """A valid experiment."""
    return {
        "apiVersion": "phoenix.io/v1alpha1",
        "kind": "Experiment",
        "metadata": ({"name": name} if name else {}) | metadata,
        "spec": {
            "source": {"load": {"profileRef": {"name": "realistic"}, "seed": 7}},
            "variants": [
                {"name": "baseline", "role": "Baseline", "pipeline": {"templateRef": {"name": "baseline"}}},
                {"name": "candidate", "role": "Candidate", "pipeline": {"templateRef": {"name": "http-lean"}}},
            ],
            "timing": {"duration": "12s"},
        },
    }


async def eventually(holds: Callable[[], bool], deadline_s: float = DEADLINE_S) -> None:
    """Wait until something holds. Raises TimeoutError."""
    async with asyncio.timeout(deadline_s):
        while not holds():  # noqa: ASYNC110  # what is waited for is another program's state
            await asyncio.sleep(0.01)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[ApiServer]:
    async with ApiServer(ServerConfig(state=tmp_path / "state", port=0, tls=False)) as running:
        yield running


@pytest.fixture
async def http(server: ApiServer) -> AsyncIterator[Http]:
    async with aiohttp.ClientSession() as session:
        yield Http(server, session, None)
