"""The embedded engine does what the real Collector did, case by case; every difference is listed with its reason."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.differential.cases import FILES, FOLDER, Case, load
from tests.differential.embedded import run
from tests.differential.real import GOLDEN

DIFFERENCES: dict[str, str] = (
    YAML(typ="safe", pure=True).load((FOLDER.parent / "differences.yaml").read_text("utf-8")) or {}
)
CASES = [(file, case) for file in FILES for case in load(file)]


def golden(file: str, case: Case) -> dict[str, Any]:
    """What the real one did."""
    recorded = json.loads((GOLDEN / f"{file}.json").read_text("utf-8"))["cases"]
    assert case.name in recorded, f"not recorded: run `make differential` ({file}: {case.name})"
    found: dict[str, Any] = recorded[case.name]
    return found


@pytest.mark.parametrize(("file", "case"), CASES, ids=[f"{file}-{case}"[:120] for file, case in CASES])
async def test_as_the_collector(file: str, case: Case) -> None:
    theirs, ours = golden(file, case), await run(case)
    same = ("refused" in ours) == ("refused" in theirs) if "refused" in {**ours, **theirs} else ours == theirs
    if case.name in DIFFERENCES:
        assert not same, f"there is no difference any more: take {case.name!r} out of differences.yaml"
        return
    if "left" in ours and "left" in theirs:
        assert ours["left"] == theirs["left"]
    assert same, f"embedded: {ours}\nCollector: {theirs}"


def test_listed_differences_have_a_case_and_a_reason() -> None:
    names = {case.name for _, case in CASES}
    assert not set(DIFFERENCES) - names
    assert all(len(reason) > 20 for reason in DIFFERENCES.values())
