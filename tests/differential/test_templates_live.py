"""What is recorded of the catalogue on the real Collector is what it does, where there is one."""

from __future__ import annotations

import json

import pytest

from tests.differential.real import version
from tests.differential.realtemplates import FILE, RUNNABLE, read, run_again
from tests.differential.templates import differences, summary
from tests.harness.otelcol import required


@pytest.mark.timeout(300)
async def test_the_collector_still_does_to_the_models_what_was_recorded() -> None:
    binary = required()
    kept = json.loads(FILE.read_text("utf-8"))["version"]
    assert kept == version(binary), "another Collector: run `make differential` and read what changed"
    recorded = read()
    different = {pair: ["not run"] for pair in RUNNABLE}
    for _ in range(3):  # on a machine that stands still, two ticks may be gathered as one
        left = await run_again(binary, list(different))
        found = {pair: differences(summary(payloads), recorded[pair]) for pair, payloads in left.items()}
        different = {pair: what for pair, what in found.items() if what}
        if not different:
            break
    assert different == {}
