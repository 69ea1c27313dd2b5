"""Sends samples from a measuring process to the API server; never holds the measuring up.

Why it exists: generator, tee and meter measure whether or not the server answers. They `put` samples here without
waiting; one task posts them in batches, backs off with jitter, and finds a server that came back on another port by
reading endpoint.json again after every failure. Next: `POST …/experiments/NAME/samples`. It must never resend what the
server refused, nor grow without bound: when the queue is full the oldest samples go first, and the loss is counted.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self
from urllib.parse import quote

import aiohttp
import orjson

from phoenix.aio.backoff import Backoff
from phoenix.aio.tasks import cancel_and_wait, wait_for_event
from phoenix.apimachinery.units import parse_duration
from phoenix.samples.model import InputSample, OutputSample, ProcessSample, SampleBatch

AnySample = InputSample | OutputSample | ProcessSample

_LOG = logging.getLogger("phoenix.samples.reporter")
_RETRYABLE = frozenset({401, 408, 425, 429})
"""Client errors worth another try: a token or address may have changed since endpoint.json was read."""
_CLOSING_PAUSE_S = 0.1


class SampleSink(Protocol):
    """Where measured samples go. `put` never blocks and never fails."""

    def put(self, samples: Iterable[AnySample]) -> None:
        """Take samples, any order."""
        ...


@dataclass(frozen=True, slots=True)
class ReportConfig:
    """Where samples go and what they are stamped with: REPORT of docs/contracts.md."""

    endpoint_file: str
    namespace: str
    experiment: str
    run: int
    window_s: float
    host: str = ""

    @property
    def window_ns(self) -> int:
        """Length of a window in nanoseconds."""
        return round(self.window_s * 1e9)

    @classmethod
    def from_json(cls, wire: object) -> Self:
        """Read REPORT with camelCase (`windowSeconds: 2.0`) or snake_case keys (`window: 2s` too).

        Raises:
            ValueError: a field is missing or wrong; the message lists every fault, joined by "; ".
        """
        if not isinstance(wire, Mapping):
            msg = f"report: want an object or null, have {type(wire).__name__}"
            raise ValueError(msg)
        faults: list[str] = []

        def text(camel: str, snake: str, default: str | None = None) -> str:
            value = wire.get(camel, wire.get(snake, default))
            if not isinstance(value, str) or (not value and default is None):
                faults.append(f"report.{camel}: want a text, have {value!r}")
                return ""
            return value

        config = cls(
            endpoint_file=text("endpointFile", "endpoint_file"),
            namespace=text("namespace", "namespace"),
            experiment=text("experiment", "experiment"),
            run=_whole(wire.get("run"), faults),
            window_s=_window_s(wire, faults),
            host=text("host", "host", ""),
        )
        if faults:
            raise ValueError("; ".join(faults))
        return config


def _whole(value: object, faults: list[str]) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
        return value
    faults.append(f"report.run: want a whole number from 1, have {value!r}")
    return 1


def _window_s(wire: Mapping[object, object], faults: list[str]) -> float:
    value = next((wire[key] for key in ("windowSeconds", "window_seconds", "window") if key in wire), None)
    try:
        seconds = parse_duration(value) if isinstance(value, str) else value
    except ValueError as error:
        faults.append(f"report.window: {error}")
        return 1.0
    if isinstance(seconds, (int, float)) and not isinstance(seconds, bool) and seconds > 0:
        return float(seconds)
    faults.append(f"report.windowSeconds: want seconds above 0, have {value!r}")
    return 1.0


@dataclass(frozen=True, slots=True)
class ReporterStatistics:
    """What became of the samples put so far."""

    queued: int
    """waiting or in flight"""
    delivered: int
    overflowed: int
    """dropped because the queue was full, oldest first"""
    refused: int
    """dropped because the server refused them for good (4xx)"""
    abandoned: int
    """undelivered when the reporter was closed"""
    failures: int
    """posts that failed and were tried again"""
    last_error: str
    """empty when the last post was delivered"""


@dataclass(frozen=True, slots=True)
class _Endpoint:
    url: str
    headers: dict[str, str]
    tls: ssl.SSLContext | bool


class Reporter:
    """Owner of one queue and one posting task. Not thread-safe: call from its event loop.

    `async with Reporter(config) as reporter:` is start and aclose(5).
    """

    def __init__(
        self,
        config: ReportConfig,
        *,
        capacity: int = 20_000,
        batch: int = 200,
        timeout_s: float = 5.0,
        backoff_s: float = 0.1,
        backoff_max_s: float = 5.0,
    ) -> None:
        self.config = config
        self._capacity, self._batch = capacity, batch
        self._timeout_s = timeout_s
        self._backoff = Backoff(backoff_s, backoff_max_s, jitter_ratio=0.5)
        self._queue: deque[AnySample] = deque()
        self._in_flight = 0
        self._wake, self._closing = asyncio.Event(), asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._delivered = self._overflowed = self._refused = self._abandoned = self._failures = 0
        self._last_error = ""

    async def start(self) -> None:
        """Begin posting. The server need not be there yet."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="sample-reporter")

    def put(self, samples: Iterable[AnySample]) -> None:
        """Queue samples; never blocks. When full, the oldest waiting go first and are counted."""
        self._queue.extend(samples)
        self._trim()
        self._wake.set()

    async def aclose(self, deadline_s: float = 5.0) -> None:
        """Send what waits, for at most `deadline_s` seconds, then end the task. Safe unstarted and safe twice.

        What could not be sent is counted as abandoned and logged. Raises what ended the task, if a bug did.
        """
        self._closing.set()
        self._wake.set()
        task, self._task = self._task, None
        try:
            if task is not None:
                await asyncio.wait({task}, timeout=deadline_s)
                if task.done():
                    task.result()
        finally:
            if task is not None and not task.done():
                await cancel_and_wait(task)
            if self._queue:
                self._abandoned += len(self._queue)
                _LOG.warning("samples undelivered count=%d last_error=%r", len(self._queue), self._last_error)
                self._queue.clear()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def statistics(self) -> ReporterStatistics:
        """Counts so far."""
        return ReporterStatistics(
            queued=len(self._queue) + self._in_flight,
            delivered=self._delivered,
            overflowed=self._overflowed,
            refused=self._refused,
            abandoned=self._abandoned,
            failures=self._failures,
            last_error=self._last_error,
        )

    def _trim(self) -> None:
        excess = len(self._queue) + self._in_flight - self._capacity
        if excess <= 0:
            return
        if not self._overflowed:
            _LOG.warning("sample queue full, dropping the oldest capacity=%d", self._capacity)
        for _ in range(min(excess, len(self._queue))):
            self._queue.popleft()
            self._overflowed += 1

    async def _run(self) -> None:
        endpoint: _Endpoint | None = None
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=self._timeout_s)) as session:
            while await self._some_wait():
                batch = [self._queue.popleft() for _ in range(min(self._batch, len(self._queue)))]
                self._in_flight = len(batch)
                try:
                    if endpoint is None:
                        endpoint = await asyncio.to_thread(_read_endpoint, self.config)
                    await self._post(session, endpoint, batch)
                except (aiohttp.ClientError, OSError, ValueError) as error:  # TimeoutError is an OSError
                    self._put_back(batch)
                    self._failed(error)
                    endpoint = None
                    await self._pause(self._backoff.next_s())
                except asyncio.CancelledError:
                    self._put_back(batch)
                    raise
                else:
                    self._in_flight = 0
                    self._backoff.reset()

    async def _some_wait(self) -> bool:
        """Wait for samples; False when closing and none are left."""
        while not self._queue:
            if self._closing.is_set():
                return False
            self._wake.clear()
            await self._wake.wait()
        return True

    async def _post(self, session: aiohttp.ClientSession, endpoint: _Endpoint, batch: list[AnySample]) -> None:
        body = orjson.dumps(SampleBatch(samples=list(batch)).to_wire())
        async with session.post(endpoint.url, data=body, headers=endpoint.headers, ssl=endpoint.tls) as answer:
            said = (await answer.content.read(2048)).decode(errors="replace").strip()
            if 200 <= answer.status < 300:
                self._delivered += len(batch)
                if self._last_error:
                    _LOG.info("samples delivered again url=%s", endpoint.url)
                self._last_error = ""
            elif 400 <= answer.status < 500 and answer.status not in _RETRYABLE:
                self._refused += len(batch)
                self._last_error = f"HTTP {answer.status}: {said}"
                _LOG.error("samples refused, dropped count=%d status=%d answer=%r", len(batch), answer.status, said)
            else:
                msg = f"HTTP {answer.status} from {endpoint.url}: {said}"
                raise aiohttp.ClientError(msg)

    def _put_back(self, batch: list[AnySample]) -> None:
        self._in_flight = 0
        self._queue.extendleft(reversed(batch))
        self._trim()

    def _failed(self, error: Exception) -> None:
        self._failures += 1
        text = f"{type(error).__name__}: {error}"
        if text != self._last_error:  # one line a new reason, not one a try
            _LOG.warning("samples not delivered, trying again error=%r", text)
        self._last_error = text

    async def _pause(self, pause_s: float) -> None:
        """Back off; short while closing, since the deadline is near."""
        if self._closing.is_set():
            await asyncio.sleep(_CLOSING_PAUSE_S)
        else:
            await wait_for_event(self._closing, pause_s)


def _read_endpoint(config: ReportConfig) -> _Endpoint:
    """Read endpoint.json, its CA and its token (blocking).

    Raises:
        OSError: a file cannot be read.
        ValueError: endpoint.json is no such thing; the message names it.
    """
    server, ca_file, token_file = _endpoint_fields(Path(config.endpoint_file))
    headers = {"Content-Type": "application/json"}
    if token_file:
        headers["Authorization"] = "Bearer " + token_file.read_text().strip()
    tls: ssl.SSLContext | bool = True
    if ca_file:
        tls = ssl.create_default_context(cafile=str(ca_file))
    url = (
        f"{server.rstrip('/')}/apis/phoenix.io/v1alpha1/namespaces/{quote(config.namespace, safe='')}"
        f"/experiments/{quote(config.experiment, safe='')}/samples"
    )
    return _Endpoint(url, headers, tls)


def _endpoint_fields(path: Path, *, based: bool = True) -> tuple[str, Path | None, Path | None]:
    """Server, CA file and token file; from the file it is `based` on (`endpointFile`) those it does not name itself."""
    wire = orjson.loads(path.read_bytes())
    fields = [wire.get(key, "") if isinstance(wire, dict) else None for key in ("server", "caFile", "tokenFile")]
    base = wire.get("endpointFile", "") if isinstance(wire, dict) and based else ""
    if not all(isinstance(field, str) for field in (*fields, base)) or not (fields[0] or base):
        msg = f"{path}: want an object with server, caFile and tokenFile, as written by phoenixctl up"
        raise ValueError(msg)
    server = str(fields[0])
    # A relative file is beside the endpoint file that names it.
    ca_file, token_file = (path.parent / field if field else None for field in fields[1:])
    if not base:
        return server, ca_file, token_file
    found = _endpoint_fields(path.parent / base, based=False)
    return server or found[0], ca_file or found[1], token_file or found[2]
