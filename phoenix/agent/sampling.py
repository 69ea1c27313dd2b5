"""Process samples: CPU, memory and own counters of measured collectors at each window's end, and their way to the API.

Samples wait in a bounded queue; when it is full the oldest go first, and the loss is counted and logged. A window
without a reading stays without a sample: no data is a state.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque

from phoenix.agent import readings
from phoenix.agent.lifecycle import Phase
from phoenix.agent.worker import Tools, Worker
from phoenix.aio.backoff import Backoff
from phoenix.aio.clock import Clock
from phoenix.api.collector import Collector
from phoenix.api.process import MeasurementRef
from phoenix.apimachinery.errors import ApiError, Invalid, NotFound
from phoenix.client.interface import Client
from phoenix.samples.model import ProcessSample

_log = logging.getLogger(__name__)
_LIMIT = 5_000
_BATCH = 500
_NANO = 1_000_000_000


class Outbox:
    """Samples on their way. `lost`: dropped because too many waited."""

    def __init__(self, client: Client, clock: Clock) -> None:
        self.lost = 0
        self._client, self._clock = client, clock
        self._waiting: deque[tuple[str, str, ProcessSample]] = deque()
        self._wake = asyncio.Event()

    def put(self, namespace: str, experiment: str, sample: ProcessSample) -> None:
        """Have a sample posted; the oldest one goes when too many wait."""
        if len(self._waiting) >= _LIMIT:
            self._waiting.popleft()
            self.lost += 1
            if self.lost % 100 == 1:
                _log.warning("samples dropped: too many wait lost=%d", self.lost)
        self._waiting.append((namespace, experiment, sample))
        self._wake.set()

    async def run(self) -> None:
        """Post until cancelled; what was posted but not acknowledged is posted again, and counts once."""
        backoff = Backoff(0.2, 10.0)
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                batch = self._batch()
                namespace, experiment, _ = batch[0]
                try:
                    await self._client.post_samples(namespace, experiment, [sample for _, _, sample in batch])
                except (NotFound, Invalid) as error:
                    _log.info("samples given up experiment=%s/%s: %s", namespace, experiment, error)
                except ApiError as error:
                    _log.warning("samples wait experiment=%s/%s waiting=%d: %s", namespace, experiment,
                                 len(self._waiting), error)  # fmt: skip
                    await self._clock.sleep(backoff.next_s())
                    continue
                backoff.reset()
                for item in batch:
                    if self._waiting and self._waiting[0] is item:  # NB: a full queue may have dropped it meanwhile
                        self._waiting.popleft()

    def _batch(self) -> list[tuple[str, str, ProcessSample]]:
        """The first samples that belong to one experiment."""
        first = self._waiting[0]
        batch: list[tuple[str, str, ProcessSample]] = []
        for item in self._waiting:
            if item[:2] != first[:2] or len(batch) >= _BATCH:
                break
            batch.append(item)
        return batch


def is_measured(obj: object) -> bool:
    """Whether the agent reports samples of an object's process: collectors that carry a variant."""
    return isinstance(obj, Collector) and obj.spec.measurement is not None and bool(obj.spec.measurement.variant)


async def sample(worker: Worker[Collector], tools: Tools, outbox: Outbox) -> None:
    """Read a collector at the end of each window, until it is measured no more or the task is cancelled."""
    while is_measured(worker.obj) and worker.state.phase is not Phase.GONE:
        measurement = worker.obj.spec.measurement
        assert measurement is not None
        window_ns = round(measurement.window.seconds * _NANO)
        now_ns = _unix_nano(tools.clock)
        end_ns = (now_ns // window_ns + 1) * window_ns
        await tools.clock.sleep((end_ns - now_ns) / _NANO)
        if worker.state.phase in (Phase.RUNNING, Phase.SWITCHING):
            taken = await _read(worker, tools, measurement, end_ns - window_ns, end_ns)
            if taken is not None:
                outbox.put(worker.obj.metadata.namespace, measurement.experiment, taken)


async def _read(
    worker: Worker[Collector], tools: Tools, measurement: MeasurementRef, start_ns: int, end_ns: int
) -> ProcessSample | None:
    identity = worker.places.identity
    if identity is None:
        return None
    used = await asyncio.to_thread(readings.resources, identity)
    if used is None:
        return None
    read_at = _unix_nano(tools.clock)
    counters = readings.OwnCounters()
    port = worker.places.record.active_ports.get("telemetry")
    text = await tools.prober.text(tools.facts.address, port, "/metrics") if port is not None else None
    if text is not None:
        try:
            counters = await asyncio.to_thread(readings.own_counters, text)
        except ValueError as error:
            _log.warning("telemetry not understood object=%s: %s", worker.obj.key, error)
    return ProcessSample(
        run=measurement.run,
        host=tools.facts.name,
        variant=measurement.variant,
        window_start=start_ns,
        window_end=end_ns,
        instance=identity.start_id,
        read_at=read_at,
        engine=str(worker.obj.spec.engine),
        cpu_seconds=used.cpu_seconds,
        rss_bytes=used.rss_bytes,
        uss_bytes=used.uss_bytes,
        received_points=counters.received_points,
        refused_points=counters.refused_points,
        sent_points=counters.sent_points,
        send_failed_points=counters.send_failed_points,
        queue_length=counters.queue_length,
    )


def _unix_nano(clock: Clock) -> int:
    return int(clock.now().timestamp() * 1_000_000) * 1000
