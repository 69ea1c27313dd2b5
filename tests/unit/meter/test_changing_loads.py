"""What was stated beforehand of a load that changes is what the meter counts: each window, and the union."""

from __future__ import annotations

import pytest

from phoenix.loadmodel.expected import count_run
from phoenix.loadmodel.load import Load
from phoenix.loadmodel.profile import read_model
from tests.unit.loadmodel.test_changes import CHANGING, TICKS
from tests.unit.meter.test_variant import T0, S, variant


@pytest.mark.parametrize("model", CHANGING)
def test_the_meter_counts_what_was_stated(model: str) -> None:
    read = read_model(CHANGING[model])
    stated = count_run(read, interval_ns=S, ticks=TICKS)
    load, one = Load(read, seed=5, interval_s=1.0), variant()
    load.start(T0 - S)
    for tick in range(TICKS):
        for payload in load.tick(T0 + tick * S):
            one.accept(payload.data, T0 + tick * S)
    samples = one.close(None)
    assert [(s.points, s.streams, s.active_series) for s in samples] == [
        (window.points, window.streams, window.active_series) for window in stated.windows
    ]
    last = samples[-1]
    assert sum(number for _, number in last.streams_by_last_window) == stated.union.streams
    assert sum(number for _, number in last.active_series_by_last_window) == stated.union.active_series
    assert sum(sample.duplicates for sample in samples) == 0
    assert sum(sample.counter_resets or 0 for sample in samples) > 0
