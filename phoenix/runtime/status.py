"""Writing status: only what changed, and never over what another has written since."""

from __future__ import annotations

from typing import Any, TypeVar

from phoenix.apimachinery.errors import Conflict
from phoenix.apimachinery.meta import Resource
from phoenix.apimachinery.model import Model
from phoenix.client.interface import Client
from phoenix.client.merge import diff

R = TypeVar("R", bound=Resource)
_ATTEMPTS = 4


async def patch_status(client: Client, before: R, status: Model) -> R:
    """Make the object's status `status`; the object as stored, or `before` where nothing changes.

    Where the object changed since `before` was read but its status did not (a spec or label was edited), the write is
    made on the newer object: the status still says which generation it speaks of.

    Args:
        before: the object as read, its status unaltered.
        status: the new status, a value of its own (`before.status.model_copy(deep=True)`, then change).

    Raises:
        Conflict: another has written the status since; reconcile again.
        NotFound: the object is gone.
        ValueError: `status` is `before`'s own, so that no difference could be seen.
    """
    if status is getattr(before, "status", None):
        msg = f"the status of {before.ref} was altered in place: copy it, alter the copy and give that"
        raise ValueError(msg)
    kind, name, namespace = type(before), before.metadata.name, before.metadata.namespace
    old, new = _status(before), status.to_wire()
    change = diff(old, new)
    if "phase" in new and not _tells_phase(before):
        change["phase"] = new["phase"]  # NB: the default, too: it is what `get` shows of an object
    if not change:
        return before
    live = before
    for attempt in range(_ATTEMPTS):
        meta = {"resourceVersion": live.metadata.resource_version, "uid": live.metadata.uid}
        try:
            return await client.patch(kind, name, namespace, {"metadata": meta, "status": change}, subresource="status")
        except Conflict:
            live = await client.get(kind, name, namespace)
            if attempt == _ATTEMPTS - 1 or live.metadata.uid != before.metadata.uid or _status(live) != old:
                raise
    raise AssertionError("unreachable")


def _tells_phase(obj: Resource) -> bool:
    """Whether the phase is in the object as it is stored; a default that was filled in here is not."""
    status = getattr(obj, "status", None)
    return isinstance(status, Model) and "phase" in status.model_fields_set


def _status(obj: Resource) -> dict[str, Any]:
    status = obj.to_wire().get("status")
    return status if isinstance(status, dict) else {}
