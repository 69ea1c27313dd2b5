"""Server-side apply from the client's side: a manifest goes to the server, which merges it and keeps who set what."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from phoenix.api.scheme import BY_GVK
from phoenix.apimachinery.errors import BadRequest, Conflict, NotFound
from phoenix.apimachinery.meta import Resource
from phoenix.client.transport import decode
from phoenix.fieldmanagers.entries import stored_entries, to_wire
from phoenix.fieldmanagers.ownership import LAST_APPLIED
from phoenix.fieldmanagers.upgrade import applied_instead

if TYPE_CHECKING:
    from phoenix.client.http import HttpClient

APPLY_PATCH = "application/apply-patch+yaml"
JSON_PATCH = "application/json-patch+json"
OWN_MANAGER = "phoenixctl"
KUBECTL_CLIENT_SIDE = "kubectl-client-side-apply"

Wire = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ServerApplied:
    """The object as the server has it now; `created`: it was not there before."""

    wire: Wire
    created: bool


async def server_side_apply(
    client: HttpClient,
    obj: Mapping[str, Any] | Resource,
    *,
    field_manager: str,
    force: bool = False,
    dry_run: bool = False,
    namespace: str = "default",
    subresource: str = "",
    field_validation: str = "Strict",
) -> ServerApplied:
    """See `HttpClient.server_side_apply`."""
    wire = _of_resource(obj) if isinstance(obj, Resource) else dict(obj)
    kind = BY_GVK.get((str(wire.get("apiVersion")), str(wire.get("kind"))))
    if kind is None:
        msg = f"no kind {wire.get('kind')!r} in {wire.get('apiVersion')!r}: check apiVersion and kind"
        raise BadRequest(msg)
    meta = wire.get("metadata")
    name = meta.get("name") if isinstance(meta, Mapping) else None
    if not isinstance(meta, Mapping) or not isinstance(name, str) or not name:
        msg = f"the {kind.info.kind} has no metadata.name: apply needs to know which object is meant"
        raise BadRequest(msg)
    where = str(meta.get("namespace") or namespace) if kind.info.namespaced else ""
    params = {"fieldManager": field_manager, "fieldValidation": field_validation, "force": str(force).lower()}
    if dry_run:
        params["dryRun"] = "All"
    answer = await client.request(
        "PATCH",
        kind.info.path(where, name, subresource),
        body=orjson.dumps(wire),
        params=params,
        headers={"Content-Type": APPLY_PATCH, "Accept": "application/json"},
    )
    made: Wire = decode(answer, client.server)
    return ServerApplied(made, answer.status == 201)


async def take_over_client_side(client: HttpClient, live: Wire, field_manager: str) -> None:
    """Before the first server-side apply of an object that was applied client-side: own as applier what that set.

    Does nothing for other objects. When another writer is first the object is left as it is.
    """
    meta = live["metadata"]
    if LAST_APPLIED not in (meta.get("annotations") or {}):
        return
    names = {field_manager} | ({KUBECTL_CLIENT_SIDE} if field_manager == OWN_MANAGER else set())
    entries = stored_entries(meta.get("managedFields"))
    moved = applied_instead(entries, names, field_manager)
    if moved is entries:
        return
    info = BY_GVK[live["apiVersion"], live["kind"]].info
    patch = [
        {"op": "replace", "path": "/metadata/managedFields", "value": to_wire(moved)},
        {"op": "replace", "path": "/metadata/resourceVersion", "value": meta["resourceVersion"]},
    ]
    answer = await client.request(
        "PATCH",
        info.path(meta.get("namespace", ""), meta["name"]),
        body=orjson.dumps(patch),
        params={"fieldManager": field_manager},
        headers={"Content-Type": JSON_PATCH, "Accept": "application/json"},
    )
    with suppress(Conflict, NotFound):
        decode(answer, client.server)


def _of_resource(obj: Resource) -> Wire:
    """Only what was set on the model: its defaults are not this manager's to own."""
    wire = obj.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_unset=True)
    return {"apiVersion": obj.info.api_version, "kind": obj.info.kind, **wire}
