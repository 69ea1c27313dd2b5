"""What is recorded of the real Collector is what it does, where there is one."""

from __future__ import annotations

import json

import pytest

from tests.differential.cases import FILES, load
from tests.differential.real import GOLDEN, run, version
from tests.harness.otelcol import required


@pytest.mark.parametrize("file", FILES)
async def test_the_collector_still_does_what_was_recorded(file: str) -> None:
    binary = required()
    kept = json.loads((GOLDEN / f"{file}.json").read_text("utf-8"))
    assert kept["version"] == version(binary), "another Collector: run `make differential` and read what changed"
    cases = load(file)
    for case, result in zip(cases, await run(binary, cases), strict=True):
        assert result == kept["cases"][case.name], case.name
