"""Apply against a real server: created, configured, unchanged, and what is left to others."""

from __future__ import annotations

import pytest

from phoenix.aio.testing import ManualClock
from phoenix.apimachinery.errors import BadRequest, Conflict
from phoenix.client.apply import LAST_APPLIED, Action, apply, last_applied
from phoenix.client.retry import on_conflict
from tests.unit.runtime.miniapi import HOSTS, api_and_client, host

PATH = f"{HOSTS}/a"


def manifest(**spec):
    return {"apiVersion": "phoenix.io/v1alpha1", "kind": "Host", "metadata": {"name": "a"}, "spec": spec}


async def test_created_unchanged_configured():
    async with api_and_client() as (api, client):
        first = await apply(client, manifest(unschedulable=True))
        assert (first.action, first.before) == (Action.CREATED, None)
        assert last_applied(first.wire)["spec"] == {"unschedulable": True}
        again = await apply(client, manifest(unschedulable=True))
        assert again.action is Action.UNCHANGED
        assert again.wire["metadata"]["resourceVersion"] == first.wire["metadata"]["resourceVersion"]
        third = await apply(client, manifest(unschedulable=False))
        assert third.action is Action.CONFIGURED
        assert third.before["spec"] == {"unschedulable": True}
        assert api.objects[PATH]["spec"] == {"unschedulable": False}


async def test_fields_taken_out_go_and_those_of_others_stay():
    async with api_and_client() as (api, client):
        wire = manifest(unschedulable=True)
        wire["metadata"]["labels"] = {"mine": "1", "gone": "1"}
        await apply(client, wire)
        live = api.objects[PATH]
        meta = live["metadata"] | {"labels": live["metadata"]["labels"] | {"theirs": "1"}, "finalizers": ["f"]}
        api.put(PATH, live | {"metadata": meta, "status": {"cpus": 2}})
        del wire["metadata"]["labels"]["gone"], wire["spec"]["unschedulable"]
        assert (await apply(client, wire)).action is Action.CONFIGURED
        live = api.objects[PATH]
        assert live["metadata"]["labels"] == {"mine": "1", "theirs": "1"}
        assert live["metadata"]["finalizers"] == ["f"]
        assert live["spec"] == {}
        assert live["status"] == {"cpus": 2}


async def test_an_object_made_otherwise_is_taken_over():
    async with api_and_client() as (api, client):
        api.put(PATH, host("a", unschedulable=True))
        assert (await apply(client, manifest())).action is Action.CONFIGURED
        assert api.objects[PATH]["spec"] == {"unschedulable": True}, "nobody applied it, nobody takes it out"
        assert LAST_APPLIED in api.objects[PATH]["metadata"]["annotations"]


async def test_an_object_that_comes_between_read_and_create_is_patched():
    async with api_and_client() as (api, client):

        async def race(request):
            if request.method == "POST":
                api.before = None
                api.put(PATH, host("a"))

        api.before = race
        assert (await apply(client, manifest(unschedulable=True))).action is Action.CONFIGURED
        assert api.objects[PATH]["spec"] == {"unschedulable": True}


async def test_a_resource_version_in_the_manifest_is_a_lock():
    async with api_and_client() as (api, client):
        api.put(PATH, host("a"))
        wire = manifest(unschedulable=True)
        wire["metadata"]["resourceVersion"] = "99"
        with pytest.raises(Conflict):
            await apply(client, wire)
        assert sum(method == "PATCH" for method, _ in api.requests) == 1


async def test_what_is_asked_of_the_server():
    async with api_and_client() as (api, client):
        await apply(client, manifest(), field_manager="me", dry_run=True)
        assert api.requests[-1] == ("POST", f"{HOSTS}?fieldManager=me&fieldValidation=Strict&dryRun=All")


async def test_manifests_that_name_no_object():
    async with api_and_client() as (_, client):
        with pytest.raises(BadRequest, match=r"metadata\.name"):
            await apply(client, manifest() | {"metadata": {"generateName": "a-"}})
        with pytest.raises(BadRequest, match="Banana"):
            await apply(client, manifest() | {"kind": "Banana"})


async def test_on_conflict_gives_up_after_its_attempts():
    calls = []

    async def attempt() -> None:
        calls.append(1)
        raise Conflict("again")

    class NoWait(ManualClock):
        async def sleep(self, delay_s: float) -> None:
            assert delay_s > 0

    with pytest.raises(Conflict):
        await on_conflict(attempt, attempts=3, clock=NoWait())
    assert len(calls) == 3
