"""Objects by name, with a suggestion when there is none of that name."""

from __future__ import annotations

from typing import Any, TypeVar

from phoenix.api.core import Namespace
from phoenix.apimachinery.errors import ApiError, NotFound
from phoenix.apimachinery.meta import KindInfo, Resource
from phoenix.cli.errors import CliError, did_you_mean
from phoenix.cli.kinds import scope
from phoenix.client.http import HttpClient

R = TypeVar("R", bound=Resource)


async def fetch(
    client: HttpClient, info: KindInfo, name: str, namespace: str, *, table: bool = False
) -> dict[str, Any]:
    """An object (or Table of it) as on the wire. Raises CliError naming what is near or where else it is."""
    try:
        return await client.raw_get(info, name, scope(info, namespace), table=table)
    except NotFound as error:
        raise await not_found(client, info, name, namespace) from error


async def fetch_typed(client: HttpClient, kind: type[R], name: str, namespace: str) -> R:
    """As `fetch`, as a model."""
    return kind.from_stored(await fetch(client, kind.info, name, namespace))


async def not_found(client: HttpClient, info: KindInfo, name: str, namespace: str) -> CliError:
    """What to say of an object that is not there."""
    where = f' in namespace "{namespace}"' if info.namespaced else ""
    message = f'there is no {info.singular} "{name}"{where}'
    try:
        listed = await client.raw_list(info, "")
    except ApiError:
        return CliError(message)
    here = [item["metadata"] for item in listed.get("items") or []]
    elsewhere = [meta["namespace"] for meta in here if meta["name"] == name and meta.get("namespace") != namespace]
    if info.namespaced and elsewhere:
        return CliError(message, f'it is in namespace "{elsewhere[0]}": add -n {elsewhere[0]}')
    names = [meta["name"] for meta in here if not info.namespaced or meta.get("namespace") == namespace]
    hint = did_you_mean(name, names) or (f"there is: {', '.join(sorted(names)[:8])}" if names else "there is none yet")
    return CliError(message, hint)


async def namespace_hint(client: HttpClient, namespace: str) -> str:
    """What to say of a namespace that is not there; empty where it is, or where one may not look."""
    try:
        listed = await client.raw_list(Namespace.info, "")
    except ApiError:
        return ""
    names = [item["metadata"]["name"] for item in listed.get("items") or []]
    if namespace in names:
        return ""
    hint = did_you_mean(namespace, names) or f"there is: {', '.join(sorted(names)[:8])}"
    return f"there is no such namespace; {hint}"
