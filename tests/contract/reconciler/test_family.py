"""The suite on a small reconciler that uses every helper of the runtime: the pattern for those of controllers/."""

from __future__ import annotations

from phoenix.aio.testing import ManualClock
from phoenix.api.core import Event
from phoenix.api.host import Host
from phoenix.apimachinery.errors import NotFound
from phoenix.apimachinery.meta import ObjectKey, ObjectMeta, owner_reference
from phoenix.client.interface import Client
from phoenix.runtime.children import create_if_absent, list_owned
from phoenix.runtime.events import EventRecorder
from phoenix.runtime.finalizers import add_finalizer
from phoenix.runtime.reconcile import Request, Result
from phoenix.runtime.status import patch_status
from tests.contract.reconciler.suite import ReconcilerContract

WANTED = 3


class Family:
    """Keeps three children, counts them in the status and tells when they are complete."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.events = EventRecorder(client, "family", clock=ManualClock())

    async def reconcile(self, request: Request) -> Result:
        try:
            parent = await self.client.get(Host, request.key.name)
        except NotFound:
            return Result()
        parent = await add_finalizer(self.client, parent, "phoenix.io/family")
        for number in range(WANTED):
            meta = ObjectMeta(
                name=f"{request.key.name}-{number}",
                labels={"phoenix.io/family": request.key.name},
                owner_references=[owner_reference(parent)],
            )
            await self._child(Host(metadata=meta))
        children = await list_owned(self.client, Host, parent, f"phoenix.io/family={request.key.name}")
        if parent.status.processes != len(children):
            await self.events.record(parent, "Complete", "all children are there", data={"children": len(children)})
        await patch_status(self.client, parent, parent.status.model_copy(update={"processes": len(children)}))
        return Result()

    async def _child(self, child: Host) -> None:
        try:
            await self.client.get(Host, child.metadata.name)
        except NotFound:
            await create_if_absent(self.client, child)


class TestFamily(ReconcilerContract):
    key = ObjectKey("", "p")

    def make(self, client: Client) -> Family:
        return Family(client)

    async def given(self, client: Client) -> None:
        await client.create(Host(metadata=ObjectMeta(name="p")))

    async def check(self, client: Client) -> None:
        listed = (await client.list(Host)).items
        assert sorted(obj.metadata.name for obj in listed) == ["p", "p-0", "p-1", "p-2"]
        assert (await client.get(Host, "p")).status.processes == WANTED
        # The event may have been told twice (told, then cancelled before the status said so): counted, not repeated.
        assert len((await client.list(Event)).items) == 1
