"""What kubectl 1.32 sends for each operation, as recorded; needs no kubectl."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.harness import compatibility
from tests.integration.apiserver.conftest import Http
from tests.integration.apiserver.wire.runner import Recorded, Runner, rows

ROWS = rows(Path(__file__).with_name("kubectl.yaml"))


@pytest.mark.parametrize("recorded", ROWS, ids=lambda row: row.operation.replace(" ", "-"))
async def test_an_operation(http: Http, recorded: Recorded) -> None:
    with compatibility.row("kubectl's requests, as recorded", recorded.operation, version="1.32.5"):
        await Runner(http).run(recorded)
