"""What is recorded of questions to the real Collector is what it answers, where there is one."""

from __future__ import annotations

import asyncio
import json

import pytest

from tests.differential.probes.__main__ import PROBES
from tests.differential.real import GOLDEN, version
from tests.harness.otelcol import required


@pytest.mark.timeout(300)
@pytest.mark.parametrize("probe", PROBES)
async def test_the_collector_still_answers_as_was_recorded(probe: str) -> None:
    binary = required()
    kept = json.loads((GOLDEN / "probes" / f"{probe}.json").read_text("utf-8"))
    assert kept["version"] == version(binary), "another Collector: run `make differential` and read what changed"
    assert await asyncio.to_thread(PROBES[probe], binary) == kept["answers"]
