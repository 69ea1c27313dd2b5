"""Runs scenarios against one server and writes down what it answers."""

from __future__ import annotations

import asyncio
import io
import json
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import aiohttp
from jsonpath_ng.ext.parser import parse as jsonpath
from yarl import URL

from conformance.normal import Names, event, headers, shared, untimely
from conformance.steps import Events, Request, Scenario, Watch, resolve

_DEADLINE_S = 10.0
_AT_ONCE = 6

Answer = dict[str, Any]
"""One answer as it is kept, of plain JSON values: `step`, and `code`, `headers`, `body`, or `events`, or `failed`."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A server to ask, as its administrator."""

    url: str
    token: str
    tls: ssl.SSLContext | None
    version: str = ""


async def run_all(endpoint: Endpoint, scenarios: Iterable[Scenario]) -> dict[str, list[Answer]]:
    """Answers of every scenario by its name; scenarios run some at a time, each in a namespace of its own.

    A step that cannot be done, or has no end, is an answer as well: `failed` says why.

    Raises:
        aiohttp.ClientError: the server cannot be spoken to.
    """
    gate = asyncio.Semaphore(_AT_ONCE)
    found: dict[str, list[Answer]] = {}

    async def one(scenario: Scenario, session: aiohttp.ClientSession) -> None:
        async with gate:
            found[scenario.name] = await _Run(endpoint, session, scenario).answers()

    async with aiohttp.ClientSession(auto_decompress=True) as session, asyncio.TaskGroup() as tasks:
        for scenario in scenarios:
            tasks.create_task(one(scenario, session))
    return dict(sorted(found.items()))


def _said(step: Request | Watch | Events) -> str:
    """A step in a few words, as pages name it."""
    match step:
        case Request(method=method, path=path):
            return f"{method} {path}"
        case Watch(path=path):
            return f"WATCH {path}"
        case Events(count=count):
            return f"{count} events"


class _Run:
    """One scenario under way."""

    def __init__(self, endpoint: Endpoint, session: aiohttp.ClientSession, scenario: Scenario) -> None:
        self._endpoint, self._session, self._scenario = endpoint, session, scenario
        self._names = Names()
        self._saved: dict[str, Any] = {}
        self._watches: dict[str, aiohttp.ClientResponse] = {}

    async def answers(self) -> list[Answer]:
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self._scenario.namespace}}
        made = await self._send(Request(method="POST", path="/api/v1/namespaces", body=namespace))
        made.release()
        found: list[Answer] = []
        try:
            for step in self._scenario.steps:
                try:
                    found.append(await self._answer(step))
                except TimeoutError:
                    found.append({"step": _said(step), "failed": f"no end within {_DEADLINE_S:g} s"})
                except (LookupError, ValueError) as error:
                    found.append({"step": _said(step), "failed": f"an earlier answer lacks {error}"})
        finally:
            for watch in self._watches.values():
                watch.close()
        return found

    async def _answer(self, step: Request | Watch | Events) -> Answer:
        if isinstance(step, Events):
            return {"step": _said(step), "events": [self._event(line) for line in await self._lines(step)]}
        if isinstance(step, Watch):
            request = Request(method="GET", path=step.path, content_type=None, accept=step.accept)
            response = self._watches[step.name] = await self._send(request)
            opened: Answer = {"step": _said(step), "code": response.status, "headers": headers(response.headers)}
            if response.status != 200:
                opened["body"] = self._names.body(json.loads(await response.text()))
            return opened
        async with asyncio.timeout(_DEADLINE_S):
            response = await self._send(step)
            async with response:
                text = (await response.read()).decode(errors="replace")
        return {
            "step": _said(step),
            "code": response.status,
            "headers": headers(response.headers),
            "body": self._body(step, response.status, text, response.headers.get("Content-Type", "")),
        }

    async def _lines(self, step: Events) -> list[bytes]:
        lines: list[bytes] = []
        async with asyncio.timeout(_DEADLINE_S):
            while len(lines) < step.count and (line := await self._watches[step.name].content.readline()):
                if not untimely(json.loads(line)):
                    lines.append(line)
        return lines

    def _event(self, line: bytes) -> Any:
        return self._names.body(event(json.loads(line)))

    def _body(self, step: Request, code: int, text: str, content_type: str) -> Any:
        if "protobuf" in content_type:
            return "<protobuf>"
        if not text or "json" not in content_type:
            return self._names.text(text)
        if "watch=" in step.path and code == 200:
            return [self._event(line.encode()) for line in text.splitlines() if not untimely(json.loads(line))]
        try:
            value = json.loads(text)
        except ValueError:
            return self._names.text(text)
        if step.save:
            self._saved[step.save] = value
        if step.pick:
            value = {
                name: [match.value for match in jsonpath(path).find(shared(value))] for name, path in step.pick.items()
            }
        return self._names.body(value)

    async def _send(self, request: Request) -> aiohttp.ClientResponse:
        def filled(value: Any) -> Any:
            return resolve(value, self._scenario.namespace, self._saved)

        body = filled(request.body)
        self._names.sent(body)
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        sent = {"Accept": request.accept, "Authorization": f"Bearer {self._endpoint.token}", **request.headers}
        if request.content_type is not None:
            sent["Content-Type"] = request.content_type
        return await self._session.request(
            request.method,
            URL(self._endpoint.url + filled(request.path), encoded=True),
            data=io.BytesIO(data) if data is not None else None,
            headers={name: value for name, value in sent.items() if value},
            skip_auto_headers=["Content-Type", "User-Agent"],
            ssl=self._endpoint.tls or True,
            allow_redirects=False,
        )
