"""What sources that observe something say of it: scrapes that failed, counts that are known beforehand."""

from __future__ import annotations

from phoenix.analysis.judge import analyze
from phoenix.api.results import Verdict
from phoenix.samples.model import InputSample
from tests.unit.analysis.runs import Run


def scraped(sample: InputSample) -> None:
    sample.scrapes = 6


def failed(sample: InputSample) -> None:
    sample.failed_scrapes, sample.failed_targets = 2, "127.0.0.1:1 (2)"


def test_every_scrape_came() -> None:
    run = Run().change(scraped, InputSample, "base").change(scraped, InputSample, "cand")
    assert analyze(run.input(scrape_targets=3)).verdict == Verdict.PROMOTE


def test_a_target_that_was_down_makes_a_run_invalid_with_numbers() -> None:
    run = Run().change(scraped, InputSample, "base").change(failed, InputSample, "base", 4)
    found = analyze(run.input(scrape_targets=3))
    assert found.verdict == Verdict.INVALID
    assert found.results.problems == ["a: 2 of 60 scrapes failed, in the first window of 127.0.0.1:1 (2)"]
    assert found.results.input.parity is False


def test_scrapes_that_never_came_make_a_run_invalid() -> None:
    found = analyze(Run().change(scraped, InputSample, "base", 0).input(scrape_targets=3))
    assert found.results.problems == ["a: 6 of 60 scrapes came"]


def test_a_count_known_beforehand_must_hold() -> None:
    assert analyze(Run().input(points_per_tick=1000)).verdict == Verdict.PROMOTE
    found = analyze(Run().input(points_per_tick=1001))
    assert found.verdict == Verdict.INVALID
    assert "2002 points a window that its profile amounts to in 10 of 10 windows; first 2000" in found.reason
