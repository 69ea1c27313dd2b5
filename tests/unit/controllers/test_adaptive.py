"""The list of what is significant: by rank and threshold, with hysteresis, seldom and a little."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from controllers.pipelinedeployment.adaptive import decide, means
from phoenix.api.pipeline import AdaptiveKeep, AdaptiveStatus, PipelineDeploymentSpec
from phoenix.samples.model import OutputSample

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def settings(**changes: Any) -> AdaptiveKeep:
    return AdaptiveKeep.from_wire({"experiment": {"name": "x"}, "signal": "cpu", "topK": 3, **changes})


def values(text: str) -> dict[str, float]:
    """The first letter is the largest."""
    return {name: float(100 - place) for place, name in enumerate(text)}


def keep(text: str, *, age_s: float = 600) -> AdaptiveStatus:
    return AdaptiveStatus(keep=list(text), decided_at=(NOW - timedelta(seconds=age_s)).isoformat())


def decided(given: AdaptiveKeep, before: AdaptiveStatus | None, ranking: str) -> str:
    return "".join(decide(given, before, values(ranking), NOW).status.keep)


def test_the_first_list_is_the_top_of_the_ranking_at_once() -> None:
    first = decide(settings(topK=3, maxChanges=1), None, values("cabd"), NOW)
    assert first.status.keep == ["a", "b", "c"]
    assert first.changed == "in: c, a, b"


def test_what_slips_a_little_stays_and_what_slips_far_goes() -> None:
    # Enters at rank 3, leaves beyond rank 4: d comes in, c stays at rank 4.
    assert decided(settings(), keep("abc"), "abdc") == "abcd"
    assert decided(settings(), keep("abcd"), "abdc") == "abcd"
    assert decided(settings(), keep("abc"), "abdec") == "abd"
    # A group at the border that swaps with its neighbour every time changes the list once, not every time.
    assert decided(settings(), keep("abcd"), "abcd") == "abcd"


def test_nothing_changes_before_its_time_or_without_data() -> None:
    assert decided(settings(minDwell="60s"), keep("abc", age_s=59), "xyz") == "abc"
    assert decided(settings(minDwell="60s", maxChanges=6), keep("abc", age_s=61), "xyz") == "xyz"
    silent = decide(settings(), keep("abc"), {}, NOW)
    assert (silent.status.keep, silent.changed) == (list("abc"), "")
    assert decide(settings(), None, {}, NOW).status.decided_at == ""


def test_one_change_is_no_larger_than_allowed() -> None:
    assert decided(settings(maxChanges=2), keep("abc"), "xyz") == "abcxy"
    assert decided(settings(maxChanges=2), keep("abcxy"), "xyz") == "bcxyz"


def test_a_threshold_has_its_hysteresis_too() -> None:
    given = settings(topK=None, threshold=10, leaveFactor=2)
    found = decide(given, keep("ab"), {"a": 6.0, "b": 4.0, "c": 10.0, "d": 9.0}, NOW).status.keep
    assert found == ["a", "c"]


def test_some_are_always_kept() -> None:
    assert decided(settings(topK=1, always=["z"]), keep("z"), "abcdz") == "az"


def test_means_are_over_windows_of_sums_over_hosts() -> None:
    def sample(host: str, window: int, variant: str, **groups: float) -> OutputSample:
        return OutputSample(
            run=1, host=host, variant=variant, window_start=window, window_end=window + 1, instance="m", points=0,
            samples=0, bytes=0, requests=0, duplicates=0, late_points=0, max_lag_s=0, streams=0, active_series=0,
            streams_by_last_window=[], active_series_by_last_window=[],
            signals={"cpu": {f"process_executable_name={name}": value for name, value in groups.items()}},
        )  # fmt: skip

    found = means(
        [sample("h1", 0, "base", a=1, b=2), sample("h2", 0, "base", a=3), sample("h1", 2, "base", a=4),
         sample("h1", 2, "cand", a=100)], "base", "cpu",
    )  # fmt: skip
    assert found == {"a": 4.0, "b": 1.0}


@pytest.mark.parametrize("wrong", [{"threshold": 5}, {"topK": None}, {"leaveFactor": 0.5}, {"minDwell": "soon"}])
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        settings(**wrong)


def test_it_needs_a_template() -> None:
    with pytest.raises(ValidationError, match="templateRef"):
        PipelineDeploymentSpec.from_wire({"pipeline": {"config": {}}, "adaptive": settings().to_wire()})
