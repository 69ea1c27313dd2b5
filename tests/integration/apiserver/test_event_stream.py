"""Watches as server-sent events: what a browser's EventSource gets, and how it goes on after a break."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import aiohttp

from phoenix.apiserver.server import ApiServer, ServerConfig
from tests.integration.apiserver.conftest import EXPERIMENTS, Http, experiment
from tests.integration.apiserver.test_expired import forgetful

__all__ = ["forgetful"]


class EventSource:
    """Reads an event stream as the standard says: fields, a blank line, comments; keeps the last id."""

    def __init__(self, http: Http, path: str) -> None:
        self.http, self.path, self.last_id = http, path, ""
        self.response: aiohttp.ClientResponse | None = None
        self.comments = 0

    async def open(self, query: str = "") -> EventSource:
        headers = {"Authorization": f"Bearer {self.http.server.token}", "Accept": "text/event-stream"}
        if self.last_id:
            headers["Last-Event-ID"] = self.last_id
        self.response = await self.http.session.get(f"{self.http.server.url}{self.path}{query}", headers=headers)
        assert self.response.status == 200, await self.response.text()
        assert self.response.headers["Content-Type"] == "text/event-stream"
        return self

    async def next(self) -> dict[str, Any] | None:
        """The next event's data; None at the end."""
        assert self.response is not None
        data = ""
        async with asyncio.timeout(40):
            while line := (await self.response.content.readline()).decode():
                name, _, value = line.rstrip("\n").partition(":")
                value = value.removeprefix(" ")
                if line == "\n" and data:
                    return dict(json.loads(data))
                if name == "data":
                    data += value
                elif name == "id":
                    self.last_id = value
                elif line.startswith(":"):
                    self.comments += 1
        return None

    async def take(self) -> tuple[str, str]:
        event = await self.next()
        assert event is not None
        return event["type"], event["object"]["metadata"].get("name", "")

    def close(self) -> None:
        assert self.response is not None
        self.response.close()


async def test_present_objects_then_a_bookmark_then_changes_each_with_its_version(http: Http) -> None:
    await http("POST", EXPERIMENTS, experiment("a"))
    source = await EventSource(http, EXPERIMENTS).open()
    assert await source.take() == ("ADDED", "a")
    assert source.last_id == ""  # in the middle of the list there is nothing to go on from
    end = await source.next()
    assert end is not None
    assert end["type"] == "BOOKMARK"
    assert source.last_id == end["object"]["metadata"]["resourceVersion"]
    made = await http("POST", EXPERIMENTS, experiment("b"))
    assert await source.next() == {"type": "ADDED", "object": made.body}
    assert source.last_id == made.body["metadata"]["resourceVersion"]
    source.close()


async def test_a_client_that_comes_back_gets_what_it_missed_and_nothing_else(http: Http) -> None:
    source = await EventSource(http, EXPERIMENTS).open(
        "?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan"
    )
    await source.next()
    await http("POST", EXPERIMENTS, experiment("a"))
    assert await source.take() == ("ADDED", "a")
    source.close()
    await http("DELETE", f"{EXPERIMENTS}/a")
    await http("POST", EXPERIMENTS, experiment("b"))
    await source.open("?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan")
    assert [await source.take(), await source.take()] == [("DELETED", "a"), ("ADDED", "b")]
    source.close()


async def test_a_version_no_longer_kept_is_an_error_that_makes_the_client_begin_anew(forgetful: Http) -> None:
    source = EventSource(forgetful, "/api/v1/namespaces")
    source.last_id = "1"
    await source.open()
    event = await source.next()
    assert event is not None
    assert (event["type"], event["object"]["code"]) == ("ERROR", 410)
    assert source.last_id == ""
    assert await source.next() is None
    await source.open()
    assert (await source.take())[0] == "ADDED"
    source.close()


async def test_one_object_and_a_selection(http: Http) -> None:
    for name in "ab":
        await http("POST", EXPERIMENTS, experiment(name, labels={"app": name}))
    one = await EventSource(http, f"{EXPERIMENTS}/b").open()
    some = await EventSource(http, EXPERIMENTS).open("?labelSelector=app%3Db&timeoutSeconds=1")
    for source in (one, some):
        assert await source.take() == ("ADDED", "b")
        assert (await source.take())[0] == "BOOKMARK"
    assert (await some.take())[0] == "BOOKMARK"
    assert await some.next() is None
    one.close()


async def test_a_quiet_stream_has_heartbeats(tmp_path: Path) -> None:
    config = ServerConfig(state=tmp_path, port=0, tls=False)
    async with ApiServer(config) as server, aiohttp.ClientSession() as session:
        server.app.fanout.beat_every(0.05)
        source = await EventSource(Http(server, session, None), EXPERIMENTS).open("?timeoutSeconds=1")
        while await source.next() is not None:
            pass
        assert source.comments > 3


async def test_rubbish_is_refused_before_anything_is_sent(http: Http) -> None:
    for path, headers in ((f"{EXPERIMENTS}?resourceVersion=x", {}), (EXPERIMENTS, {"Last_Event_ID": "x"})):
        answer = await http("GET", path, Accept="text/event-stream", **headers)
        assert (answer.code, answer.body["reason"]) == (400, "BadRequest")
    json_first = await http("GET", EXPERIMENTS, Accept="application/json, text/event-stream")
    assert json_first.body["kind"] == "ExperimentList"
