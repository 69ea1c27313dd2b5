"""Who is on a host that is to be drained, and what may be done about it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from phoenix.api.collector import Collector
from phoenix.api.experiment import Experiment, RunEnding
from phoenix.api.meter import Meter
from phoenix.apimachinery.conditions import micro_timestamp
from phoenix.apimachinery.meta import ObjectMeta, OwnerReference
from phoenix.apimachinery.names import LABEL_EXPERIMENT
from phoenix.cli.draining import ENDING_S, occupants, refusal, still_there

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
VARIANTS = [
    {"name": name, "role": role, "pipeline": {"config": {"service": {"pipelines": {"metrics": {}}}}}}
    for name, role in (("base", "Baseline"), ("lean", "Candidate"))
]
OWNER = OwnerReference(api_version="phoenix.io/v1alpha1", kind="PipelineDeployment", name="edge", uid="u")


def run(phase: str = "Running", *, ends_in_s: float | None = 60, **spec: Any) -> Experiment:
    found = Experiment.from_wire(
        {
            "metadata": {"name": "x", "namespace": "default"},
            "spec": {"source": {"load": {"profileRef": {"name": "p"}}}, "variants": VARIANTS, **spec},
            "status": {"phase": phase, "run": 1},
        }
    )
    if ends_in_s is not None:
        found.status.measure_to = micro_timestamp(NOW + timedelta(seconds=ends_in_s))
    return found


def of_run() -> Meter:
    meta = ObjectMeta(name="x-meter-b", namespace="default", labels={LABEL_EXPERIMENT: "x"}, owner_references=[OWNER])
    return Meter(metadata=meta)


def test_each_is_told_apart() -> None:
    evicted = Collector(metadata=ObjectMeta(name="edge-b", namespace="default", owner_references=[OWNER]))
    loose = Meter(metadata=ObjectMeta(name="mine", namespace="default"))
    going = loose.model_copy(deep=True)
    going.metadata.deletion_timestamp = "2026-01-01T00:00:00Z"
    found = occupants([evicted, loose, going, of_run()], [run()])
    assert (found.evicted, found.loose, found.going) == ((evicted,), (loose,), (going,))
    assert [item.metadata.name for item in found.runs] == ["x"]
    assert still_there(found).startswith("experiment/x (Running), meter/mine in namespace default")
    assert occupants([], []).none


@pytest.mark.parametrize("ending", ["suspended", "ending", "finished", "deleted"])
def test_a_run_that_ends_is_waited_for(ending: str) -> None:
    found = run("Completed" if ending == "finished" else "Running")
    if ending == "suspended":
        found.spec.suspend = True
    elif ending == "ending":
        found.status.ending = RunEnding(phase="Completed", reason="Completed", message="")
    elif ending == "deleted":
        found.metadata.deletion_timestamp = "2026-01-01T00:00:00Z"
    sorted_ = occupants([of_run()], [found])
    assert (sorted_.runs, len(sorted_.going)) == ((), 1)
    assert refusal(sorted_, NOW, 1) == ("", "")


def test_a_measurement_is_not_broken_off() -> None:
    found = occupants([of_run()], [run(ends_in_s=60)])
    why, hint = refusal(found, NOW, 60 + ENDING_S - 1)
    assert why == "experiment/x in namespace default measures on it until 2026-01-01T12:01:00.000000Z"
    assert "--timeout 90s" in hint
    assert "--force" in hint
    assert refusal(found, NOW, 60 + ENDING_S) == ("", "")
    assert refusal(occupants([of_run()], [run("Deploying", ends_in_s=None)]), NOW, 1) == ("", ""), "its end is unknown"


def test_what_nobody_would_make_again_needs_force() -> None:
    found = occupants([Meter(metadata=ObjectMeta(name="mine", namespace="default"))], [])
    assert refusal(found, NOW, 60)[0] == "nobody would make these again: meter/mine in namespace default"
