"""The client against a real server: verbs, errors, streams, restarts."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing

import orjson
import pytest
from aiohttp import web

from phoenix.api.host import Host, HostSpec
from phoenix.apimachinery.errors import (
    AlreadyExists,
    ApiError,
    Conflict,
    Expired,
    Invalid,
    NotFound,
    TooManyRequests,
    Unauthorized,
)
from phoenix.apimachinery.meta import ObjectMeta
from phoenix.client.config import ClientConfig
from phoenix.client.errors import Unavailable, Undecodable
from phoenix.client.http import HttpClient
from phoenix.client.ndjson import LineTooLong, lines
from phoenix.samples.model import ProcessSample, SampleKind
from tests.unit.runtime.miniapi import HOSTS, MiniApi, api_and_client, eventually, host, serve


async def test_typed_verbs_round_trip():
    async with api_and_client() as (_, client):
        made = await client.create(Host(metadata=ObjectMeta(name="a"), spec=HostSpec(unschedulable=True)))
        assert made.metadata.uid
        assert (await client.get(Host, "a")).spec.unschedulable is True
        made.spec.unschedulable = False
        changed = await client.update(made)
        patched = await client.patch(Host, "a", "", {"metadata": {"labels": {"x": "y"}}})
        assert patched.metadata.labels == {"x": "y"}
        listed = await client.list(Host)
        assert [obj.metadata.name for obj in listed.items] == ["a"]
        assert listed.resource_version == patched.metadata.resource_version
        with pytest.raises(Conflict):
            await client.update(changed)
        with pytest.raises(AlreadyExists):
            await client.create(Host(metadata=ObjectMeta(name="a")))
        await client.delete(Host, "a")
        with pytest.raises(NotFound) as caught:
            await client.get(Host, "a")
        assert caught.value.name == "a"


async def test_what_is_sent():
    async with serve(MiniApi()) as api:
        seen: list[web.Request] = []

        async def look(request: web.Request) -> None:
            seen.append(request)

        api.before = look
        config = ClientConfig(api.url, token="secret")
        async with HttpClient(config, user_agent="phoenix-test") as client:
            await client.list(Host, label_selector="a=b,c!=d", field_selector="metadata.name=x")
            await client.raw_list(Host.info, table=True)
            assert seen[0].headers["Authorization"] == "Bearer secret"
            assert seen[0].headers["User-Agent"] == "phoenix-test"
            assert dict(seen[0].query) == {"labelSelector": "a=b,c!=d", "fieldSelector": "metadata.name=x"}
            assert seen[1].headers["Accept"].startswith("application/json;as=Table")
            assert "secret" not in repr(config)


async def test_errors_are_those_the_server_raised():
    async with api_and_client() as (api, client):
        answers: list[web.Response] = []

        async def answer(request: web.Request) -> web.Response:
            return answers.pop()

        api.before = answer
        status = Invalid("bad", name="a", kind="Host").to_status()
        answers.append(web.json_response(status, status=422))
        with pytest.raises(Invalid, match="bad"):
            await client.get(Host, "a")
        answers.append(web.json_response(TooManyRequests("slow").to_status(), status=429, headers={"Retry-After": "7"}))
        with pytest.raises(TooManyRequests) as caught:
            await client.get(Host, "a")
        assert caught.value.retry_after_s == 7
        answers.append(web.Response(text="<html>proxy</html>", status=502))
        with pytest.raises(Undecodable, match=r"502.*proxy"):
            await client.get(Host, "a")
        answers.append(web.Response(text="not json"))
        with pytest.raises(Undecodable, match="not JSON"):
            await client.get(Host, "a")
        answers.append(web.json_response([1]))
        with pytest.raises(Undecodable, match="list"):
            await client.get(Host, "a")
        answers.append(web.json_response({"spec": {"unschedulable": "certainly"}, "metadata": {"name": "a"}}))
        with pytest.raises(Undecodable, match="host/a"):
            await client.get(Host, "a")
        answers.append(web.json_response({}, status=404))
        assert (await client.request("GET", "/any")).status == 404, "a raw request raises for no status"


async def test_nobody_answers():
    async with serve(MiniApi()) as api:
        pass
    async with HttpClient(ClientConfig(api.url)) as client:
        with pytest.raises(Unavailable, match=r"127\.0\.0\.1.*phoenixctl up") as caught:
            await client.get(Host, "a")
    assert isinstance(caught.value, ApiError)
    assert caught.value.server == api.url


async def test_an_answer_that_takes_too_long():
    async with serve(MiniApi()) as api:

        async def stall(request: web.Request) -> None:
            await asyncio.Event().wait()

        api.before = stall
        async with HttpClient(ClientConfig(api.url), timeout_s=0.05) as client:
            with pytest.raises(Unavailable, match="timed out"):
                await client.get(Host, "a")


@pytest.mark.parametrize(("verb", "requests"), [("get", 2), ("delete", 1), ("patch", 1)])
async def test_only_gets_are_sent_again_on_a_broken_connection(verb, requests):
    async with api_and_client() as (api, client):
        await client.list(Host)  # a kept connection, which is what breaks in practice

        async def hang_up(request: web.Request) -> None:
            assert request.transport
            request.transport.abort()

        api.requests.clear()
        api.before = hang_up
        calls = {
            "get": lambda: client.get(Host, "a"),
            "delete": lambda: client.delete(Host, "a"),
            "patch": lambda: client.patch(Host, "a", "", {}),
        }
        with pytest.raises(Unavailable):
            await calls[verb]()
        assert len(api.requests) == requests


async def test_watch_yields_events_bookmarks_and_ends_with_the_stream():
    async with api_and_client() as (api, client):
        api.put(f"{HOSTS}/a", host("a"))
        async with aclosing(client.watch(Host, resource_version="0")) as events:
            first = await anext(events)
            assert (first.type, first.object.metadata.name, first.resource_version) == ("ADDED", "a", "1")
            bookmark = await anext(events)
            assert (bookmark.type, bookmark.object, bookmark.resource_version) == ("BOOKMARK", None, "1")
            api.remove(f"{HOSTS}/a")
            gone = await anext(events)
            assert (gone.type, gone.object.metadata.name, gone.resource_version) == ("DELETED", "a", "2")
            api.cut()
            assert [event.type async for event in events] in ([], ["BOOKMARK"])
        await eventually(lambda: not api.streams)


async def test_watch_of_a_forgotten_version_is_expired_in_both_forms():
    async with api_and_client() as (api, client):
        api.put(f"{HOSTS}/a", host("a"))
        api.expire()
        with pytest.raises(Expired):
            await anext(client.watch(Host, resource_version="0"))

        async def refuse(request: web.Request) -> web.Response:
            return web.json_response(Expired("old").to_status(), status=410)

        api.before = refuse
        with pytest.raises(Expired):
            await anext(client.watch(Host, resource_version="0"))


async def test_a_large_object_does_not_end_a_watch():
    async with api_and_client() as (api, client):
        text = "x" * 3_000_000
        api.put(f"{HOSTS}/a", host("a", labels={"big": text}))
        async with aclosing(client.watch(Host, resource_version="0")) as events:
            assert (await anext(events)).object.metadata.labels["big"] == text


async def test_leaving_a_watch_early_closes_its_connection():
    async with api_and_client() as (api, client):
        async with aclosing(client.watch(Host)) as events:
            await anext(events)
            assert len(api.streams) == 1
        await eventually(lambda: not api.streams)


async def test_a_stream_cut_midway_is_unavailable():
    async with api_and_client() as (api, client):

        async def cut(request: web.Request) -> web.StreamResponse:
            answer = web.StreamResponse()
            await answer.prepare(request)
            await answer.write(b'{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"1"}}}\n{"ty')
            request.transport.abort()
            return answer

        api.before = cut
        events = client.watch(Host)
        assert (await anext(events)).type == "BOOKMARK"
        with pytest.raises(Unavailable, match="connection broke"):
            await anext(events)


async def test_samples():
    posted = []

    async def samples(request: web.Request) -> web.Response:
        assert request.path == "/apis/phoenix.io/v1alpha1/namespaces/default/experiments/x/samples"
        if request.method == "POST":
            posted.extend((await request.json())["samples"])
            return web.json_response({}, status=202)
        assert dict(request.query) == {"run": "1", "kind": "Process", "since": "5"}
        return web.json_response({"samples": posted})

    async with api_and_client() as (api, client):
        api.before = samples
        sample = ProcessSample(
            run=1, host="h", variant="v", window_start=1, window_end=2, instance="i", read_at=2, cpu_seconds=0.5
        )
        await client.post_samples("default", "x", [sample] * 5001)
        assert len(posted) == 5001
        assert sum(method == "POST" for method, _ in api.requests) == 2
        del posted[1:]
        assert await client.list_samples("default", "x", run=1, kind=SampleKind.PROCESS, since=5) == [sample]


async def test_warnings_reach_the_caller():
    async def warn(request: web.Request) -> web.Response:
        return web.json_response({"items": []}, headers={"Warning": '299 - "unknown field \\"spec.bogus\\""'})

    warnings: list[str] = []
    async with serve(MiniApi()) as api, HttpClient(ClientConfig(api.url), on_warning=warnings.append) as client:
        api.before = warn
        await client.list(Host)
    assert warnings == ['unknown field "spec.bogus"']


async def test_a_server_that_moved_is_found_again(tmp_path):
    endpoint = tmp_path / "endpoint.json"
    (tmp_path / "token").write_text("secret\n")

    def point_to(url: str) -> None:
        endpoint.write_text(json.dumps({"server": url, "caFile": "ca.crt", "tokenFile": "token"}))

    async with serve(MiniApi()) as first:
        point_to(first.url)
        client = HttpClient(ClientConfig.from_endpoint_file(endpoint))
        await client.list(Host)
    async with client, serve(MiniApi()) as second:
        point_to(second.url)
        await client.list(Host)
        assert client.server == second.url


async def test_a_token_that_changed_is_read_again(tmp_path):
    async with serve(MiniApi()) as api:
        endpoint = {"server": api.url, "caFile": "ca.crt", "tokenFile": "token"}
        (tmp_path / "endpoint.json").write_text(json.dumps(endpoint))
        (tmp_path / "token").write_text("old")

        async def check(request: web.Request) -> web.Response | None:
            if request.headers["Authorization"] == "Bearer new":
                return None
            return web.json_response(Unauthorized("who are you?").to_status(), status=401)

        api.before = check
        async with HttpClient(ClientConfig.from_endpoint_file(tmp_path / "endpoint.json")) as client:
            (tmp_path / "token").write_text("new")
            with pytest.raises(Unauthorized):
                await client.list(Host)
            await client.list(Host)


async def test_lines_of_any_chunking():
    text = b'{"a":1}\n\n{"b":' + b"2" * 50 + b"}\nrest"

    async def chunks(size: int):
        for start in range(0, len(text), size):
            yield text[start : start + size]

    for size in (1, 2, 7, 8, 100):
        assert [line async for line in lines(chunks(size))] == text.split(b"\n")[0:3:2]
    with pytest.raises(LineTooLong):
        [line async for line in lines(chunks(8), max_line_bytes=20)]


def test_statuses_survive_the_wire():
    error = Invalid("bad", name="a", causes=[])
    assert orjson.loads(orjson.dumps(error.to_status()))["reason"] == "Invalid"
