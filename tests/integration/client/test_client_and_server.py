"""The client and the real API server, over TLS, as `phoenixctl` and the controllers use them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from phoenix.api.core import Event, Namespace
from phoenix.api.host import Host, HostSpec
from phoenix.api.pipeline import PipelineDeployment
from phoenix.apimachinery.errors import AlreadyExists, ApiError, Conflict, Invalid, NotFound, Unauthorized
from phoenix.apimachinery.meta import ObjectMeta
from phoenix.apiserver.server import ApiServer, ServerConfig
from phoenix.client.apply import Action, apply
from phoenix.client.config import ClientConfig
from phoenix.client.errors import Unavailable
from phoenix.client.http import HttpClient
from phoenix.manifest.loader import load_text
from phoenix.runtime.events import EventRecorder, data_of
from phoenix.samples.model import ProcessSample, SampleKind

DEPLOYMENT = """
apiVersion: phoenix.io/v1alpha1
kind: PipelineDeployment
metadata:
  name: plain
  labels: {team: a}
spec:
  pipeline:
    config:
      receivers: {otlp: {protocols: {http: {endpoint: "127.0.0.1:4318"}}}}
      exporters: {debug: {}}
      service: {pipelines: {metrics: {receivers: [otlp], exporters: [debug]}}}
"""


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[ApiServer]:
    async with ApiServer(ServerConfig(state=tmp_path / "state", port=0)) as running:
        yield running


@pytest.fixture
async def client(server: ApiServer, tmp_path: Path) -> AsyncIterator[HttpClient]:
    async with HttpClient(ClientConfig.from_endpoint_file(tmp_path / "state" / "endpoint.json")) as opened:
        yield opened


def host(name: str, **labels: str) -> Host:
    return Host(metadata=ObjectMeta(name=name, labels=labels))


async def test_both_ways_to_the_server(server, client, tmp_path):
    assert (await client.list(Namespace)).items[0].metadata.name == "default"
    config = ClientConfig.from_kubeconfig(tmp_path / "state" / "kubeconfig")
    async with HttpClient(config) as other:
        assert (await other.list(Namespace)).items
    async with HttpClient(ClientConfig(server.url, server.ca_file, token="wrong")) as stranger:
        with pytest.raises(Unauthorized):
            await stranger.list(Namespace)
    async with HttpClient(ClientConfig(server.url, None, token=server.token)) as doubter:
        with pytest.raises(Unavailable, match="not trusted"):
            await doubter.list(Namespace)


async def test_typed_verbs(client):
    made = await client.create(host("a", team="x"))
    assert made.metadata.uid
    assert made.metadata.generation == 1
    with pytest.raises(AlreadyExists):
        await client.create(host("a"))
    changed = await client.update(made.model_copy(update={"spec": HostSpec(unschedulable=True)}))
    assert changed.metadata.generation == 2
    with pytest.raises(Conflict):
        await client.update(made)
    stated = await client.update_status(
        changed.model_copy(update={"status": changed.status.model_copy(update={"cpus": 4})})
    )
    assert (stated.status.cpus, stated.metadata.generation) == (4, 2)
    patched = await client.patch(Host, "a", "", {"metadata": {"labels": {"team": None, "zone": "z"}}})
    assert patched.metadata.labels == {"zone": "z"}
    with pytest.raises(Conflict):
        await client.patch(Host, "a", "", {"metadata": {"resourceVersion": made.metadata.resource_version}})
    await client.create(host("b"))
    assert [obj.metadata.name for obj in (await client.list(Host, label_selector="zone=z")).items] == ["a"]
    assert [obj.metadata.name for obj in (await client.list(Host, field_selector="metadata.name=b")).items] == ["b"]
    with pytest.raises(Conflict):
        await client.delete(Host, "a", uid="another")
    await client.delete(Host, "a", uid=made.metadata.uid)
    with pytest.raises(NotFound):
        await client.get(Host, "a")
    with pytest.raises(Invalid) as caught:
        await client.create(host("Not A Name"))
    assert caught.value.causes


async def test_watch_from_a_list_misses_nothing(client):
    listed = await client.list(Host)
    await client.create(host("a"))
    await client.patch(Host, "a", "", {"spec": {"unschedulable": True}})
    await client.delete(Host, "a")
    async with asyncio.timeout(40), aclosing(client.watch(Host, resource_version=listed.resource_version)) as events:
        seen = [(await anext(events)) for _ in range(3)]
    assert [event.type for event in seen] == ["ADDED", "MODIFIED", "DELETED"]
    versions = [int(event.resource_version) for event in seen]
    assert versions == sorted(set(versions))


async def test_a_watch_without_a_version_begins_with_what_is_there(client):
    await client.create(host("a"))
    async with asyncio.timeout(40), aclosing(client.watch(Host)) as events:
        assert (await anext(events)).object.metadata.name == "a"


async def test_raw_verbs_give_tables(client):
    await client.create(host("a"))
    table = await client.raw_list(Host.info, table=True)
    assert table["kind"] == "Table"
    assert table["rows"][0]["cells"][0] == "a"
    assert (await client.raw_get(Host.info, "a", table=True))["kind"] == "Table"
    assert (await client.raw_get(Host.info, "a"))["kind"] == "Host"
    async with asyncio.timeout(40), aclosing(client.raw_watch(Host.info, table=True)) as events:
        assert (await anext(events))["object"]["kind"] == "Table"


async def test_samples_are_kept_once(client):
    await apply(client, _experiment())
    sample = ProcessSample(
        run=1, host="h", variant="v", window_start=10, window_end=20, instance="i", read_at=20, cpu_seconds=0.5
    )
    for _ in range(2):
        await client.post_samples("default", "x", [sample])
    assert list(await client.list_samples("default", "x", run=1)) == [sample]
    assert list(await client.list_samples("default", "x", run=1, kind=SampleKind.OUTPUT)) == []
    assert list(await client.list_samples("default", "x", run=1, since=11)) == []


def _experiment() -> dict[str, Any]:
    return {
        "apiVersion": "phoenix.io/v1alpha1",
        "kind": "Experiment",
        "metadata": {"name": "x"},
        "spec": {
            "source": {"load": {"profileRef": {"name": "realistic"}}},
            "variants": [
                {"name": name, "role": role, "pipeline": {"templateRef": {"name": name}}}
                for name, role in (("baseline", "Baseline"), ("http-lean", "Candidate"))
            ],
        },
    }


async def test_apply_is_declarative(client):
    (manifest,) = load_text(DEPLOYMENT, "f.yaml")
    first = await apply(client, manifest.wire)
    assert first.action is Action.CREATED
    assert (await apply(client, manifest.wire)).action is Action.UNCHANGED
    await client.patch(PipelineDeployment, "plain", "default", {"metadata": {"labels": {"theirs": "1"}}})
    manifest.wire["metadata"]["labels"] = {}
    dry = await apply(client, manifest.wire, dry_run=True)
    assert dry.action is Action.CONFIGURED
    assert (await client.get(PipelineDeployment, "plain", "default")).metadata.labels == {"team": "a", "theirs": "1"}
    assert (await apply(client, manifest.wire)).action is Action.CONFIGURED
    assert (await client.get(PipelineDeployment, "plain", "default")).metadata.labels == {"theirs": "1"}


async def test_an_experiment_with_defaults_in_its_lists_is_unchanged_when_applied_again(client):
    first = await apply(client, _experiment())
    again = await apply(client, _experiment())
    assert (first.action, again.action) == (Action.CREATED, Action.UNCHANGED)
    assert again.wire["metadata"]["generation"] == 1


async def test_faults_have_the_line_they_were_written_on(client):
    (manifest,) = load_text(DEPLOYMENT + "  bogus: 1\n", "f.yaml")
    with pytest.raises(ApiError) as caught:
        await apply(client, manifest.wire)
    assert "spec.bogus" in str(caught.value)
    assert manifest.where("spec.bogus") == "f.yaml:13"


async def test_events_of_an_object_are_found_by_its_uid(client):
    obj = await client.create(host("a"))
    events = EventRecorder(client, "test")
    await events.record(obj, "ProcessStarted", "it runs", data={"pid": 7})
    await events.record(obj, "ProcessStarted", "it runs", data={"pid": 7})
    await events.record(obj, "ProcessExited", "it ended")
    found = (await client.list(Event, "default", field_selector=f"involvedObject.uid={obj.metadata.uid}")).items
    found.sort(key=lambda event: int(event.metadata.resource_version))
    assert [(event.reason, event.count) for event in found] == [("ProcessStarted", 2), ("ProcessExited", 1)]
    assert data_of(found[0]) == {"pid": "7"}


async def test_a_namespace_that_is_going_takes_no_events_and_holds_nobody_up(client):
    await client.create(Namespace(metadata=ObjectMeta(name="lab")))
    made = load_text(
        DEPLOYMENT.replace("name: plain", "name: plain\n  namespace: lab\n  finalizers: [example.com/hold]")
    )
    obj = await client.create(PipelineDeployment.from_wire(made[0].wire))
    await client.delete(Namespace, "lab")
    event = await EventRecorder(client, "test").record(obj, "ProcessStopped", "its processes are gone")
    assert (event.reason, event.metadata.resource_version) == ("ProcessStopped", "")
    assert not (await client.list(Event, "lab")).items
