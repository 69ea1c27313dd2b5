"""The soak can fail: what grows is said to grow, and a wrong verdict is wrong."""

from __future__ import annotations

from dataclasses import replace

import pytest

from phoenix.api.experiment import Experiment
from tests.soak.experiments import CASES, experiment, fault
from tests.soak.readings import Reading, table, trends

QUIET = Reading(0, 150.0, 100, 15, 230, 21, 1, 80.0, 9, 30.0, 16.0, 0, 0.5)


def grown(**rise: float) -> list[str]:
    readings = []
    for at in range(0, 200, 4):
        more = {name: getattr(QUIET, name) + each * max(at - 50, 0) for name, each in rise.items()}
        noisy = replace(QUIET, experiments=at, memory=150.0 + 3 * (at % 8 == 0))
        readings.append(replace(noisy, **more))  # type: ignore[arg-type]  # counts may be fractions here
    found = trends(readings, 50)
    assert len(table(found).splitlines()) == len(found) + 1
    return [trend.name for trend in found if not trend.flat]


def test_noise_is_flat_and_what_grows_is_named() -> None:
    assert grown() == []
    assert grown(memory=0.25, files=0.2, database=0.1) == ["memory", "files", "database"]
    assert grown(folders=0.05, children=0.02) == ["children", "folders"]


def test_too_few_readings_are_no_trend() -> None:
    with pytest.raises(AssertionError, match="run more"):
        trends([replace(QUIET, experiments=at) for at in (50, 54)], 50)


@pytest.mark.parametrize(
    ("phase", "verdict", "reason", "wrong"),
    [
        ("Completed", "Promote", "", ""),
        ("Completed", "Invalid", "sent 9 of 10 points", ""),
        ("Completed", "Inconclusive", "2 windows, 3 needed", ""),
        ("Completed", "Invalid", "something was not right", "without figures"),
        ("Completed", "Reject", "signalLoss 0.5", "want Promote"),
        ("Failed", None, "", "want Completed"),
    ],
)
def test_a_verdict_is_right_owned_up_to_or_wrong(phase: str, verdict: str | None, reason: str, wrong: str) -> None:
    wire = experiment(CASES[0], "x", interval_ms=500, windows=3)
    wire["status"] = {"phase": phase, "verdictReason": reason} | ({"verdict": verdict} if verdict else {})
    said = fault(CASES[0], Experiment.from_wire(wire))
    assert wrong in said if wrong else said == ""
