"""Cases on the embedded engine, in this process."""

from __future__ import annotations

import io
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ruamel.yaml import YAML

from phoenix.engine.component import Consumer, Processor, Settings
from phoenix.engine.config.ids import ComponentId
from phoenix.engine.config.section import Section
from phoenix.engine.config.values import load
from phoenix.engine.data import Metrics
from phoenix.engine.errors import ConsumeError
from phoenix.engine.registry import PROCESSORS
from phoenix.engine.telemetry import Telemetry
from tests.differential.cases import Case
from tests.differential.inputs import INPUTS
from tests.differential.normal import normal
from tests.unit.engine.harness import Sink


def _fail(error: BaseException) -> None:
    raise AssertionError(f"component failed: {error!r}") from error


def text(config: dict[str, Any]) -> str:
    """A configuration as YAML."""
    out = io.StringIO()
    YAML(typ="safe", pure=True).dump(config, out)
    return out.getvalue()


async def run(case: Case) -> dict[str, Any]:
    """{"refused": …} by configuration, or {"left": points, "rejected": number of requests that were refused}."""
    sink = Sink()
    workers = ThreadPoolExecutor(1)
    consumer: Consumer = sink
    made: list[Processor] = []
    for kind, config in reversed(case.processors):
        if kind not in PROCESSORS:
            return {"refused": f"the embedded engine has no processor {kind}"}
        findings: list[Any] = []
        factory = PROCESSORS[kind]
        parsed = factory.parse(Section(load(text(config)) if config else {}, kind, findings))
        if findings:
            return {"refused": "; ".join(map(str, findings))}
        settings = Settings(ComponentId(kind), kind, Telemetry(), logging.getLogger("differential"), workers, _fail)
        consumer = factory.create(settings, parsed, consumer)
        made.append(consumer)
    rejected = 0
    for one in made:
        await one.start()
    for request in INPUTS[case.input]():
        try:
            await consumer.consume(Metrics.received(request.SerializeToString()))
        except ConsumeError:
            rejected += 1
    for one in reversed(made):
        await one.shutdown()
    workers.shutdown()
    return {"left": normal(sink.messages), "rejected": rejected}
