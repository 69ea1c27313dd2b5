"""What a controller remembers of its writes is bounded, whatever becomes of the objects."""

from __future__ import annotations

from pathlib import Path

from phoenix.aio.testing import ManualClock
from phoenix.api.host import Host, HostSpec
from phoenix.apimachinery.meta import ObjectKey, ObjectMeta
from phoenix.runtime.expectations import Expectations, TrackingClient
from phoenix.runtime.informer import InformerFactory
from tests.integration.runtime.test_runtime_and_server import serving


async def test_writes_for_objects_that_never_come_again_are_forgotten(tmp_path: Path) -> None:
    clock = ManualClock()
    async with serving(tmp_path / "state") as client:
        found, tracking = Expectations(InformerFactory(client), clock=clock), TrackingClient(client)
        for number in range(100):
            with found.recording(ObjectKey("", f"host-{number}")):
                await tracking.create(Host(metadata=ObjectMeta(name=f"host-{number}"), spec=HostSpec()))
            await clock.advance(1.0)
    assert 30 <= found.remembered <= 32  # those of the last half minute
