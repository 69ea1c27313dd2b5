"""The embedded engine does what the real Collector did, case by case; every difference is listed with its reason."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from ruamel.yaml import YAML

from phoenix.engine.ottl.functions import ELSEWHERE, FILTER, TRANSFORM
from tests.differential.cases import FILES, FOLDER, Case, load
from tests.differential.embedded import run
from tests.differential.real import GOLDEN

LISTED: dict[str, Any] = YAML(typ="safe").load((FOLDER.parent / "differences.yaml").read_text("utf-8"))
DIFFERENCES: dict[str, str] = LISTED["cases"]
_LACKS = re.compile(r"has no function (\w+)")
_CALLED = re.compile(r"(\w+)\(")
CASES = [(file, case) for file in FILES for case in load(file)]


@pytest.fixture(autouse=True)
def _in_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Some functions look at the host's zone; the recorded host's was UTC."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@cache
def recorded(file: str) -> dict[str, Any]:
    """What the real one did with the cases of a file."""
    found: dict[str, Any] = json.loads((GOLDEN / f"{file}.json").read_text("utf-8"))["cases"]
    return found


def golden(file: str, case: Case) -> dict[str, Any]:
    """What the real one did with a case."""
    assert case.name in recorded(file), f"not recorded: run `make differential` ({file}: {case.name})"
    found: dict[str, Any] = recorded(file)[case.name]
    return found


_DECIMAL = re.compile(r"-?\d+\.\d+(?:e[-+]\d+)?")


def _rounded(result: dict[str, Any]) -> dict[str, Any]:
    """With decimals to 13 digits: Go's powers and logarithms are not those of C in the last."""
    return {
        key: sorted(_DECIMAL.sub(lambda number: f"{float(number[0]):.13g}", row) for row in value)
        if isinstance(value, list) else value
        for key, value in result.items()
    }  # fmt: skip


@pytest.mark.parametrize(("file", "case"), CASES, ids=[f"{file}-{case}"[:120] for file, case in CASES])
async def test_as_the_collector(file: str, case: Case) -> None:
    theirs, ours = _rounded(golden(file, case)), _rounded(await run(case))
    if (lacks := _LACKS.search(ours.get("refused", ""))) and "refused" not in theirs:
        assert lacks[1] in ELSEWHERE
        return
    same = ("refused" in ours) == ("refused" in theirs) if "refused" in {**ours, **theirs} else ours == theirs
    if case.name in DIFFERENCES:
        assert not same, f"there is no difference any more: take {case.name!r} out of differences.yaml"
        return
    if "came" in ours and "came" in theirs:
        assert ours["came"] == theirs["came"]
        assert ours["gone"] == theirs["gone"]
    assert same, f"embedded: {ours}\nCollector: {theirs}"


def test_listed_differences_have_a_case_and_a_reason() -> None:
    names = {case.name for _, case in CASES}
    assert not set(DIFFERENCES) - names
    assert all(len(reason) > 20 for reason in DIFFERENCES.values())


def test_functions_that_only_the_collector_has_are_refused_by_name_and_have_a_case() -> None:
    assert not ELSEWHERE & {*TRANSFORM, *FILTER}
    called = {name for _, case in CASES for name in _CALLED.findall(case.name)}
    assert not ELSEWHERE - called


def test_every_function_has_a_case() -> None:
    called = {name for _, case in CASES for name in _CALLED.findall(json.dumps(case.processors))}
    assert not {*TRANSFORM, *FILTER} - called
