"""The suite is asked once: its answers serve every test here."""

from __future__ import annotations

import asyncio

import pytest

from conformance.compare import answers, found
from conformance.differences import Difference, Judged, groups, judge


@pytest.fixture(scope="session")
def differing() -> dict[str, list[Difference]]:
    """What differs from the kept answers, by scenario."""
    return found(asyncio.run(answers()))


@pytest.fixture(scope="session")
def judged(differing: dict[str, list[Difference]]) -> Judged:
    """The same, explained as far as it is listed."""
    return judge(differing, groups())
