"""Processes of an emitter: what each uses over time."""

from __future__ import annotations

import pytest

from phoenix.loadgen.spawner import share


@pytest.mark.parametrize("pattern", ["Steady", "Wave", "Burst"])
@pytest.mark.parametrize("cpu", [0.0, 0.05, 0.1, 0.35, 0.5, 0.8, 1.0])
def test_the_mean_is_what_is_asked_for(pattern: str, cpu: float) -> None:
    shares = [share(cpu, pattern, age / 1000) for age in range(10_000)]
    assert sum(shares) / len(shares) == pytest.approx(cpu, abs=1e-3)
    assert all(0 <= one <= 1 for one in shares)


def test_a_small_burst_is_a_second_and_a_small_wave_goes_down_to_nothing() -> None:
    assert [share(0.05, "Burst", age) for age in (0.0, 0.9, 1.0, 9.9, 10.0)] == [0.5, 0.5, 0.0, 0.0, 0.5]
    assert [round(share(0.3, "Wave", age), 6) for age in (0.0, 2.5, 7.5)] == [0.3, 0.6, 0.0]
