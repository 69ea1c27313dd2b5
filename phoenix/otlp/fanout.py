"""The same bytes to every target, at nearly the same time, and an account of what each of them took.

Why it exists: a comparison is only worth something when its variants had identical input. Generator and the engine's
`phoenix_tee` exporter hand every payload to one Fanout, which posts the same bytes object over OTLP/HTTP, uncompressed,
on one kept connection a target. Targets take turns at being first. A request is never sent again.

Each target has a lane: one request in flight, and the payloads of at most one tick waiting. A target that is still
busy when the next tick comes misses the tick that waited, which is counted, so that a stalled target neither holds the
others up nor gets a burst later. Windows go to `phoenix.samples.inputs`.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

import aiohttp
from aiohttp.payload import BytesPayload, Payload
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse

from phoenix.aio.tasks import cancel_and_wait
from phoenix.otlp.sentwindows import Outcome, SentWindow, SentWindows

_LOG = logging.getLogger("phoenix.otlp.fanout")
_HEADERS = {"Content-Type": "application/x-protobuf"}
_MAX_ANSWER_BYTES = 64 * 1024
_ANSWERED = frozenset({200, 202, 204})


@dataclass(frozen=True, slots=True)
class Target:
    """A receiver of the input."""

    name: str
    endpoint: str
    """base URL of its OTLP/HTTP receiver, without /v1/metrics"""


@dataclass(frozen=True, slots=True)
class TargetTotals:
    """Sums over a target since the start."""

    planned_points: int = 0
    sent_points: int = 0
    acked_points: int = 0
    requests: int = 0
    failed_requests: int = 0
    missed_requests: int = 0
    payload_bytes: int = 0
    last_failure: str = ""
    """empty when the last request was taken whole"""


@dataclass(slots=True, eq=False)
class _Job:
    payload: bytes
    points: int
    tick_unix_nano: int
    first: bool
    done: asyncio.Future[Outcome]


class Fanout:
    """Sends payloads to all targets. Not thread-safe: call from its event loop.

    Args:
        targets: with distinct names; may be empty (everything is then a dry run).
        window_ns: length of an accounting window.
        timeout_s: how long an answer is awaited; after it the request has failed.
        waiting: most payloads a lane holds beside the one in flight; more of the same tick are missed.
    """

    def __init__(
        self, targets: Sequence[Target], *, window_ns: int, timeout_s: float = 5.0, waiting: int = 256
    ) -> None:
        if len({target.name for target in targets}) != len(targets):
            msg = f"targets need distinct names, have {[target.name for target in targets]}"
            raise ValueError(msg)
        self._lanes = [_Lane(target, window_ns, timeout_s, waiting) for target in targets]
        self._turn = 0

    async def start(self) -> None:
        """Start the lanes. Targets need not answer yet."""
        for lane in self._lanes:
            lane.start()

    def submit(self, payload: bytes, *, points: int, tick_unix_nano: int) -> list[asyncio.Future[Outcome]]:
        """Hand one payload to every lane without waiting; futures in target order, each resolved once.

        Who is first rotates by one with every payload. Payloads of one tick arrive in order and all carry its time.
        """
        futures: dict[str, asyncio.Future[Outcome]] = {}
        count = len(self._lanes)
        for place in range(count):
            lane = self._lanes[(self._turn + place) % count]
            futures[lane.target.name] = lane.offer(payload, points, tick_unix_nano, first=place == 0)
        self._turn = (self._turn + 1) % max(count, 1)
        return [futures[lane.target.name] for lane in self._lanes]

    async def send(self, payload: bytes, *, points: int, tick_unix_nano: int) -> list[Outcome]:
        """Submit, then wait for every target's answer or timeout; outcomes in target order."""
        return list(await asyncio.gather(*self.submit(payload, points=points, tick_unix_nano=tick_unix_nano)))

    def missed(self, *, points: int, tick_unix_nano: int) -> None:
        """Account for a payload that was due and that the source could not send in time."""
        for lane in self._lanes:
            lane.miss(points, tick_unix_nano)

    def close_windows(self, now_unix_nano: int) -> list[SentWindow]:
        """Windows that ended by `now` and whose requests are all answered; each is given once, in order per target."""
        return [window for lane in self._lanes for window in lane.windows.close(now_unix_nano)]

    def totals(self) -> dict[str, TargetTotals]:
        """Sums by target name."""
        return {lane.target.name: lane.totals for lane in self._lanes}

    async def drain(self, deadline_s: float) -> bool:
        """Wait until nothing waits or is in flight; False when the deadline came first."""
        idle = [asyncio.ensure_future(lane.idle.wait()) for lane in self._lanes]
        if not idle:
            return True
        try:
            _, pending = await asyncio.wait(idle, timeout=deadline_s)
            return not pending
        finally:
            await cancel_and_wait(*idle)

    async def aclose(self, deadline_s: float = 2.0) -> None:
        """Drain for at most `deadline_s` seconds; what is still unanswered has failed. Safe unstarted and twice."""
        try:
            await self.drain(deadline_s)
        finally:
            for lane in self._lanes:
                await lane.aclose()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


class _Lane:
    """One target: its connection, what waits for it, its account."""

    def __init__(self, target: Target, window_ns: int, timeout_s: float, waiting: int) -> None:
        self.target = target
        self.windows = SentWindows(target.name, window_ns)
        self.totals = TargetTotals()
        self.idle = asyncio.Event()
        self.idle.set()
        self._url = target.endpoint.rstrip("/") + "/v1/metrics"
        self._timeout_s, self._capacity = timeout_s, waiting
        self._waiting: deque[_Job] = deque()
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name=f"fanout-{self.target.name}")

    def offer(self, payload: bytes, points: int, tick: int, *, first: bool) -> asyncio.Future[Outcome]:
        while self._waiting and self._waiting[0].tick_unix_nano != tick:  # the tick that waited gives way
            self._drop(self._waiting.popleft(), "still busy when the next tick came")
        job = _Job(payload, points, tick, first, asyncio.get_running_loop().create_future())
        self.windows.planned(tick, points)
        self.totals = replace(self.totals, planned_points=self.totals.planned_points + points)
        if len(self._waiting) >= self._capacity:
            self._drop(job, f"{self._capacity} payloads of the tick wait already")
        else:
            self._waiting.append(job)
            self.idle.clear()
            self._wake.set()
        return job.done

    def miss(self, points: int, tick: int) -> None:
        self.windows.planned(tick, points)
        self.windows.missed(tick)
        self.totals = replace(
            self.totals,
            planned_points=self.totals.planned_points + points,
            missed_requests=self.totals.missed_requests + 1,
        )

    async def aclose(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            await cancel_and_wait(task)
        while self._waiting:
            self._drop(self._waiting.popleft(), "the source stopped")
        self.idle.set()

    def _drop(self, job: _Job, reason: str) -> None:
        self.windows.missed(job.tick_unix_nano)
        if not self.totals.missed_requests:
            _LOG.warning("payload missed target=%s reason=%r (later ones are only counted)", self.target.name, reason)
        self.totals = replace(self.totals, missed_requests=self.totals.missed_requests + 1)
        if not job.done.done():
            job.done.set_result(Outcome(on_wire=False, acked_points=0, failure=f"missed: {reason}"))

    async def _run(self) -> None:
        # One connection: requests of a lane never overlap, and the target sees one client.
        timeout = aiohttp.ClientTimeout(total=self._timeout_s)
        connector = aiohttp.TCPConnector(limit=1)
        async with aiohttp.ClientSession(timeout=timeout, connector=connector, auto_decompress=False) as session:
            while True:
                while not self._waiting:
                    self.idle.set()
                    self._wake.clear()
                    await self._wake.wait()
                job = self._waiting.popleft()
                try:
                    outcome = await self._post(session, job)
                except asyncio.CancelledError:
                    self._settle(job, Outcome(on_wire=True, acked_points=0, failure="stopped before the answer came"))
                    raise
                self._settle(job, outcome)

    async def _post(self, session: aiohttp.ClientSession, job: _Job) -> Outcome:
        """Send one payload; every failure is an outcome."""
        try:
            async with session.post(self._url, data=_Body(job.payload), headers=_HEADERS) as answer:
                said = await answer.content.read(_MAX_ANSWER_BYTES)
                if answer.status not in _ANSWERED:
                    return Outcome(True, 0, f"HTTP {answer.status}: {said[:200].decode(errors='replace').strip()}")
                return _acknowledged(said, job.points)
        except aiohttp.ClientConnectorError as error:
            return Outcome(False, 0, f"cannot connect: {error}")
        except TimeoutError:
            return Outcome(True, 0, f"no answer within {self._timeout_s:g} s")
        except (aiohttp.ClientError, OSError) as error:
            return Outcome(True, 0, f"{type(error).__name__}: {error}")

    def _settle(self, job: _Job, outcome: Outcome) -> None:
        self.windows.settled(job.tick_unix_nano, job.payload, job.points, first=job.first, outcome=outcome)
        before = self.totals
        if outcome.failure and outcome.failure != before.last_failure:  # one line a new reason
            _LOG.warning("request failed target=%s url=%s reason=%r", self.target.name, self._url, outcome.failure)
        self.totals = replace(
            before,
            sent_points=before.sent_points + (job.points if outcome.on_wire else 0),
            acked_points=before.acked_points + outcome.acked_points,
            requests=before.requests + 1,
            failed_requests=before.failed_requests + bool(outcome.failure),
            payload_bytes=before.payload_bytes + (len(job.payload) if outcome.on_wire else 0),
            last_failure=outcome.failure,
        )
        if not job.done.done():
            job.done.set_result(outcome)


def _acknowledged(said: bytes, points: int) -> Outcome:
    """Read a success answer: an ExportMetricsServiceResponse, whose partial_success may still reject points."""
    try:
        partial = ExportMetricsServiceResponse.FromString(said).partial_success
    except DecodeError:
        return Outcome(True, 0, "the answer is no ExportMetricsServiceResponse: is the endpoint an OTLP receiver?")
    rejected = min(max(partial.rejected_data_points, 0), points)
    if rejected:
        return Outcome(True, points - rejected, f"{rejected} points rejected: {partial.error_message}")
    return Outcome(True, points)


class _Body(BytesPayload):
    """A payload of any size in one write.

    NB: BytesPayload's constructor warns above 1 MiB and advises chunked reading, which would copy the body and spread
    it over many loop turns; here the point is that targets get it close together.
    """

    def __init__(self, value: bytes) -> None:
        Payload.__init__(self, value, content_type="application/x-protobuf")
        self._size = len(value)
