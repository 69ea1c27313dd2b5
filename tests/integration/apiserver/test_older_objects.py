"""Objects stored by rules that were wider than today's: read, listed, watched and written to; nothing gets worse."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from phoenix.api.experiment import Experiment
from phoenix.api.schema import complete
from phoenix.apimachinery.errors import Invalid
from phoenix.apiserver.codec import with_resource_version
from phoenix.apiserver.config import ServerConfig
from phoenix.apiserver.server import ApiServer
from phoenix.apiserver.target import Target
from phoenix.client.config import ClientConfig
from phoenix.client.http import HttpClient
from phoenix.store.sqlite import open_store
from tests.unit.api.test_schema import experiment

NOW_WRONG = {"timing": {"duration": "1s"}, "analysis": {"minWindows": 0, "criteria": [{"metric": "signalLoss"}]}}
"""Each breaks a bound or a cross-field rule."""


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[HttpClient]:
    """Of a server whose store already holds the experiment `old`."""
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    wire = experiment()
    wire["metadata"] |= {"name": "old", "uid": "u", "creationTimestamp": "2026-01-31T00:00:00Z", "generation": 1}
    wire["spec"] |= NOW_WRONG
    wire, _ = complete(Experiment, wire)
    async with open_store(state / "phoenix.db") as store:
        key = Target(Experiment, "default", "old").key
        await store.create(key, lambda revision: with_resource_version(wire, revision))
    async with (
        ApiServer(ServerConfig(state=state, port=0, tls=False)),
        HttpClient(ClientConfig.from_endpoint_file(state / "endpoint.json")) as opened,
    ):
        yield opened


async def test_they_are_read_and_written_and_get_no_worse(client: HttpClient) -> None:
    found = await client.get(Experiment, "old", "default")
    assert (found.spec.timing.duration.seconds, found.spec.analysis.min_windows) == (1.0, 0)
    listed = await client.list(Experiment, "default")
    assert [one.spec.to_wire() for one in listed.items] == [found.spec.to_wire()]
    async with aclosing(client.watch(Experiment, "default")) as events:
        assert (await anext(events)).object == found

    written = await client.patch(
        Experiment, "old", "default", {"status": {"verdictReason": "old"}}, subresource="status"
    )
    assert written.status.verdict_reason == "old"
    written.spec.suspend = True
    assert (await client.update(written)).spec.suspend, "what was wrong before is no reason"

    async def refused(spec: dict[str, Any], field: str) -> None:
        with pytest.raises(Invalid) as caught:
            await client.patch(Experiment, "old", "default", {"spec": spec})
        assert [cause.field for cause in caught.value.causes] == [field]

    await refused({"timing": {"duration": "1s", "interval": "1ms"}}, "spec.timing")
    await refused({"analysis": {"confidence": 7}}, "spec.analysis.confidence")
    await refused({"analysis": {"minWindows": -1}}, "spec.analysis.minWindows")
    await refused({"analysis": {"signals": 2 * [{"name": "a", "query": "up"}]}}, "spec.analysis.signals[1]")
    mended = await client.patch(Experiment, "old", "default", {"spec": {"timing": {"duration": "60s"}}})
    assert mended.spec.timing.duration == "60s"
    await refused({"timing": {"duration": "1s"}}, "spec.timing")
