"""What the Collector refuses the embedded engine refuses, in the same phase, told where and what to do instead."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pytest

from phoenix.engine import Collector, ConfigError, Finding, StartError, read_config
from tests.differential.refused import GOLDEN, Bad, free_port, load

_ORDER = ("retrieve", "expand", "decode", "validate", "build")
CASES = load()


@cache
def recorded() -> dict[str, Any]:
    """What the real one said, by case."""
    found: dict[str, Any] = json.loads(GOLDEN.read_text("utf-8"))["cases"]
    return found


DIFFERENCES = {
    "a path that begins with no slash": "the Collector serves such a path to nobody; here it is refused",
    "otlphttp with an endpoint that is none": "the Collector starts, and fails at every request; here it is refused",
    "remote write without endpoint": "the Collector starts, and fails at every request; here it is refused",
}
"""Refused here alone, and why; phases are the same everywhere."""


def findings_of(case: Bad) -> tuple[Finding, ...]:
    """Everything wrong with it, before anything starts."""
    try:
        read_config(case.text.replace("@PORT@", str(free_port())), {})
    except ConfigError as error:
        return error.findings
    return ()


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
async def test_it_is_refused_in_the_same_phase_with_its_place_and_a_way_out(case: Bad) -> None:
    theirs, findings = recorded()[case.name], findings_of(case)
    if theirs["phase"] == "start":
        assert not findings
        with pytest.raises(StartError) as raised:
            await Collector(read_config(case.text.replace("@PORT@", str(free_port())), {})).start()
        assert raised.value.component
        return
    assert (theirs["phase"] == "none") == (case.name in DIFFERENCES)
    ours = min((finding.phase for finding in findings), key=_ORDER.index, default="none")
    if theirs["phase"] != "none":
        assert ours == theirs["phase"], (list(map(str, findings)), theirs["says"])
    assert findings
    for finding in findings:
        assert finding.path or finding.phase == "retrieve" or "empty configuration" in finding.message, finding
        assert finding.hint, finding


def test_there_are_enough_of_each_phase() -> None:
    phases = [said["phase"] for said in recorded().values()]
    assert len(phases) >= 60
    assert {one: phases.count(one) >= 3 for one in (*_ORDER, "start")} == dict.fromkeys((*_ORDER, "start"), True)
    assert all(said["exit"] == 1 for said in recorded().values() if said["phase"] != "none")
