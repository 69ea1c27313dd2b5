"""What a client may send on one connection, byte by byte, and what it gets, from our own front and from aiohttp."""

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from phoenix.apiserver.connections import ApiHttpServer
from phoenix.apiserver.front import MAX_BODY_BYTES
from phoenix.apiserver.responses import json_response
from phoenix.apiserver.server import ApiServer, ServerConfig
from tests.integration.apiserver.conftest import DEADLINE_S, EXPERIMENTS, experiment


class Raw:
    """A socket that sends what it is told and reads answers."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, token: str) -> None:
        self.reader, self.writer, self.token = reader, writer, token

    def request(self, method: str, path: str, body: bytes = b"", *more: str) -> bytes:
        lines = [f"{method} {path} HTTP/1.1", "Host: localhost", f"Authorization: Bearer {self.token}", *more]
        if body or method in ("POST", "PUT", "PATCH"):
            lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
        return "\r\n".join([*lines, "", ""]).encode() + body

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def answer(self, *, has_body: bool = True) -> tuple[int, dict[str, str], bytes]:
        async with asyncio.timeout(DEADLINE_S):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
            body = await self.reader.readexactly(int(headers.get("content-length", "0"))) if has_body else b""
        return int(head[0].split()[1]), headers, body

    async def ended(self) -> bool:
        """Whether the server closes, with nothing more sent."""
        async with asyncio.timeout(DEADLINE_S):
            return await self.reader.read() == b""


async def connect(server: ApiServer, context: ssl.SSLContext | None = None) -> Raw:
    port = int(server.url.rpartition(":")[2])
    return Raw(*await asyncio.open_connection("127.0.0.1", port, ssl=context), server.token)


@pytest.fixture
async def raw(server: ApiServer) -> AsyncIterator[Raw]:
    connection = await connect(server)
    yield connection
    connection.writer.close()


def named(name: str) -> bytes:
    return json.dumps(experiment(name)).encode()


async def test_a_request_may_come_in_pieces(raw: Raw) -> None:
    data = raw.request("POST", EXPERIMENTS, named("pieces"))
    raw.writer.transport.get_extra_info("socket").setsockopt(6, 1, 1)
    for at in range(0, len(data), 7):
        raw.send(data[at : at + 7])
        await asyncio.sleep(0)
    code, headers, body = await raw.answer()
    assert (code, json.loads(body)["metadata"]["name"]) == (201, "pieces")
    assert headers["content-type"] == "application/json"
    assert headers["date"].endswith("GMT")


async def test_pipelined_requests_are_answered_in_order(raw: Raw) -> None:
    names = [f"pipelined-{number}" for number in range(20)]
    raw.send(b"".join(raw.request("POST", EXPERIMENTS, named(name)) for name in names))
    answers = [await raw.answer() for _ in names]
    assert [json.loads(body)["metadata"]["name"] for _, _, body in answers] == names
    versions = [int(json.loads(body)["metadata"]["resourceVersion"]) for _, _, body in answers]
    assert versions == sorted(versions)


async def test_a_plain_connection_goes_on_to_all_else(raw: Raw) -> None:
    """Plain, chunked, HEAD, then a watch, all sent at once on one connection."""
    body = named("chunked")
    chunked = raw.request("POST", EXPERIMENTS, b"", "Transfer-Encoding: chunked").replace(b"Content-Length: 0\r\n", b"")
    raw.send(
        raw.request("POST", EXPERIMENTS, named("plain"))
        + chunked + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
        + raw.request("HEAD", "/healthz")
        + raw.request("GET", EXPERIMENTS + "/plain")
        + raw.request("GET", f"{EXPERIMENTS}?watch=1&timeoutSeconds=1")
    )  # fmt: skip
    assert (await raw.answer())[0] == 201
    code, _, body = await raw.answer()
    assert (code, json.loads(body)["metadata"]["name"]) == (201, "chunked")
    assert (await raw.answer(has_body=False))[0] in (200, 405)
    assert json.loads((await raw.answer())[2])["metadata"]["name"] == "plain"
    code, headers, _ = await raw.answer()
    assert (code, headers["transfer-encoding"]) == (200, "chunked")


@pytest.mark.parametrize("path", [EXPERIMENTS + "?w%61tch=1&timeoutSeconds=1", EXPERIMENTS + "?watch&timeoutSeconds=1"])
async def test_a_watch_is_one_however_it_is_written(raw: Raw, path: str) -> None:
    raw.send(raw.request("GET", path))
    code, headers, _ = await raw.answer()
    assert (code, headers.get("transfer-encoding")) == (200, "chunked")


async def test_expect_is_answered_before_the_body(raw: Raw) -> None:
    head, _, body = raw.request("POST", EXPERIMENTS, named("expected"), "Expect: 100-continue").partition(b"\r\n\r\n")
    raw.send(head + b"\r\n\r\n")
    assert (await raw.answer())[0] == 100
    raw.send(body)
    assert (await raw.answer())[0] == 201


@pytest.mark.parametrize("connection", ["close", "keep-alive", "Close"])
async def test_the_connection_is_kept_unless_the_client_says_otherwise(raw: Raw, connection: str) -> None:
    raw.send(raw.request("GET", EXPERIMENTS, b"", f"Connection: {connection}"))
    code, headers, _ = await raw.answer()
    assert code == 200
    if connection == "keep-alive":
        raw.send(raw.request("GET", EXPERIMENTS))
        assert (await raw.answer())[0] == 200
    else:
        assert headers["connection"] == "close"
        assert await raw.ended()


async def test_http_1_0_is_answered_and_closed(raw: Raw) -> None:
    raw.send(raw.request("GET", EXPERIMENTS).replace(b"HTTP/1.1", b"HTTP/1.0"))
    assert (await raw.answer())[0] == 200
    assert await raw.ended()


@pytest.mark.parametrize("size", [MAX_BODY_BYTES - 1000, MAX_BODY_BYTES + 1000, (3 << 20) + 1, 4 << 20])
async def test_large_bodies_are_taken_up_to_the_limit(raw: Raw, size: int) -> None:
    wire: dict[str, Any] = experiment("large")
    wire["spec"]["variants"][0]["pipeline"] = {"config": {"processors": {"x": "y" * size}}}
    raw.send(raw.request("POST", EXPERIMENTS, json.dumps(wire).encode()))
    code, _, body = await raw.answer()
    if size > 3 << 20:
        assert (code, json.loads(body)["reason"]) == (413, "RequestEntityTooLarge")
    else:
        assert code == 201


@pytest.mark.parametrize(
    "data",
    [
        b"nonsense\r\n\r\n",
        b"GET /api HTTP/1.1\r\nHost: a\r\nHost : b\r\n\r\n",
        b"POST /api HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        b"POST /api HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
)
async def test_improper_requests_get_a_status_and_the_end(raw: Raw, data: bytes) -> None:
    raw.send(raw.request("GET", EXPERIMENTS) + data)
    assert (await raw.answer())[0] == 200
    code, _, body = await raw.answer()
    assert (code, json.loads(body)["kind"]) == (400, "Status")
    assert await raw.ended()


async def test_who_is_not_let_in_is_told_so_and_may_try_again(raw: Raw) -> None:
    raw.send(raw.request("GET", EXPERIMENTS).replace(raw.token.encode(), b"wrong"))
    code, headers, _ = await raw.answer()
    assert (code, headers["www-authenticate"]) == (401, 'Bearer realm="phoenix"')
    raw.send(raw.request("GET", EXPERIMENTS))
    assert (await raw.answer())[0] == 200


async def test_names_with_escapes_mean_what_they_say(raw: Raw) -> None:
    raw.send(raw.request("POST", EXPERIMENTS, named("escaped")))
    raw.send(raw.request("GET", EXPERIMENTS + "/esc%61ped"))
    raw.send(raw.request("PUT", EXPERIMENTS + "/esc%61ped", b'{"metadata":{"name":"escaped"}}'))
    assert (await raw.answer())[0] == 201
    assert (await raw.answer())[0] == 200
    code, _, body = await raw.answer()
    assert (code, json.loads(body)["details"]["name"]) == (422, "escaped")


async def test_the_same_over_tls(tmp_path: Path) -> None:
    async with ApiServer(ServerConfig(state=tmp_path / "state", port=0)) as server:
        raw = await connect(server, ssl.create_default_context(cafile=str(server.ca_file)))
        raw.send(raw.request("POST", EXPERIMENTS, named("one")) + raw.request("POST", EXPERIMENTS, named("two")))
        raw.send(raw.request("GET", f"{EXPERIMENTS}?watch=1&resourceVersion=1&timeoutSeconds=1"))
        assert [(await raw.answer())[0] for _ in range(3)] == [201, 201, 200]
        async with asyncio.timeout(DEADLINE_S):
            await raw.reader.readuntil(b'"name":"two"')
        raw.writer.close()


class Serving:
    """A front over a handler of the test's own."""

    def __init__(self) -> None:
        self.began, self.go_on, self.cancelled = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.answered = 0
        self.size = 2

    async def handle(self, _request: web.BaseRequest) -> web.StreamResponse:
        self.began.set()
        try:
            await self.go_on.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        self.answered += 1
        return json_response(b"x" * self.size)


@contextlib.asynccontextmanager
async def fronted(serving: Serving, idle_s: float = 60.0) -> AsyncIterator[tuple[web.ServerRunner, Raw]]:
    runner = web.ServerRunner(ApiHttpServer(serving.handle, max_body_bytes=1 << 20, idle_s=idle_s), shutdown_timeout=5)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    raw = Raw(*await asyncio.open_connection("127.0.0.1", runner.addresses[0][1]), "t")
    try:
        yield runner, raw
    finally:
        raw.writer.close()
        await runner.cleanup()


async def until(event: asyncio.Event) -> None:
    async with asyncio.timeout(DEADLINE_S):
        await event.wait()


async def test_a_handler_is_cancelled_when_its_client_goes() -> None:
    serving = Serving()
    async with fronted(serving) as (_, raw):
        raw.send(raw.request("GET", "/x"))
        await until(serving.began)
        raw.writer.transport.abort()
        await until(serving.cancelled)


async def test_stopping_lets_a_request_finish_and_takes_no_other() -> None:
    serving = Serving()
    async with fronted(serving) as (runner, raw):
        raw.send(raw.request("GET", "/x") * 2)
        await until(serving.began)
        stopping = asyncio.create_task(runner.cleanup())
        await asyncio.sleep(0.02)
        assert not stopping.done()
        serving.go_on.set()
        code, headers, _ = await raw.answer()
        assert (code, headers["connection"]) == (200, "close")
        assert await raw.ended()
        await stopping
    assert serving.answered == 1


@pytest.mark.parametrize(
    "sent", [b"", b"POST /x HTTP/1.1\r\nHo", b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc"]
)
async def test_who_does_not_ask_is_let_go(sent: bytes) -> None:
    async with fronted(Serving(), idle_s=0.1) as (_, raw):
        raw.send(sent)
        assert await raw.ended()


async def test_who_does_not_read_is_not_answered_further_nor_read_from() -> None:
    """Bounded memory: one answer unsent, some input unread, then the client's own sends block."""
    serving = Serving()
    serving.go_on.set()
    serving.size = 8 << 20
    async with fronted(serving) as (_, raw):
        many = 4000
        requests = raw.request("POST", "/x", b"y" * 2000) * many
        raw.send(requests)
        await until(serving.began)
        for _ in range(50):
            await asyncio.sleep(0.005)
        assert serving.answered <= 2
        assert raw.writer.transport.get_write_buffer_size() > 0, "the server has stopped reading"
        serving.size = 1
        for _ in range(many):
            assert (await raw.answer())[0] == 200
    assert serving.answered == many


async def test_a_defect_of_the_handler_is_a_status(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Serving):
        async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
            if request.method == "GET":
                response = web.StreamResponse()
                await response.prepare(request)
                return response
            return json_response(b"{}", warnings=["a"], content_type="a\r\nX: b")

    async with fronted(Broken()) as (_, raw):
        raw.send(raw.request("GET", "/x"))
        code, _, body = await raw.answer()
        assert (code, json.loads(body)["kind"]) == (500, "Status")
        assert await raw.ended()
    assert "front.is_streamed" in caplog.text
