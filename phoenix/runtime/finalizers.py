"""Finalizers: hold an object until what it stands for is gone."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from phoenix.apimachinery.errors import Conflict, NotFound
from phoenix.apimachinery.meta import Resource
from phoenix.client.interface import Client

R = TypeVar("R", bound=Resource)
_ATTEMPTS = 5
ORPHAN_RETRY_S = 0.5
"""When to look again at an object whose dependents are being let go of: its controller must not delete them."""


async def add_finalizer(client: Client, obj: R, finalizer: str) -> R:
    """Put the finalizer on; the object as stored. Nothing is written where it is there.

    Raises:
        NotFound: the object is gone, or is another of the same name.
        Conflict: it is being deleted (no finalizer can be added then), or it changes all the time.
    """
    live = await _change(
        client, obj, lambda present: present if finalizer in present else [*present, finalizer], adding=True
    )
    if live is None:
        msg = f"{obj.ref} is gone"
        raise NotFound(msg, name=obj.metadata.name, kind=obj.info.plural)
    return live


async def remove_finalizer(client: Client, obj: R, finalizer: str) -> R | None:
    """Take the finalizer off; the object as stored, None where it is gone or another of the same name is there.

    Raises:
        Conflict: it changes all the time.
    """
    return await _change(client, obj, lambda present: [name for name in present if name != finalizer], adding=False)


async def _change(client: Client, obj: R, change: Callable[[list[str]], list[str]], *, adding: bool) -> R | None:
    kind, name, namespace = type(obj), obj.metadata.name, obj.metadata.namespace
    live = obj
    for attempt in range(_ATTEMPTS):
        meta = live.metadata
        if meta.uid != obj.metadata.uid:
            return None
        wanted = change(meta.finalizers)
        if wanted == meta.finalizers:
            return live
        if adding and meta.deletion_timestamp:
            msg = f"{obj.ref} is being deleted: no finalizer can be added"
            raise Conflict(msg, name=name, kind=obj.info.plural)
        # NB: a merge patch replaces the whole list; the version keeps it from undoing another's change.
        patch = {"metadata": {"finalizers": wanted, "resourceVersion": meta.resource_version}}
        try:
            return await client.patch(kind, name, namespace, patch)
        except NotFound:
            return None
        except Conflict:
            if attempt == _ATTEMPTS - 1:
                raise
        try:
            live = await client.get(kind, name, namespace)
        except NotFound:
            return None
    raise AssertionError("unreachable")
