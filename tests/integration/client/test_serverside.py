"""Server-side apply by the client: manifests and models, and the way there from client-side apply."""

from __future__ import annotations

from typing import Any

import pytest

from phoenix.api.core import Namespace
from phoenix.apimachinery.errors import BadRequest, Conflict
from phoenix.apimachinery.meta import ObjectMeta
from phoenix.apiserver.server import ApiServer
from phoenix.client.apply import LAST_APPLIED, apply
from phoenix.client.config import ClientConfig
from phoenix.client.http import HttpClient
from phoenix.client.serverside import take_over_client_side
from tests.integration.apiserver.conftest import experiment, server

__all__ = ["server"]


def _client(server: ApiServer) -> HttpClient:
    return HttpClient(ClientConfig(server=server.url, token=server.token))


def _owners(wire: dict[str, Any]) -> set[tuple[str, str]]:
    return {(one["manager"], one["operation"]) for one in wire["metadata"]["managedFields"]}


async def test_manifests_and_models(server: ApiServer) -> None:
    async with _client(server) as client:
        made = await client.server_side_apply(experiment("a"), field_manager="me")
        assert made.created
        assert not (await client.server_side_apply(experiment("a"), field_manager="me", dry_run=True)).created
        space = Namespace(metadata=ObjectMeta(name="team", labels={"x": "y"}))
        applied = await client.server_side_apply(space, field_manager="me")
        (entry,) = applied.wire["metadata"]["managedFields"]
        assert entry["fieldsV1"] == {"f:metadata": {"f:labels": {"f:x": {}}}}
        await client.server_side_apply(experiment("a") | {"spec": {"suspend": True}}, field_manager="first")
        other = experiment("a")
        other["spec"]["suspend"] = False
        with pytest.raises(Conflict) as caught:
            await client.server_side_apply(other, field_manager="me")
        assert [cause.field for cause in caught.value.causes] == [".spec.suspend"]


@pytest.mark.parametrize("wire", [{"kind": "Nothing"}, {**experiment("a"), "metadata": {}}])
async def test_what_names_no_object_is_refused_here(server: ApiServer, wire: dict[str, Any]) -> None:
    async with _client(server) as client:
        with pytest.raises(BadRequest):
            await client.server_side_apply(wire, field_manager="me")


async def test_what_was_applied_client_side_goes_when_the_manifest_leaves_it_out(server: ApiServer) -> None:
    async with _client(server) as client:
        await apply(client, experiment("a", labels={"x": "y"}))
        live = (await apply(client, experiment("a", labels={"x": "y"}))).wire
        assert _owners(live) == {("phoenixctl", "Update")}
        await take_over_client_side(client, live, "phoenixctl")
        done = await client.server_side_apply(experiment("a"), field_manager="phoenixctl")
        assert _owners(done.wire) == {("phoenixctl", "Apply")}
        assert "labels" not in done.wire["metadata"]
        assert LAST_APPLIED not in done.wire["metadata"].get("annotations", {})
        await take_over_client_side(client, done.wire, "phoenixctl")  # nothing left to take over
