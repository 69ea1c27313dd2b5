"""A watch from a version that is no longer kept: one ERROR event 410, and a relist that works."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from phoenix.api.core import Namespace
from phoenix.apiserver.app import create_app
from phoenix.apiserver.connections import ApiHttpServer
from phoenix.apiserver.options import WriteOptions
from phoenix.apiserver.server import ApiServer, ServerConfig
from phoenix.apiserver.target import Target
from phoenix.samples.storage import SampleStore
from phoenix.store.compaction import Retention
from phoenix.store.sqlite import StoreSettings, open_store
from tests.integration.apiserver.conftest import EXPERIMENTS, Http, experiment

TOKEN = "t"
NAMESPACE = Target(Namespace)


@pytest.fixture
async def forgetful(tmp_path: Path) -> AsyncIterator[Http]:
    """A server whose store keeps the last two events once it compacts."""
    settings = StoreSettings(retention=Retention(min_events=2, max_events=2, check_s=3600))
    async with (
        open_store(tmp_path / "phoenix.db", settings) as store,
        SampleStore(tmp_path / "samples.db") as samples,
        aiohttp.ClientSession() as session,
    ):
        app = create_app(store, samples, token=TOKEN)
        await app.lifecycle.ensure_default()
        for number in range(6):
            body = {"metadata": {"name": f"n{number}"}}
            await app.registry.create(NAMESPACE, body, WriteOptions())
        await store.compact()
        app.fanout.start()
        runner = web.ServerRunner(ApiHttpServer(app, max_body_bytes=1 << 20))
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        server = ApiServer(ServerConfig(state=tmp_path, port=0))
        server.url, server.token = f"http://127.0.0.1:{runner.addresses[0][1]}", TOKEN
        yield Http(server, session, None)
        app.fanout.end_watches()
        await runner.cleanup()
        await app.fanout.stop()


async def test_too_old_is_an_error_event_and_a_relist_goes_on(forgetful: Http) -> None:
    watch = await forgetful.watch("/api/v1/namespaces?resourceVersion=1")
    event = await watch.next()
    assert event is not None
    assert event["type"] == "ERROR"
    assert (event["object"]["code"], event["object"]["reason"]) == (410, "Expired")
    assert await watch.next() is None
    listed = await forgetful("GET", "/api/v1/namespaces")
    assert len(listed.body["items"]) == 7
    again = await forgetful.watch(f"/api/v1/namespaces?resourceVersion={listed.body['metadata']['resourceVersion']}")
    await forgetful("POST", "/api/v1/namespaces", {"metadata": {"name": "late"}})
    assert await again.take(1) == [("ADDED", "late")]
    again.close()


async def test_history_that_the_fan_out_does_not_remember_comes_from_the_store(forgetful: Http) -> None:
    watch = await forgetful.watch("/api/v1/namespaces?resourceVersion=5")
    assert await watch.take(2) == [("ADDED", "n4"), ("ADDED", "n5")]
    await forgetful("POST", EXPERIMENTS, experiment("a"))
    await forgetful("DELETE", "/api/v1/namespaces/n0")
    assert await watch.take(1) == [("MODIFIED", "n0")]
    watch.close()
