"""Stands in for the API server's samples route, for child programs run by themselves."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Generic, TypeVar

from aiohttp import web

from phoenix.agent.ports import Ports
from phoenix.samples.model import InputSample, OutputSample, SampleBatch

T = TypeVar("T", InputSample, OutputSample)
_PORTS = Ports("127.0.0.1")
PATH = "/apis/phoenix.io/v1alpha1/namespaces/default/experiments/x/samples"


class SamplesRoute(Generic[T]):
    """Keeps what is reported to experiment `x`; every sample must be of one type and carry the token."""

    def __init__(self, type_: type[T]) -> None:
        self.samples: list[T] = []
        self._type = type_

    async def take(self, request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == "Bearer secret"
        for sample in SampleBatch.from_wire(await request.json()).samples:
            assert isinstance(sample, self._type)
            self.samples.append(sample)
        return web.Response(status=202)

    def of(self, variant: str) -> list[T]:
        """Samples of one variant, by window."""
        return sorted((s for s in self.samples if s.variant == variant), key=lambda s: s.window_start)


@contextlib.asynccontextmanager
async def samples_route(folder: Path, type_: type[T]) -> AsyncIterator[SamplesRoute[T]]:
    """Serve the route; `folder` gets the endpoint.json and token a program is given."""
    route = SamplesRoute(type_)
    app = web.Application()
    app.router.add_post(PATH, route.take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    (folder / "token").write_text("secret")
    endpoint = {"server": f"http://127.0.0.1:{runner.addresses[0][1]}", "tokenFile": str(folder / "token")}
    (folder / "endpoint.json").write_text(json.dumps(endpoint))
    try:
        yield route
    finally:
        await runner.cleanup()


def free_port() -> int:
    """A port nobody has, outside the range from which the kernel gives them to others; never the same twice."""
    return _PORTS.take(["any"])["any"]
