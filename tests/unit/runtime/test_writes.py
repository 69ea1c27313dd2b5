"""Events, finalizers and status: what is written, when nothing is, and against whom."""

from __future__ import annotations

import pytest

from phoenix.aio.testing import ManualClock
from phoenix.api.host import Host
from phoenix.apimachinery.errors import Conflict, NotFound
from phoenix.apimachinery.meta import ObjectMeta
from phoenix.runtime.events import EventRecorder, data_of, event_name
from phoenix.runtime.finalizers import add_finalizer, remove_finalizer
from phoenix.runtime.status import patch_status
from tests.unit.runtime.miniapi import HOSTS, api_and_client, host

FINALIZER = "phoenix.io/test"


def writes(api) -> list[str]:
    return [method for method, _ in api.requests if method != "GET"]


# ---- events ----------------------------------------------------------------------------------------------------------


async def test_events_are_ordered_and_carry_their_data():
    async with api_and_client() as (api, client):
        api.put(f"{HOSTS}/a", host("a"))
        obj = await client.get(Host, "a")
        events = EventRecorder(client, "test", host="h", clock=ManualClock())
        first = await events.record(obj, "Started", "it began", data={"run": 2, "ratio": 0.25, "hash": "abc"})
        second = await events.record(obj, "Ended", "it ended", type_="Warning")
        assert int(first.metadata.resource_version) < int(second.metadata.resource_version)
        assert data_of(first) == {"run": "2", "ratio": "0.25", "hash": "abc"}
        assert first.metadata.annotations["phoenix.io/data.run"] == "2"
        assert first.involved_object.uid == obj.metadata.uid
        assert first.involved_object.kind == "Host"
        assert first.metadata.namespace == "default"
        assert (first.first_timestamp, first.event_time) == ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00.000000Z")
        assert (second.type, second.source.component, second.source.host) == ("Warning", "test", "h")


async def test_the_same_event_again_is_counted_also_by_another_recorder():
    async with api_and_client() as (api, client):
        api.put(f"{HOSTS}/a", host("a"))
        obj, clock = await client.get(Host, "a"), ManualClock()
        await EventRecorder(client, "test", clock=clock).record(obj, "BackOff", "waits", data={"n": 1})
        await clock.advance(5)
        again = await EventRecorder(client, "test", clock=clock).record(obj, "BackOff", "waits", data={"n": 1})
        assert (again.count, again.first_timestamp, again.last_timestamp) == (
            2, "2026-01-01T00:00:00Z", "2026-01-01T00:00:05Z",
        )  # fmt: skip
        other = await EventRecorder(client, "test", clock=clock).record(obj, "BackOff", "waits", data={"n": 2})
        assert other.count == 1


def test_event_names_are_labels():
    name = event_name("x" * 100, "said")
    assert len(name) == 63
    assert name != event_name("x" * 100, "said otherwise")


# ---- finalizers ------------------------------------------------------------------------------------------------------


async def test_finalizers_are_added_once_and_survive_a_race():
    async with api_and_client() as (api, client):
        api.put(f"{HOSTS}/a", host("a"))
        stale = await client.get(Host, "a")
        api.put(f"{HOSTS}/a", {**api.objects[f"{HOSTS}/a"], "metadata": {"name": "a", "finalizers": ["other"]}})
        obj = await add_finalizer(client, stale, FINALIZER)
        assert obj.metadata.finalizers == ["other", FINALIZER]
        before = len(writes(api))
        assert (await add_finalizer(client, obj, FINALIZER)).metadata.resource_version == obj.metadata.resource_version
        assert len(writes(api)) == before


async def test_removing_the_last_finalizer_lets_a_deleted_object_go():
    async with api_and_client() as (api, client):
        api.put(f"{HOSTS}/a", host("a"))
        obj = await add_finalizer(client, await client.get(Host, "a"), FINALIZER)
        await client.delete(Host, "a")
        dying = await client.get(Host, "a")
        with pytest.raises(Conflict, match="being deleted"):
            await add_finalizer(client, dying, "another")
        await remove_finalizer(client, obj, FINALIZER)  # from an old read
        with pytest.raises(NotFound):
            await client.get(Host, "a")
        assert await remove_finalizer(client, obj, FINALIZER) is None
        with pytest.raises(NotFound):
            await add_finalizer(client, Host(metadata=ObjectMeta(name="a", uid="u")), FINALIZER)


async def test_finalizers_spare_a_new_object_of_the_same_name():
    async with api_and_client() as (api, client):
        api.put(f"{HOSTS}/a", host("a"))
        obj = await add_finalizer(client, await client.get(Host, "a"), FINALIZER)
        api.remove(f"{HOSTS}/a")
        api.put(f"{HOSTS}/a", host("a") | {"metadata": {"name": "a", "finalizers": [FINALIZER]}})
        assert await remove_finalizer(client, obj, FINALIZER) is None
        assert api.objects[f"{HOSTS}/a"]["metadata"]["finalizers"] == [FINALIZER]


# ---- status ----------------------------------------------------------------------------------------------------------


async def test_status_is_written_only_when_it_changes():
    async with api_and_client() as (api, client):
        api.put(f"{HOSTS}/a", host("a"))
        obj = await client.get(Host, "a")
        status = obj.status.model_copy(update={"address": "127.0.0.1", "cpus": 2})
        stored = await patch_status(client, obj, status)
        assert (stored.status.address, stored.status.cpus) == ("127.0.0.1", 2)
        before = len(writes(api))
        assert await patch_status(client, stored, stored.status.model_copy(deep=True)) is stored
        assert len(writes(api)) == before


async def test_status_fields_that_go_are_removed():
    async with api_and_client() as (api, client):
        api.put(f"{HOSTS}/a", host("a") | {"status": {"address": "x", "conditions": [{"type": "R", "status": "True"}]}})
        obj = await client.get(Host, "a")
        stored = await patch_status(client, obj, obj.status.model_copy(update={"conditions": []}))
        assert stored.status.conditions == []
        assert stored.status.address == "x"


async def test_status_goes_onto_a_newer_spec_but_never_over_another_status():
    async with api_and_client() as (api, client):
        api.put(f"{HOSTS}/a", host("a"))
        obj = await client.get(Host, "a")
        api.put(f"{HOSTS}/a", host("a", unschedulable=True))
        stored = await patch_status(client, obj, obj.status.model_copy(update={"cpus": 2}))
        assert (stored.spec.unschedulable, stored.status.cpus) == (True, 2)
        with pytest.raises(Conflict):
            await patch_status(client, obj, obj.status.model_copy(update={"cpus": 4}))


async def test_status_altered_in_place_is_a_defect_that_is_told():
    async with api_and_client() as (api, client):
        api.put(f"{HOSTS}/a", host("a"))
        obj = await client.get(Host, "a")
        obj.status.cpus = 4
        with pytest.raises(ValueError, match="altered in place"):
            await patch_status(client, obj, obj.status)
