"""A meter of what runs elsewhere, and a Prometheus that is slow, or does not tell everything."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from aiohttp import web

from phoenix.meter.http import Readiness
from phoenix.meter.observation import Observation, read_observation
from phoenix.meter.observer import Observer
from phoenix.meter.variant import Stamp
from phoenix.samples.model import OutputSample, Sample
from tests.harness.eventually import eventually

S = 10**9


class Sink:
    """Keeps what is reported."""

    def __init__(self) -> None:
        self.samples: list[Sample] = []

    def put(self, samples: Iterable[Sample]) -> None:
        self.samples += samples

    async def told(self) -> int:
        return len(self.samples)


class Prometheus:
    """Has one series of one metric, but does not know labels; `silent` and `away`: so it is."""

    def __init__(self, *, silent: bool = False, away: bool = False) -> None:
        self.silent, self.away, self.asked = silent, away, asyncio.Event()

    async def version(self, _: web.Request) -> web.Response:
        if self.away:
            return web.Response(status=502)
        return web.json_response({"status": "success", "data": {"version": "3.0.0"}})

    async def query(self, request: web.Request) -> web.Response:
        await request.post()
        self.asked.set()
        if self.silent:
            await asyncio.sleep(600)
        row = {"metric": {"__name__": "up"}, "value": [1.0, "1"]}
        return web.json_response({"status": "success", "data": {"resultType": "vector", "result": [row]}})

    async def labels(self, _: web.Request) -> web.Response:
        return web.json_response({"status": "error", "error": "too many samples"}, status=422)


@asynccontextmanager
async def observed(prometheus: Prometheus) -> AsyncIterator[Observation]:
    app = web.Application()
    app.router.add_get("/api/v1/status/buildinfo", prometheus.version)
    app.router.add_post("/api/v1/query", prometheus.query)
    app.router.add_post("/api/v1/labels", prometheus.labels)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        wire = {
            "url": f"http://{host}:{port}", "selectors": {"old": '{job="old"}'}, "lagNano": 0,
            "fromUnixNano": 10 * S, "toUnixNano": 14 * S,
        }  # fmt: skip
        yield read_observation(wire, window_ns=2 * S, queries=(), critical={})
    finally:
        await runner.cleanup()


async def test_a_prometheus_that_does_not_say_what_makes_the_series_makes_no_run_invalid() -> None:
    sink, stop = Sink(), asyncio.Event()
    async with observed(Prometheus()) as observation:
        running = asyncio.create_task(Observer(observation, Stamp(1, "h", "i"), sink, Readiness()).run(stop))
        await eventually(sink.told, lambda told: told == 2, within_s=60, what="two windows reported")
        stop.set()
        await running
    for sample in sink.samples:
        assert isinstance(sample, OutputSample)
        assert (sample.problem, sample.active_series, sample.contributions) == ("", 1, [])


async def test_who_is_to_end_does_not_wait_for_a_prometheus_that_keeps_silent() -> None:
    sink, stop, prometheus = Sink(), asyncio.Event(), Prometheus(silent=True)
    async with observed(prometheus) as observation:
        running = asyncio.create_task(Observer(observation, Stamp(1, "h", "i"), sink, Readiness()).run(stop))
        await prometheus.asked.wait()
        stop.set()
        await asyncio.wait_for(running, 60)
    assert sink.samples == [], "it did not wait: else it would report that Prometheus gave no answer"


async def test_it_is_ready_once_prometheus_has_answered_and_says_before_what_it_waits_for() -> None:
    sink, stop, prometheus, readiness = Sink(), asyncio.Event(), Prometheus(away=True), Readiness()

    async def told() -> Readiness:
        return readiness

    async with observed(prometheus) as observation:
        running = asyncio.create_task(Observer(observation, Stamp(1, "h", "i"), sink, readiness).run(stop))
        await eventually(told, lambda found: observation.url in found.lacks, within_s=40, what="what it waits for")
        assert not readiness.ready
        assert sink.samples == []
        prometheus.away = False
        await eventually(told, lambda found: found.ready, within_s=40, what="it is ready")
        prometheus.away = True
        stop.set()
        await running
    assert readiness.ready, "a Prometheus that is away for a while is waited for"
