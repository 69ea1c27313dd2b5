"""Watch: what comes, in which order, without gap or repeat; and how it ends."""

from __future__ import annotations

import asyncio
import json
import socket
from pathlib import Path

import aiohttp
import pytest

from phoenix.apiserver.server import ApiServer, ServerConfig
from phoenix.store.interface import StoreEvent
from tests.integration.apiserver.conftest import DEADLINE_S, EXPERIMENTS, GROUP_PATH, Http, eventually, experiment

MERGE = "application/merge-patch+json"


async def relabel(http: Http, name: str, value: str | None) -> str:
    patch = {"metadata": {"labels": {"team": value}}}
    answer = await http("PATCH", f"{EXPERIMENTS}/{name}", patch, content_type=MERGE)
    assert answer.code == 200, answer.body
    return answer.body["metadata"]["resourceVersion"]


async def test_without_a_version_present_objects_come_first_as_added(http: Http) -> None:
    await http("POST", EXPERIMENTS, experiment("a"))
    for query, label in (("", "x"), ("?resourceVersion=0", "y")):
        watch = await http.watch(EXPERIMENTS + query)
        assert await watch.take(1) == [("ADDED", "a")]
        await relabel(http, "a", label)
        assert await watch.take(1) == [("MODIFIED", "a")]
        watch.close()


async def test_from_a_version_everything_after_it_comes_once(http: Http) -> None:
    made = await http("POST", EXPERIMENTS, experiment("a"))
    await relabel(http, "a", "x")
    await http("POST", EXPERIMENTS, experiment("b"))
    watch = await http.watch(f"{EXPERIMENTS}?resourceVersion={made.body['metadata']['resourceVersion']}")
    gone = await http("DELETE", f"{EXPERIMENTS}/a")
    assert gone.code == 200
    assert await watch.take(3) == [("MODIFIED", "a"), ("ADDED", "b"), ("DELETED", "a")]
    watch.close()


async def test_a_deleted_object_carries_the_version_of_its_deletion(http: Http) -> None:
    made = await http("POST", EXPERIMENTS, experiment("a"))
    watch = await http.watch(f"{EXPERIMENTS}?resourceVersion={made.body['metadata']['resourceVersion']}")
    await http("DELETE", f"{EXPERIMENTS}/a")
    event = await watch.next()
    assert event is not None
    assert event["type"] == "DELETED"
    assert int(event["object"]["metadata"]["resourceVersion"]) > int(made.body["metadata"]["resourceVersion"])
    watch.close()


async def test_objects_enter_and_leave_a_selector(http: Http) -> None:
    await http("POST", EXPERIMENTS, experiment("a"))
    watch = await http.watch(f"{EXPERIMENTS}?labelSelector=team%3Dx")
    await relabel(http, "a", "x")
    await relabel(http, "a", "y")
    await http("POST", EXPERIMENTS, experiment("b"))
    left = await relabel(http, "a", "x")
    entered, gone, back = [await watch.next() for _ in range(3)]
    assert entered is not None
    assert gone is not None
    assert back is not None
    assert (entered["type"], gone["type"], back["type"]) == ("ADDED", "DELETED", "ADDED")
    assert gone["object"]["metadata"]["labels"] == {"team": "x"}  # as it last matched
    assert back["object"]["metadata"]["resourceVersion"] == left
    assert int(entered["object"]["metadata"]["resourceVersion"]) < int(gone["object"]["metadata"]["resourceVersion"])
    watch.close()


async def test_watchers_that_join_while_writes_go_on_miss_and_repeat_nothing(http: Http) -> None:
    await http("POST", EXPERIMENTS, experiment("a"))
    start = (await http("GET", EXPERIMENTS)).body["metadata"]["resourceVersion"]
    count = 40

    async def write() -> None:
        for number in range(count):
            await relabel(http, "a", str(number))

    async def follow(after: float) -> list[str]:
        await asyncio.sleep(after)  # spread over the time of the writes
        watch = await http.watch(f"{EXPERIMENTS}?resourceVersion={start}")
        events = [await watch.next() for _ in range(count)]
        watch.close()
        return [event["object"]["metadata"]["labels"]["team"] for event in events if event]

    _, *seen = await asyncio.gather(write(), *(follow(number * 0.01) for number in range(10)))
    assert all(labels == [str(number) for number in range(count)] for labels in seen)


async def test_a_watch_ends_by_its_timeout_with_a_bookmark(http: Http) -> None:
    made = await http("POST", EXPERIMENTS, experiment("a"))
    watch = await http.watch(f"{EXPERIMENTS}?timeoutSeconds=1&allowWatchBookmarks=true")
    assert await watch.take(1) == [("ADDED", "a")]
    bookmark = await watch.next()
    assert bookmark is not None
    assert bookmark["type"] == "BOOKMARK"
    assert bookmark["object"]["metadata"]["resourceVersion"] == made.body["metadata"]["resourceVersion"]
    assert await watch.next() is None


async def test_bookmarks_come_while_nothing_of_the_kind_happens(tmp_path: Path) -> None:
    config = ServerConfig(state=tmp_path, port=0, tls=False, bookmark_interval_s=0.1)
    async with ApiServer(config) as server, aiohttp.ClientSession() as session:
        http = Http(server, session, None)
        watch = await http.watch(f"{EXPERIMENTS}?allowWatchBookmarks=true")
        made = await http("POST", "/api/v1/namespaces", {"metadata": {"name": "other"}})
        while (event := await watch.next()) is not None:
            assert event["type"] == "BOOKMARK"
            if event["object"]["metadata"]["resourceVersion"] == made.body["metadata"]["resourceVersion"]:
                break
        plain = await http.watch(EXPERIMENTS)
        await http("POST", EXPERIMENTS, experiment("a"))
        assert await plain.take(1) == [("ADDED", "a")]
        watch.close()
        plain.close()


async def test_the_future_is_a_timeout_and_rubbish_a_bad_request(http: Http) -> None:
    future = await http("GET", f"{EXPERIMENTS}?watch=true&resourceVersion=99999")
    assert (future.code, future.body["reason"]) == (504, "Timeout")
    assert future.body["details"]["causes"][0]["reason"] == "ResourceVersionTooLarge"
    assert (await http("GET", f"{EXPERIMENTS}?watch=true&resourceVersion=x")).code == 400


async def test_one_object_can_be_watched_at_its_own_path_and_over_all_namespaces(http: Http) -> None:
    one = await http.watch(f"{EXPERIMENTS}/b")
    every = await http.watch(f"{GROUP_PATH}/experiments")
    for name in "ab":
        await http("POST", EXPERIMENTS, experiment(name))
    assert await one.take(1) == [("ADDED", "b")]
    assert await every.take(2) == [("ADDED", "a"), ("ADDED", "b")]
    one.close()
    every.close()


async def test_the_same_events_over_a_websocket(server: ApiServer, http: Http) -> None:
    headers = {"Authorization": f"Bearer {server.token}"}
    await http("POST", EXPERIMENTS, experiment("a", annotations={"pad": "x" * 70_000}))
    url = f"{server.url}{EXPERIMENTS}?watch=true"
    async with http.session.ws_connect(url, headers=headers, max_msg_size=0) as ws, asyncio.timeout(DEADLINE_S):
        first = json.loads((await ws.receive()).data)
        await relabel(http, "a", "x")
        await http("POST", EXPERIMENTS, experiment("b"))
        second, third = [json.loads((await ws.receive()).data) for _ in range(2)]
        assert [event["type"] for event in (first, second, third)] == ["ADDED", "MODIFIED", "ADDED"]
        assert len(second["object"]["metadata"]["annotations"]["pad"]) == 70_000
        _, end = await asyncio.gather(server.stop(), ws.receive())
        assert end.type == aiohttp.WSMsgType.CLOSE


async def test_a_watch_as_tables(http: Http) -> None:
    await http("POST", EXPERIMENTS, experiment("a"))
    headers = {
        "Authorization": f"Bearer {http.server.token}",
        "Accept": "application/json;as=Table;v=v1;g=meta.k8s.io,application/json",
    }
    got = await http.session.get(f"{http.server.url}{EXPERIMENTS}?watch=true", headers=headers)
    event = json.loads(await got.content.readline())
    assert event["object"]["kind"] == "Table"
    assert event["object"]["rows"][0]["cells"][0] == "a"
    got.close()


async def test_a_watcher_that_leaves_is_forgotten(server: ApiServer, http: Http) -> None:
    watch = await http.watch(EXPERIMENTS)
    await eventually(lambda: server.app.fanout.watchers == 1)
    watch.close()
    await eventually(lambda: server.app.fanout.watchers == 0)


async def test_a_watcher_that_does_not_read_is_cut_off_and_the_others_go_on(tmp_path: Path) -> None:
    config = ServerConfig(state=tmp_path, port=0, tls=False, watch_buffer_bytes=200_000)
    async with ApiServer(config) as server, aiohttp.ClientSession() as session:
        http = Http(server, session, None)
        await http("POST", EXPERIMENTS, experiment("a"))
        good = await http.watch(f"{EXPERIMENTS}?timeoutSeconds=60")
        assert await good.take(1) == [("ADDED", "a")]
        port = int(server.url.rpartition(":")[2])
        lazy = socket.socket()
        lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        lazy.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(lazy, ("127.0.0.1", port))
        request = f"GET {EXPERIMENTS}?watch=true HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {server.token}\r\n\r\n"
        await loop.sock_sendall(lazy, request.encode())
        await eventually(lambda: server.app.fanout.watchers == 2)
        changes = 0
        async with asyncio.timeout(30):
            while server.app.fanout.statistics.slow_closed == 0:
                changes += 1
                note = {"metadata": {"annotations": {"pad": "x" * 200_000, "n": str(changes)}}}
                assert (await http("PATCH", f"{EXPERIMENTS}/a", note, content_type=MERGE)).code == 200
                await good.take(1)
        assert server.app.fanout.watchers == 1
        await relabel(http, "a", "after")
        assert await good.take(1) == [("MODIFIED", "a")]
        lazy.close()
        good.close()


async def test_a_change_that_cannot_be_taken_in_is_passed_over_and_watches_go_on(
    server: ApiServer, http: Http, caplog: pytest.LogCaptureFixture
) -> None:
    """A listener with a defect stands for any: clients lose their streams, not their events."""
    start = (await http("GET", EXPERIMENTS)).body["metadata"]["resourceVersion"]
    first = await http.watch(f"{EXPERIMENTS}?resourceVersion={start}&allowWatchBookmarks=true")

    def fail_once(event: StoreEvent) -> None:
        server.app.fanout.listeners.remove(fail_once)
        msg = "a defect"
        raise RuntimeError(msg)

    server.app.fanout.listeners.append(fail_once)
    await http("POST", EXPERIMENTS, experiment("a"))
    assert await first.next() is None, "no bookmark: it would hide the change that is missing"
    await http("POST", EXPERIMENTS, experiment("b"))
    again = await http.watch(f"{EXPERIMENTS}?resourceVersion={start}")
    assert await again.take(2) == [("ADDED", "a"), ("ADDED", "b")]
    assert "a change could not be taken in" in caplog.text
    again.close()
