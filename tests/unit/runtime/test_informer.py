"""The informer against a real server that forgets, closes and breaks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from phoenix.aio.backoff import Backoff
from phoenix.aio.tasks import cancel_and_wait
from phoenix.api.host import Host
from phoenix.apimachinery.errors import ServerTimeout
from phoenix.apimachinery.meta import ObjectKey
from phoenix.client.config import ClientConfig
from phoenix.client.http import HttpClient
from phoenix.runtime.informer import Informer, InformerFactory
from tests.unit.runtime.miniapi import HOSTS, MiniApi, api_and_client, eventually, host, serve


def key(name: str) -> ObjectKey:
    return ObjectKey("", name)


class Log:
    """What a handler was told, as (old name@version, new name@version)."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []

    def __call__(self, old: Host | None, new: Host | None) -> None:
        self.told.append((_text(old), _text(new)))


def _text(obj: Host | None) -> str:
    return f"{obj.metadata.name}@{obj.metadata.resource_version}" if obj else "-"


@asynccontextmanager
async def running(client: HttpClient, **selectors: str) -> AsyncIterator[Informer[Host]]:
    informer = Informer(client, Host, backoff=Backoff(0.01, 0.05), **selectors)
    task = asyncio.create_task(informer.run())
    try:
        yield informer
    finally:
        await cancel_and_wait(task)


async def test_lists_then_follows_and_tells_old_and_new():
    async with api_and_client() as (api, client):
        api.put(f"{HOSTS}/a", host("a"))
        log = Log()
        async with running(client) as informer:
            informer.add_handler(log)
            assert not informer.has_synced
            await informer.wait_synced()
            api.put(f"{HOSTS}/b", host("b"))
            api.put(f"{HOSTS}/a", host("a", unschedulable=True))
            api.remove(f"{HOSTS}/b")
            await eventually(lambda: len(log.told) == 4)
            assert log.told == [("-", "a@1"), ("-", "b@2"), ("a@1", "a@3"), ("b@2", "-")]
            assert [obj.metadata.name for obj in informer.list()] == ["a"]
            assert informer.get(key("a")).spec.unschedulable is True
            assert informer.get(key("b")) is None


async def test_late_handler_is_told_what_is_there():
    async with api_and_client() as (api, client):
        api.put(f"{HOSTS}/a", host("a"))
        async with running(client) as informer:
            await informer.wait_synced()
            log = Log()
            informer.add_handler(log)
            assert log.told == [("-", "a@1")]


async def test_a_reader_cannot_alter_the_cache():
    async with api_and_client() as (api, client):
        api.put(f"{HOSTS}/a", host("a"))
        async with running(client) as informer:
            await informer.wait_synced()
            informer.get(key("a")).metadata.labels["x"] = "y"
            informer.list()[0].spec.unschedulable = True
            assert informer.get(key("a")).metadata.labels == {}
            assert informer.get(key("a")).spec.unschedulable is False


async def test_expired_relists_whole_and_tells_the_differences():
    async with api_and_client() as (api, client):
        for name in ("stays", "changes", "goes", "another"):
            api.put(f"{HOSTS}/{name}", host(name))
        log, states = Log(), []
        async with running(client) as informer:
            await informer.wait_synced()
            informer.add_handler(log)
            informer.add_handler(lambda old, new: states.append({obj.metadata.name for obj in informer.list()}))
            log.told.clear()
            states.clear()
            await eventually(lambda: api.streams)

            async def change_while_away(request):
                api.before = None
                api.remove(f"{HOSTS}/goes")
                api.put(f"{HOSTS}/changes", host("changes", unschedulable=True))
                api.put(f"{HOSTS}/comes", host("comes"))
                api.remove(f"{HOSTS}/another")
                api.put(f"{HOSTS}/another", host("another"))
                api.expire()

            api.before = change_while_away
            api.cut()
            await eventually(lambda: len(log.told) == 5)
            left = [("another@4", "-"), ("goes@3", "-")]
            assert log.told == [*left, ("-", "another@9"), ("changes@2", "changes@6"), ("-", "comes@7")]
            # No handler saw a copy that was half the old and half the new.
            assert states == [{"stays", "changes", "comes", "another"}] * 5
            assert informer.resource_version == "9"


async def test_a_server_restored_from_an_older_state_is_listed_again():
    async with api_and_client() as (api, client):
        api.version = 50
        api.put(f"{HOSTS}/lost", host("lost"))
        async with running(client) as informer:
            await informer.wait_synced()

            async def too_new(request):
                version = int(request.query.get("resourceVersion") or 0)
                if request.query.get("watch") and version > api.version:
                    return web.json_response(ServerTimeout("Too large resource version").to_status(), status=504)
                return None

            api.before = too_new
            api.objects.clear()
            api.history.clear()
            api.version = 0
            api.put(f"{HOSTS}/kept", host("kept"))
            api.cut()
            await eventually(lambda: informer.get(key("kept")))
            assert informer.get(key("lost")) is None
            assert informer.resource_version == "1"


async def test_no_event_is_lost_over_many_broken_streams():
    async with api_and_client() as (api, client):
        log = Log()
        async with running(client) as informer:
            informer.add_handler(log)
            await informer.wait_synced()
            for number in range(30):
                api.put(f"{HOSTS}/h{number}", host(f"h{number}"))
                if number % 5 == 0:
                    api.cut()
                await asyncio.sleep(0)
            await eventually(lambda: len(informer) == 30)
            assert [new for _, new in log.told] == [f"h{number}@{number + 1}" for number in range(30)]
            assert sum("watch=true" not in path for _, path in api.requests) == 1, "only the first list"


async def test_server_away_and_back_on_the_same_port():
    api = MiniApi()
    async with serve(api):
        port = int(api.url.rsplit(":", 1)[1])
        client = HttpClient(ClientConfig(api.url))
    async with client, running(client) as informer:
        await asyncio.sleep(0.05)
        assert not informer.has_synced
        async with serve(api, port=port):
            api.put(f"{HOSTS}/a", host("a"))
            await eventually(lambda: informer.get(key("a")))


async def test_the_index_of_owners_follows_changes():
    async with api_and_client() as (api, client):
        api.put(f"{HOSTS}/a", host("a", owner_uid="u1"))
        api.put(f"{HOSTS}/b", host("b", owner_uid="u1"))
        async with running(client) as informer:
            await informer.wait_synced()
            assert [obj.metadata.name for obj in informer.by_owner("u1")] == ["a", "b"]
            api.put(f"{HOSTS}/a", host("a"))
            await informer.wait_for("3")
            assert [obj.metadata.name for obj in informer.by_owner("u1")] == ["b"]
            api.remove(f"{HOSTS}/b")
            await informer.wait_for("4")
            assert informer.by_owner("u1") == []


async def test_a_broken_handler_costs_the_others_nothing(caplog):
    async with api_and_client() as (api, client):
        log = Log()
        async with running(client) as informer:
            informer.add_handler(lambda old, new: 1 / 0)
            informer.add_handler(log)
            await informer.wait_synced()
            api.put(f"{HOSTS}/a", host("a"))
            await eventually(lambda: log.told)
    assert "handler failed" in caplog.text


async def test_wait_for_a_version_waits():
    async with api_and_client() as (api, client), running(client) as informer:
        await informer.wait_synced()
        waiting = asyncio.create_task(informer.wait_for("1"))
        await asyncio.sleep(0.02)
        assert not waiting.done()
        api.put(f"{HOSTS}/a", host("a"))
        async with asyncio.timeout(5):
            await waiting


async def test_factory_shares_and_is_sealed():
    async with api_and_client() as (_, client):
        factory = InformerFactory(client)
        assert factory.informer(Host) is factory.informer(Host)
        assert factory.informer(Host, label_selector="a=b") is not factory.informer(Host)
        factory.seal()
        assert len(factory.informers) == 2
        with pytest.raises(RuntimeError, match="before the manager runs"):
            factory.informer(Host, label_selector="c=d")
