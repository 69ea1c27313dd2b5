"""What a server at the URL of a manifest can do to us: redirect, keep silent, talk too much, want a token."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from phoenix.meter.http import Readiness
from phoenix.meter.observation import read_observation
from phoenix.meter.observer import Observer
from phoenix.meter.variant import Stamp
from phoenix.prometheus.client import Access, PrometheusClient, range_adjustment_ms
from phoenix.prometheus.errors import QueryRefused, Unreachable

_BIG = b'{"status":"success","data":{"resultType":"vector","result":[' + b" " * 100_000 + b"]}}"


async def _query(request: web.Request) -> web.Response:
    query = (await request.post())["query"]
    match query:
        case "redirect":
            raise web.HTTPFound("http://192.0.2.1/latest/meta-data")
        case "text":
            return web.Response(text="<html>a secret</html>")
        case "big":
            return web.Response(body=_BIG)
        case "slow":
            await asyncio.sleep(30)
        case "broken":
            return web.json_response({"status": "error", "error": "it is off"}, status=503)
        case "matrix":
            return web.json_response({"status": "success", "data": {"resultType": "matrix", "result": []}})
        case "parts" | "values" | "nothing":
            row = {"parts": [{"value": [1.0, "1"]}], "values": [{"metric": {}, "value": [1.0, "x"]}], "nothing": None}
            data = {"resultType": "vector", "result": row[query]}
            return web.json_response({"status": "success", "data": data})
    if request.headers.get("Authorization") != "Bearer right":
        return web.json_response({"status": "error", "error": "who?"}, status=401)
    row = {"metric": {"a": "b"}, "value": [1.0, "+Inf"]}
    return web.json_response({"status": "success", "data": {"resultType": "vector", "result": [row]}})


@pytest.fixture
async def url() -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_post("/api/v1/query", _query)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    yield f"http://{host}:{port}"
    await runner.cleanup()


@pytest.mark.parametrize(
    ("query", "error", "says"),
    [
        ("redirect", Unreachable, "redirects to http://192.0.2.1/latest/meta-data, which is not followed"),
        ("text", Unreachable, "does not answer as a Prometheus does"),
        ("big", QueryRefused, "answered with more than 50000 bytes"),
        ("slow", Unreachable, "gave no answer within 0.5s"),
        ("broken", Unreachable, "answered 503: it is off"),
        ("matrix", QueryRefused, "its answer is a matrix"),
        ("parts", Unreachable, "does not answer as a Prometheus does .a vector without its parts."),
        ("values", Unreachable, "does not answer as a Prometheus does"),
        ("nothing", Unreachable, "does not answer as a Prometheus does"),
        ("up", Unreachable, "wants credentials.*prometheus/127.0.0.1:[0-9]+.token in the state folder"),
    ],
)
async def test_no_answer_that_is_none_is_taken(url: str, query: str, error: type[Exception], says: str) -> None:
    async with PrometheusClient(Access(url, timeout_s=0.5 if query == "slow" else 40.0, max_bytes=50_000)) as client:
        with pytest.raises(error, match=says) as refused:
            await client.query(query, 0)
    assert "secret" not in str(refused.value), "what a server says that is no Prometheus is nobody's to read here"


async def test_the_token_of_that_very_address_is_sent(url: str, tmp_path: Path) -> None:
    place = url.removeprefix("http://")
    (tmp_path / f"{place}.token").write_text("right\n")
    wire = {"url": url, "selectors": {"a": '{job="x"}'}, "fromUnixNano": 0, "toUnixNano": 2, "lagNano": 0}
    found = read_observation({**wire, "credentials": str(tmp_path)}, window_ns=2, queries=(), critical={})
    access = Observer(found, Stamp(1, "h", "i"), None, Readiness()).access()
    assert "right" not in repr(access)
    async with PrometheusClient(access) as client:
        answer = await client.query("up", 0)
    assert [(labels.map, value) for labels, value in answer.items()] == [({"a": "b"}, float("inf"))]
    elsewhere = read_observation(
        {**wire, "url": "http://127.0.0.1:1", "credentials": str(tmp_path)}, window_ns=2, queries=(), critical={}
    )
    assert Observer(elsewhere, Stamp(1, "h", "i"), None, Readiness()).access().token == ""


def test_ranges_are_closed_at_both_ends_before_version_3() -> None:
    assert [range_adjustment_ms(version) for version in ("2.42.0+ds", "3.0.0", "v3.5.1", "?")] == [1, 0, 0, 1]
