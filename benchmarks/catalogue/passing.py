"""Payloads through a pipeline, in this process: the embedded engine's own components, without sockets."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

from phoenix.engine.component import Consumer, ExporterFactory, ReceiverFactory
from phoenix.engine.config.document import Defined, parse_document
from phoenix.engine.config.ids import ComponentId
from phoenix.engine.config.values import from_python
from phoenix.engine.data import Metrics
from phoenix.engine.errors import ConfigError
from phoenix.engine.graph import build
from phoenix.engine.telemetry import Telemetry


@dataclass
class _Part:
    """A receiver that is handed its data, or an exporter that keeps it."""

    consumer: Consumer | None = None
    taken: list[bytes] = field(default_factory=list)
    came: asyncio.Event = field(default_factory=asyncio.Event)
    mutates = False

    async def start(self) -> None:
        pass

    async def shutdown(self) -> None:
        pass

    async def consume(self, metrics: Metrics) -> None:
        self.taken.append(metrics.encoded())
        self.came.set()


async def through(config: Mapping[str, Any], ticks: Sequence[Sequence[bytes]]) -> list[bytes]:
    """What leaves the processors of a resolved pipeline when these payloads go in, tick after tick.

    Raises:
        ConfigError: the engine does not run it.
    """
    own = {
        **config, "receivers": {"otlp": {"protocols": {"http": {}}}}, "exporters": {"debug": {}},
        "service": {
            "pipelines": {
                name: {**pipeline, "receivers": ["otlp"], "exporters": ["debug"]}
                for name, pipeline in config["service"]["pipelines"].items()
            }
        },
    }  # fmt: skip
    values = from_python(own)
    assert isinstance(values, dict)
    document, findings = parse_document(values, None)
    if findings:
        raise ConfigError(findings)
    source, sink = _Part(), _Part()

    def receive(_settings: object, _config: object, consumer: Consumer) -> _Part:
        source.consumer = consumer
        return source

    otlp, debug = ComponentId("otlp"), ComponentId("debug")
    receiver = ReceiverFactory(("otlp",), lambda _section: None, receive)
    exporter = ExporterFactory(("debug",), lambda _section: None, lambda _settings, _config: sink)
    document = replace(
        document,
        receivers={otlp: Defined(otlp, "receivers.otlp", receiver, None)},
        exporters={debug: Defined(debug, "exporters.debug", exporter, None)},
    )
    failures: list[BaseException] = []
    with ThreadPoolExecutor(1) as workers:
        graph = build(document, Telemetry(), workers, lambda _path, error: failures.append(error))
        order = graph.start_order()
        for node in order:
            await node.component.start()
        assert source.consumer is not None
        for payloads in ticks:
            sink.came.clear()
            for data in payloads:
                await source.consumer.consume(Metrics.received(data))
            await _settled(config, sink)
        for node in reversed(order):
            await node.component.shutdown()
    if failures:
        raise failures[0]
    return sink.taken


async def _settled(config: Mapping[str, Any], sink: _Part) -> None:
    """Where a batch before the last step gathers, wait until the tick has come out: ticks stay apart as in time.

    A tick of which nothing comes out is waited for 5 s.
    """
    steps = [name for pipeline in config["service"]["pipelines"].values() for name in pipeline["processors"][:-1]]
    if any(name.startswith("batch") for name in steps):
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(5):
                await sink.came.wait()
