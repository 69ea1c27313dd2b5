"""A rejected run says why, a cause at a time, and what to change."""

from __future__ import annotations

from typing import Any

from phoenix.api.experiment import Experiment
from phoenix.cli.advice import ADD_UP
from phoenix.cli.report import headline


def judged(*candidates: dict[str, Any]) -> Experiment:
    variants = [
        {"name": name, "role": role, "pipeline": {"templateRef": {"name": "baseline"}}}
        for name, role in [("old", "Baseline"), *((item["name"], "Candidate") for item in candidates)]
    ]
    results = {"final": True, "variants": [{"name": "old", "duplicates": 0}, *candidates]}
    status = {"run": 1, "phase": "Completed", "verdict": "Reject", "verdictReason": "a long one", "results": results}
    source = {"load": {"profileRef": {"name": "fleet"}}}
    analysis = {"criteria": [{"metric": "signalLoss", "max": 0.01}]}
    spec = {"source": source, "variants": variants, "analysis": analysis}
    return Experiment.from_stored({"metadata": {"name": "x", "namespace": "default"}, "spec": spec, "status": status})


REJECTED = {
    "name": "new",
    "verdict": "Reject",
    "duplicates": 1200,
    "signals": [
        {"name": "users", "lost": 5, "reason": "no series has the label user_id; 5 of 5 values are missing"},
        {"name": "routes", "lost": 0},
    ],
    "criteria": [
        {
            "metric": "signalLoss",
            "passed": False,
            "value": 1,
            "max": 0.01,
            "reason": "1 is above 0.01: users: no series…",
        },
        {"metric": "cardinalityReduction", "passed": True, "value": 0.9, "min": 0.5},
        {"metric": "cpuIncrease", "passed": False, "critical": False, "reason": "0.5 is above 0.1"},
    ],
}


def test_each_cause_has_its_line_and_what_to_change() -> None:
    assert headline(judged(REJECTED)) == [
        "experiment/x   run 1   Completed",
        "verdict: Reject",
        "  1,200 duplicates, 0 in the baseline",
        f"    -> {ADD_UP}",
        "  signalLoss 1 is above 0.01",
        "    users: no series has the label user_id",
        "    -> keep the labels that the signals read, or take out what nobody needs any more",
    ]


def test_of_several_candidates_each_is_named() -> None:
    other = {"name": "less", "verdict": "Reject", "criteria": [
        {"metric": "byteReduction", "passed": False, "value": 0.1, "min": 0.2, "reason": "0.1 is below 0.2"},
    ]}  # fmt: skip
    lines = headline(judged(REJECTED, other))
    assert "  new: 1,200 duplicates, 0 in the baseline" in lines
    assert lines[-2:] == [
        "  less: byteReduction 0.1 is below 0.2",
        "    -> cut more: `phoenixctl metrics experiment/x` shows what costs most in less; or ask for less",
    ]


def test_without_figures_the_reason_is_told_whole() -> None:
    assert headline(judged({"name": "new"}))[1] == "verdict: Reject: a long one"
