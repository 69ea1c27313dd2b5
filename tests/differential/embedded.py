"""Cases on the embedded engine, in this process."""

from __future__ import annotations

import json
import logging
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from phoenix.engine.component import Consumer, Processor, Settings
from phoenix.engine.config.expand import Expander
from phoenix.engine.config.ids import ComponentId
from phoenix.engine.config.section import Section
from phoenix.engine.config.values import load
from phoenix.engine.data import Metrics
from phoenix.engine.errors import ConsumeError
from phoenix.engine.registry import PROCESSORS
from phoenix.engine.telemetry import Telemetry
from tests.differential.cases import Case
from tests.differential.inputs import INPUTS
from tests.differential.normal import changes
from tests.unit.engine.harness import Sink


def _fail(error: BaseException) -> None:
    raise AssertionError(f"component failed: {error!r}") from error


ENV = {
    "DIFF_OCTAL": "0123", "DIFF_TRUE": "true", "DIFF_LIST": "[a, b]", "DIFF_MAP": "{a: 1}", "DIFF_EMPTY": "",
    "DIFF_TEXT": "a: b: c", "DIFF_NESTED": "x-${env:DIFF_OCTAL}", "DIFF_FLOAT": "1e3", "DIFF_DATE": "2023-03-20",
}  # fmt: skip
"""The environment of both engines."""
_WRITTEN = re.compile(r'"@yaml:((?:[^"\\]|\\.)*)@"')


def text(config: dict[str, Any]) -> str:
    """A configuration as YAML: JSON, but for texts `@yaml:TEXT@`, which stand there as written."""
    made = json.dumps(config, ensure_ascii=False, indent=1)
    return _WRITTEN.sub(lambda found: json.loads(f'"{found[1]}"'), made)


async def run(case: Case) -> dict[str, Any]:
    """{"refused": …} by configuration, or {"rejected": number of requests that were refused} with `normal.changes`."""
    sink = Sink()
    workers = ThreadPoolExecutor(1)
    consumer: Consumer = sink
    made: list[Processor] = []
    for kind, config in reversed(case.processors):
        if kind not in PROCESSORS:
            return {"refused": f"the embedded engine has no processor {kind}"}
        findings: list[Any] = []
        factory = PROCESSORS[kind]
        values = Expander(ENV, findings).tree(load(text(config))) if config else {}
        parsed = factory.parse(Section(values, kind, findings))
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
    return {**changes(INPUTS[case.input](), sink.messages), "rejected": rejected}
