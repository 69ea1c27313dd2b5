"""When a child program's token is asked for, and what a server that is away means."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from phoenix.agent.processtoken import ProcessToken
from phoenix.aio.tasks import cancel_and_wait
from phoenix.aio.testing import ManualClock
from phoenix.api.meter import Meter
from phoenix.apimachinery.errors import Forbidden, NotFound
from phoenix.apimachinery.meta import ObjectMeta
from phoenix.client.errors import Unavailable
from phoenix.client.interface import TokenGrant
from tests.harness.eventually import eventually

OBJ = Meter(metadata=ObjectMeta(name="m", namespace="default", uid="u"))


class Server:
    """Gives out numbered tokens, or what it fails with."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.asked: list[float] = []
        self.fails: Exception | None = None
        self.life_s = 24 * 3600.0

    async def request_token(self, kind: type[Any], name: str, namespace: str = "", *, uid: str = "") -> TokenGrant:
        assert (kind, name, namespace, uid) == (Meter, "m", "default", "u")
        self.asked.append(self.clock.monotonic())
        if self.fails is not None:
            raise self.fails
        return TokenGrant(f"token-{len(self.asked)}", self.clock.now() + timedelta(seconds=self.life_s))


class Bench:
    def __init__(self, folder: Path) -> None:
        self.folder, self.clock = folder, ManualClock()
        self.server = Server(self.clock)
        self.token = self.anew()
        self.tasks: list[asyncio.Task[None]] = []

    def anew(self) -> ProcessToken:
        return ProcessToken(self.folder, Path("/host/endpoint.json"), self.server, self.clock)  # type: ignore[arg-type]

    def run(self, token: ProcessToken) -> asyncio.Task[None]:
        self.tasks.append(asyncio.create_task(token.run()))
        return self.tasks[-1]

    def kept(self) -> str:
        path = self.folder / "token"
        return path.read_text() if path.exists() else ""

    async def until(self, token: str) -> None:
        async def look() -> tuple[str, bool]:
            return self.kept(), self.clock.sleepers > 0

        await eventually(look, lambda found: found == (token, True), within_s=5, what=token, every_s=0.002)


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    made = Bench(tmp_path / "u")
    yield made
    await cancel_and_wait(*made.tasks)


async def test_files_are_for_the_owner_and_name_the_hosts_own(bench: Bench) -> None:
    await bench.token.provide(OBJ)
    assert bench.kept() == "token-1"
    said = json.loads(bench.token.endpoint_file.read_text())
    assert said == {"endpointFile": "/host/endpoint.json", "tokenFile": "token"}
    assert {path.stat().st_mode & 0o777 for path in bench.folder.iterdir()} == {0o600}


async def test_nothing_is_asked_for_a_program_that_does_not_report(bench: Bench) -> None:
    bench.run(bench.token)
    await bench.clock.advance(10 * 24 * 3600)
    assert bench.server.asked == []


@pytest.mark.parametrize(("life_s", "renewed_at_s"), [(24 * 3600, 3600), (600, 300), (1, 30)])
async def test_renewed_at_half_its_life_and_every_hour(bench: Bench, life_s: float, renewed_at_s: float) -> None:
    bench.server.life_s = life_s
    await bench.token.provide(OBJ)
    bench.run(bench.token)
    await bench.clock.advance(renewed_at_s - 1)
    assert bench.kept() == "token-1"
    await bench.clock.advance(1)
    await bench.until("token-2")
    assert bench.server.asked == [0, renewed_at_s]


async def test_an_adopted_programs_token_is_renewed_at_once(bench: Bench) -> None:
    await bench.token.provide(OBJ)
    again = bench.anew()
    again.want(OBJ)
    bench.run(again)
    await bench.until("token-2")


async def test_a_server_that_is_away_holds_up_only_the_first_start(bench: Bench) -> None:
    bench.server.fails = Unavailable("server", "is away", "wait")
    with pytest.raises(Unavailable):
        await bench.token.provide(OBJ)
    bench.server.fails = None
    await bench.token.provide(OBJ)
    bench.server.fails = Unavailable("server", "is away", "wait")
    again = bench.anew()
    await again.provide(OBJ)  # a restart goes on with what there is
    bench.run(again)
    for _ in range(20):
        await bench.clock.advance(300)
    asked = len(bench.server.asked)
    assert 20 < asked < 60
    bench.server.fails = None
    await bench.clock.advance(300)
    await bench.until(f"token-{asked + 1}")


@pytest.mark.parametrize(("error", "ends"), [(NotFound("gone"), True), (Forbidden("no"), False)])
async def test_ends_with_the_object_alone(bench: Bench, error: Exception, *, ends: bool) -> None:
    bench.server.fails = error
    bench.token.want(OBJ)
    task = bench.run(bench.token)
    await bench.clock.advance(3)
    assert task.done() is ends
