"""Ten experiments at once, on as many cores as there are: forty processes, right candidates and negative controls.

On a machine that cannot keep up a run may be Invalid or Inconclusive, and say with figures why; it may never be wrong.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.harness.cluster import cluster
from tests.soak.__main__ import ARGUMENTS, one_round
from tests.soak.experiments import CASES, PROFILE, fault

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


async def test_ten_at_once_are_right_or_say_why_they_cannot_tell(tmp_path: Path) -> None:
    async with cluster(tmp_path, *ARGUMENTS) as phoenix:
        await phoenix.apply(PROFILE)
        cases = {f"ten-{at}": CASES[at % len(CASES)] for at in range(10)}
        ended = await one_round(phoenix, cases, interval_ms=500, windows=3)
    assert [wrong for found, case in ended if (wrong := fault(case, found))] == []
    verdicts = Counter(str(found.status.verdict) for found, _ in ended)
    assert sum(verdicts.values()) == 10
    for found, _ in ended:
        results = found.status.results
        assert results is not None, f"{found.metadata.name} has no results"
        assert results.problems or results.input.parity is True, f"{found.metadata.name} is valid on unequal input"
