"""Runs on variants that run elsewhere: a meter that was started anew asked once more, which is no fault of the run."""

from __future__ import annotations

import pytest

from phoenix.analysis.judge import analyze
from phoenix.api.results import Verdict
from phoenix.samples.model import OutputSample
from tests.unit.analysis.runs import Run

SILENT = "http://x:9090 gave no answer within 20s"


def observed() -> Run:
    """What a Prometheus told: windows of every variant, and nothing of sources and processes."""
    run = Run(warmup=0)
    run.samples = [sample for sample in run.samples if isinstance(sample, OutputSample)]
    return run


def test_what_a_prometheus_told_is_judged_without_a_source() -> None:
    found = analyze(observed().input(observed=True))
    assert (found.verdict, found.results.problems) == (Verdict.PROMOTE, [])


def test_a_window_that_was_not_answered_makes_a_run_invalid() -> None:
    run = observed()
    run.of(OutputSample, "cand", 3)[0].problem = SILENT
    found = analyze(run.input(observed=True))
    assert found.verdict is Verdict.INVALID
    assert SILENT in found.reason


@pytest.mark.parametrize("instance", ["a meter", "the meter"])
def test_what_a_later_meter_was_told_counts_whatever_its_name(instance: str) -> None:
    run = observed()
    (first,) = run.of(OutputSample, "cand", 3)
    run.samples.append(first.model_copy(update={"instance": instance}))
    first.problem = SILENT
    assert analyze(run.input(observed=True)).verdict is Verdict.PROMOTE
    run.samples.reverse()
    assert analyze(run.input(observed=True)).verdict is Verdict.PROMOTE
