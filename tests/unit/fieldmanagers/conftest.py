"""The small kind of `kinds.py` in place of a real one."""

from __future__ import annotations

import pytest

from phoenix.fieldmanagers import ownership
from tests.unit.fieldmanagers.kinds import TYPE


@pytest.fixture
def small_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ownership, "field_type", lambda _kind: TYPE)
