"""A world for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.controllers.world import World, world


@pytest.fixture
async def earth(tmp_path: Path) -> AsyncIterator[World]:
    """A real API server, host `a`, and reconcilers called by hand."""
    async with world(tmp_path / "state") as made:
        yield made
