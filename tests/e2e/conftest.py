"""End-to-end tests share nothing but this: a Phoenix of their own, in their own state folder."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.harness.cluster import Cluster, cluster


@pytest.fixture
async def phoenix(tmp_path: Path) -> AsyncIterator[Cluster]:
    """A running Phoenix; nothing of it may be left at the end."""
    async with cluster(tmp_path, "--port", "0") as found:
        yield found
