"""What is recorded of the real Collector is what it does, where there is one."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from phoenix.engine.registry import EXPORTERS, EXTENSIONS, PROCESSORS, RECEIVERS
from tests.differential.cases import FILES, load
from tests.differential.real import GOLDEN, run, version
from tests.differential.refused import GOLDEN as REFUSED
from tests.differential.refused.__main__ import record as record_refused
from tests.harness.otelcol import required


@pytest.mark.parametrize("file", FILES)
async def test_the_collector_still_does_what_was_recorded(file: str) -> None:
    binary = required()
    kept = json.loads((GOLDEN / f"{file}.json").read_text("utf-8"))
    assert kept["version"] == version(binary), "another Collector: run `make differential` and read what changed"
    cases = load(file)
    for case, result in zip(cases, await run(binary, cases), strict=True):
        assert result == kept["cases"][case.name], case.name


def test_the_collector_still_refuses_what_was_recorded_at_its_phase() -> None:
    kept = json.loads(REFUSED.read_text("utf-8"))
    assert kept["version"] == version(required()), "another Collector: run `make differential`"
    assert record_refused(required()) == kept["cases"]


OWN = frozenset({"phoenix_tee"})
NOT_BUILT = frozenset({"resource_detection", "resourcedetection"})
"""Of the Collector's distributions, but not in `otelcol/manifest.yaml`."""


@pytest.mark.parametrize(
    ("kind", "table"),
    [("receivers", RECEIVERS), ("processors", PROCESSORS), ("exporters", EXPORTERS), ("extensions", EXTENSIONS)],
)
def test_every_type_here_is_one_of_the_collector(kind: str, table: dict[str, object], tmp_path: Path) -> None:
    config = tmp_path / "c.yaml"
    config.write_text(f"{kind}: {{no_such_type: }}\n", "utf-8")
    ran = subprocess.run([required(), "validate", "--config", str(config)], capture_output=True, text=True, check=False)
    listed = re.search(r"valid values: \[([^]]*)\]", ran.stderr)
    assert listed, ran.stderr
    assert set(table) - OWN - NOT_BUILT <= set(listed[1].split())
