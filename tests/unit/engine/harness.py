"""Builds one component from its configuration as the engine does, with a consumer that remembers."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor

from phoenix.engine.component import Settings
from phoenix.engine.config.ids import ComponentId
from phoenix.engine.config.section import Section
from phoenix.engine.config.values import load
from phoenix.engine.data import Metrics
from phoenix.engine.errors import ConsumeError
from phoenix.engine.registry import PROCESSORS
from phoenix.engine.telemetry import Telemetry

WORKERS = ThreadPoolExecutor(1)


class Sink:
    """Takes everything, or refuses with `refuse`."""

    mutates = False

    def __init__(self):
        self.taken = []
        self.refuse: ConsumeError | None = None

    async def consume(self, metrics):
        if self.refuse:
            raise self.refuse
        self.taken.append(metrics)

    @property
    def messages(self):
        return [metrics.message() for metrics in self.taken]


def failed(error):
    raise AssertionError(f"component failed: {error!r}") from error


def settings(kind, telemetry=None):
    return Settings(
        ComponentId(kind), f"section.{kind}", telemetry or Telemetry(), logging.getLogger("test"), WORKERS, failed
    )


def parse(factory, yaml):
    findings = []
    config = factory.parse(Section(load(yaml) if yaml else {}, "c", findings))
    return config, findings


def processor(kind, yaml, sink, telemetry=None):
    factory = PROCESSORS[kind]
    config, findings = parse(factory, yaml)
    assert not findings, findings
    return factory.create(settings(kind, telemetry), config, sink)


async def through(kind, yaml, message):
    """What one processor makes of one request; None if nothing was handed on."""
    sink = Sink()
    made = processor(kind, yaml, sink)
    await made.start()
    await made.consume(Metrics.received(message.SerializeToString()))
    await made.shutdown()
    return sink.messages[0] if sink.taken else None


def faults(kind, yaml):
    return [str(finding) for finding in parse(PROCESSORS[kind], yaml)[1]]
