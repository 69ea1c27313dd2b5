"""STATUS of hosts in tables, as kubectl shows nodes."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from phoenix.api.host import Host
from phoenix.apiserver.table import render_table


@pytest.mark.parametrize(
    ("ready", "unschedulable", "shown"),
    [
        ("True", False, "Ready"),
        ("True", True, "Ready,SchedulingDisabled"),
        ("False", False, "NotReady"),
        ("Unknown", True, "Unknown,SchedulingDisabled"),
        (None, False, None),
        (None, True, "Unknown,SchedulingDisabled"),
    ],
)
def test_status_says_ready_and_cordoned(ready: str | None, *, unschedulable: bool, shown: str | None) -> None:
    conditions = [{"type": "Ready", "status": ready}] if ready else []
    wire = {
        "metadata": {"name": "a"}, "spec": {"unschedulable": unschedulable}, "status": {"conditions": conditions},
    }  # fmt: skip
    table = render_table(Host, [wire], now=datetime(2026, 1, 1, tzinfo=UTC))
    assert table["columnDefinitions"][1]["name"] == "Status"
    assert table["rows"][0]["cells"][:2] == ["a", shown]
