"""Short experiments whose verdict is known, and what may have become of one on a machine too busy to measure.

Right: the verdict that follows from the pipelines. Owned up to: Invalid or Inconclusive, with figures in the reason.
Anything else is wrong: a Promote of what loses data, a Reject of what does not, or a run that did not complete.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from phoenix.api.experiment import Experiment
from phoenix.api.results import Verdict

PROFILE: dict[str, Any] = {
    "apiVersion": "phoenix.io/v1alpha1",
    "kind": "LoadProfile",
    "metadata": {"name": "soak"},
    "spec": {"otlp": {"services": 2, "instances": 1, "routes": 3, "users": 20, "rawPaths": 5}},
}


@dataclass(frozen=True, slots=True)
class Case:
    """A candidate and what is to be said of it."""

    name: str
    template: str
    verdict: Verdict
    criteria: tuple[dict[str, Any], ...]


_LEANER = ({"metric": "cardinalityReduction", "min": 0.1}, {"metric": "signalLoss", "max": 0.01})
_EQUAL = (
    {"metric": "cardinalityReduction", "min": 0.0, "max": 0.0},
    {"metric": "sampleReduction", "min": 0.0, "max": 0.0},
    {"metric": "signalLoss", "max": 0.0},
)
CASES = (
    Case("lean", "http-lean", Verdict.PROMOTE, _LEANER),
    Case("naive", "naive-delete", Verdict.REJECT, _LEANER),
    Case("same", "baseline", Verdict.PROMOTE, _EQUAL),
    Case("not-leaner", "baseline", Verdict.REJECT, _LEANER),
)


def experiment(case: Case, name: str, *, interval_ms: int, windows: int) -> dict[str, Any]:
    """An experiment of a case, with the shortest timing that has so many windows."""
    return {
        "apiVersion": "phoenix.io/v1alpha1",
        "kind": "Experiment",
        "metadata": {"name": name},
        "spec": {
            "source": {"load": {"profileRef": {"name": PROFILE["metadata"]["name"]}, "seed": 7}},
            "engine": "Embedded",
            "variants": [
                {"name": "baseline", "role": "Baseline", "pipeline": {"templateRef": {"name": "baseline"}}},
                {"name": "candidate", "role": "Candidate", "pipeline": {"templateRef": {"name": case.template}}},
            ],
            "timing": {
                "warmup": f"{4 * interval_ms}ms",
                "duration": f"{2 * windows * interval_ms}ms",
                "interval": f"{interval_ms}ms",
            },
            "analysis": {
                "criteria": list(case.criteria),
                "signals": [
                    {
                        "name": "requests-by-service",
                        "query": "sum by (service_name) (http_server_request_duration_seconds_count)",
                    }
                ],
            },
        },
    }


def fault(case: Case, found: Experiment) -> str:
    """What is wrong with what became of an experiment; empty: it is right, or owns up to not knowing."""
    said = f"{found.metadata.name} ({case.template}): {found.status.phase} {found.status.verdict}"
    if found.status.phase != "Completed":
        return f"{said}, want Completed; {[(c.type, c.reason, c.message) for c in found.status.conditions]}"
    if found.status.verdict == case.verdict:
        return ""
    if found.status.verdict not in (Verdict.INVALID, Verdict.INCONCLUSIVE):
        return f"{said}, want {case.verdict}: {found.status.verdict_reason}"
    if not re.search(r"\d", found.status.verdict_reason):
        return f"{said} without figures: {found.status.verdict_reason!r}"
    return ""
