"""What every reconciler does to the objects it makes: create if absent, delete if present, list by owner."""

from __future__ import annotations

from typing import TypeVar

from phoenix.apimachinery.errors import AlreadyExists, NotFound
from phoenix.apimachinery.meta import Resource, controller_of
from phoenix.client.interface import Client

R = TypeVar("R", bound=Resource)


async def create_if_absent(client: Client, obj: R) -> R | None:
    """Create; None when an object of that name is there already (of whomever: look before you use it)."""
    try:
        return await client.create(obj)
    except AlreadyExists:
        return None


async def delete_if_present(client: Client, obj: Resource) -> None:
    """Delete exactly this object (by uid); nothing happens when it is gone or terminating."""
    if obj.metadata.deletion_timestamp is not None:
        return
    try:
        await client.delete(type(obj), obj.metadata.name, obj.metadata.namespace, uid=obj.metadata.uid)
    except NotFound:
        return


async def get_or_none(client: Client, kind: type[R], name: str, namespace: str = "") -> R | None:
    """The object or None."""
    try:
        return await client.get(kind, name, namespace)
    except NotFound:
        return None


async def list_owned(client: Client, kind: type[R], owner: Resource, label_selector: str) -> tuple[R, ...]:
    """Objects of a kind that `owner` controls (by uid), found by label, by name; terminating ones included."""
    found = await client.list(kind, owner.metadata.namespace, label_selector=label_selector)
    owned = []
    for item in found.items:
        ref = controller_of(item)
        if ref is not None and ref.uid == owner.metadata.uid:
            owned.append(item)
    return tuple(sorted(owned, key=lambda item: item.metadata.name))


async def name_taken(client: Client, wanted: R, owner: Resource) -> str:
    """Why `owner` cannot have a child of this name, with what to do; empty where it can, or has it."""
    found = await get_or_none(client, type(wanted), wanted.metadata.name, wanted.metadata.namespace)
    if found is None:
        return ""
    ref = controller_of(found)
    if ref is not None and ref.uid == owner.metadata.uid:
        return ""
    if found.metadata.deletion_timestamp is not None or (ref is not None and ref.name == owner.metadata.name):
        return f"{found.ref} of before to be gone"
    whose = f"belongs to {ref.kind.lower()}/{ref.name}" if ref is not None else "is another's"
    return f"{found.ref}, which {whose}: delete it, or give {owner.ref} another name"
