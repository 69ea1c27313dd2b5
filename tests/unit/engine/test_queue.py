"""The sending queue at a shutdown that is cancelled: nobody waits for ever."""

import asyncio

import pytest

from phoenix.engine.data import Metrics
from phoenix.engine.errors import ConsumeError
from phoenix.engine.exporters.queue import QueueConfig, QueuedExporter, RetryConfig
from tests.unit.engine.harness import settings


class Stuck:
    """Never done sending."""

    async def start(self):
        self.sending = asyncio.Event()

    async def encode(self, metrics):
        return (metrics.encoded(),)

    async def send(self, _body):
        self.sending.set()
        await asyncio.Event().wait()

    async def close(self):
        pass


async def test_who_waits_for_what_is_lost_hears_of_it():
    sender, queue = Stuck(), QueueConfig(True, 10, 1, False, True, False)
    exporter = QueuedExporter(settings("otlphttp"), queue, RetryConfig(False, 1, 1, 1, 1, 0), sender)
    await exporter.start()
    waiting = [asyncio.create_task(exporter.consume(Metrics(b"", None, 1))) for _ in range(2)]
    await sender.sending.wait()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await exporter.shutdown()
    async with asyncio.timeout(10):
        results = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(result) for result in results] == [ConsumeError] * 2
