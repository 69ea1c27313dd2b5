"""Experiments on variants that run elsewhere: what fits together, and what is refused with its place."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from phoenix.api.experiment import Experiment
from phoenix.api.schema import validate

WIRE: dict[str, Any] = {
    "apiVersion": "phoenix.io/v1alpha1", "kind": "Experiment", "metadata": {"name": "x", "namespace": "default"},
    "spec": {
        "source": {"observed": {"url": "http://127.0.0.1:9090"}},
        "variants": [
            {"name": "a", "role": "Baseline", "selector": '{job="x"}'},
            {"name": "b", "role": "Candidate", "selector": '{job="y"}'},
        ],
    },
}  # fmt: skip
Change = Callable[[dict[str, Any]], object]


def test_a_sound_one_is_taken() -> None:
    assert validate(Experiment, WIRE) == []
    assert Experiment.from_wire(WIRE).spec.variants[0].pipeline is None


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda spec: spec["variants"][0].pop("selector"), "variants[0]: with source observed give selector"),
        (lambda spec: spec["variants"][1].update(pipeline={"config": {}}), "variants[1]: with source observed give"),
        (lambda spec: spec["variants"][0].update(selector="x[5m]"), "want label matchers alone"),
        (lambda spec: spec["variants"][0].update(selector='{job=~".*"}'), "non-empty matcher"),
        (lambda spec: spec["source"]["observed"].update(url="ftp://x"), "is no http or https URL"),
        (lambda spec: spec["source"]["observed"].update(url="http://u:p@x"), "must not hold credentials"),
        (lambda spec: spec["source"]["observed"].update(since="yesterday"), "is not an RFC 3339 time"),
        (lambda spec: spec["source"]["observed"].update(lag="2h"), "lag must be at most 1h"),
        (
            lambda spec: spec.update(onSuccess={"action": "Promote", "deployment": {"name": "x"}}),
            "no pipeline to promote",
        ),
        (lambda spec: spec.update(source={"otlp": {}}), "variants[0]: give pipeline"),
    ],
)
def test_what_does_not_fit_is_refused(change: Change, says: str) -> None:
    wire = copy.deepcopy(WIRE)
    change(wire["spec"])
    found = [cause.message for cause in validate(Experiment, wire)]
    assert any(says in message for message in found), found
