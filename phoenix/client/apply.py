"""Declarative apply: make an object what its manifest says, and leave what others have set.

As kubectl's client-side apply does it: the manifest last applied is kept in an annotation, so that a field that was
taken out of the manifest is taken out of the object, and a field that somebody else set is not.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import orjson

from phoenix.api.scheme import BY_GVK
from phoenix.apimachinery.errors import BadRequest, NotFound
from phoenix.apimachinery.meta import KindInfo
from phoenix.client.http import HttpClient
from phoenix.client.merge import three_way
from phoenix.client.retry import on_conflict

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"

Wire = dict[str, Any]


class Action(StrEnum):
    """What apply did."""

    CREATED = "created"
    CONFIGURED = "configured"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Applied:
    """The outcome: what was done, the object as it is now, and as it was before (None: it was not there)."""

    action: Action
    wire: Wire
    before: Wire | None


async def apply(
    client: HttpClient,
    wire: Mapping[str, Any],
    *,
    namespace: str = "default",
    field_manager: str = "phoenixctl",
    field_validation: str = "Strict",
    dry_run: bool = False,
) -> Applied:
    """Create the object or bring it to what `wire` says.

    Args:
        wire: a manifest: apiVersion, kind, metadata.name, what is wanted. Not altered.
        namespace: where namespaced objects go whose manifest says nothing.
        field_manager: who wants it, in managedFields.
        field_validation: Strict (unknown fields are refused), Warn or Ignore.
        dry_run: do everything but store.

    Raises:
        Invalid, BadRequest: the manifest is wrong.
        Conflict: it carries a resourceVersion that is old, or the object changes all the time.
    """
    info = _info(wire)
    wanted, name, namespace = _wanted(wire, info, namespace)
    params = {"fieldManager": field_manager, "fieldValidation": field_validation}
    if dry_run:
        params["dryRun"] = "All"

    async def attempt() -> Applied:
        try:
            live = await client.raw_get(info, name, namespace)
        except NotFound:
            made = await client.raw_create(info, _without_nulls(wanted), namespace, params=params)
            return Applied(Action.CREATED, made, None)
        patch = three_way(last_applied(live), wanted, live)
        if not patch:
            return Applied(Action.UNCHANGED, live, live)
        after = await client.raw_patch(info, name, namespace, patch, params=params)
        # NB: lists are replaced whole, and the live ones hold defaults; the server knows that nothing changed then.
        same = after["metadata"].get("resourceVersion") == live["metadata"].get("resourceVersion") and not dry_run
        return Applied(Action.UNCHANGED if same else Action.CONFIGURED, after, live)

    locked = bool(wanted["metadata"].get("resourceVersion"))
    return await (attempt() if locked else on_conflict(attempt))


def last_applied(live: Mapping[str, Any]) -> Wire:
    """The manifest in the object's annotation; empty where there is none that can be read."""
    try:
        value = orjson.loads((live["metadata"].get("annotations") or {})[LAST_APPLIED])
    except (KeyError, orjson.JSONDecodeError):
        return {}
    return value if isinstance(value, dict) else {}


def _info(wire: Mapping[str, Any]) -> KindInfo:
    kind = BY_GVK.get((str(wire.get("apiVersion")), str(wire.get("kind"))))
    if kind is None:
        msg = f"no kind {wire.get('kind')!r} in {wire.get('apiVersion')!r}: check apiVersion and kind"
        raise BadRequest(msg)
    return kind.info


def _wanted(wire: Mapping[str, Any], info: KindInfo, namespace: str) -> tuple[Wire, str, str]:
    """The manifest with namespace and annotation filled in, its name and its namespace."""
    wanted = copy.deepcopy(dict(wire))
    wanted.pop("status", None)  # not anybody's to apply
    meta = wanted.get("metadata")
    name = meta.get("name") if isinstance(meta, dict) else None
    if not isinstance(meta, dict) or not isinstance(name, str) or not name:
        msg = f"the {info.kind} has no metadata.name: apply needs to know which object is meant"
        raise BadRequest(msg)
    namespace = str(meta.get("namespace") or namespace) if info.namespaced else ""
    if namespace:
        meta["namespace"] = namespace
    annotations = dict(meta.get("annotations") or {})
    annotations.pop(LAST_APPLIED, None)
    meta["annotations"] = annotations
    kept = orjson.dumps(wanted, option=orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE).decode()
    meta["annotations"] = annotations | {LAST_APPLIED: kept}
    return wanted, name, namespace


def _without_nulls(value: Any) -> Any:
    """A null in a manifest asks for absence."""
    if isinstance(value, dict):
        return {key: _without_nulls(child) for key, child in value.items() if child is not None}
    return value
