"""Phoenix's answers against the kept ones."""

from __future__ import annotations

import tempfile
from pathlib import Path

from conformance import golden
from conformance.differences import Difference, Judged, differences, groups, judge
from conformance.runner import Answer, run_all
from conformance.servers import phoenix
from conformance.suite import SCENARIOS


async def answers() -> dict[str, list[Answer]]:
    """What a Phoenix API server of its own answers to the whole suite."""
    with tempfile.TemporaryDirectory() as folder:
        async with phoenix(Path(folder)) as endpoint:
            return await run_all(endpoint, SCENARIOS)


def found(ours: dict[str, list[Answer]]) -> dict[str, list[Difference]]:
    """Differences by scenario. Raises FileNotFoundError, ValueError: a scenario was not recorded as it is now."""
    return {name: list(differences(name, golden.read(name), some)) for name, some in ours.items()}


async def compare() -> Judged:
    """Ask Phoenix, and judge."""
    return judge(found(await answers()), groups())
