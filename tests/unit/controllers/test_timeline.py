"""Runs begin, measure and end on window boundaries."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controllers.experiment.timeline import LEAD_S, plan_timeline, progress, unix_nano, window_nano
from phoenix.api.experiment import Timing
from phoenix.apimachinery.units import Duration

TIMING = Timing(warmup=Duration("5s"), duration=Duration("60s"), interval=Duration("1s"))


@given(
    st.datetimes(min_value=datetime(2020, 1, 1), max_value=datetime(2040, 1, 1)),  # noqa: DTZ001
    st.sampled_from(["200ms", "500ms", "1s", "3s", "7s"]),
)
def test_everything_is_on_a_window_boundary_and_long_enough(now: datetime, interval: str) -> None:
    timing = TIMING.model_copy(update={"interval": Duration(interval), "duration": Duration("60s")})
    now = now.replace(tzinfo=UTC)
    line = plan_timeline(now, timing)
    for time in (line.start_at, line.measure_from, line.measure_to):
        assert unix_nano(time) % window_nano(timing) == 0
    assert line.start_at - now >= timedelta(seconds=LEAD_S)
    assert line.measure_from - line.start_at >= timedelta(seconds=5)
    assert line.measure_to - line.measure_from >= timedelta(seconds=60)


def test_progress_counts_the_measured_time_only() -> None:
    line = plan_timeline(datetime(2026, 1, 1, tzinfo=UTC), TIMING)
    assert progress(line, line.start_at) == 0
    assert progress(line, line.measure_from + timedelta(seconds=15)) == pytest.approx(0.25)
    assert progress(line, line.measure_to + timedelta(hours=1)) == 1
