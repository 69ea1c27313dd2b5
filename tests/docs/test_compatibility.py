"""The compatibility page is what its table says, and every row has the test that shows it."""

from __future__ import annotations

import pytest

from tests.docs.pages import ROOT
from tests.harness import compatibility


def test_the_page_is_its_table() -> None:
    rows = compatibility.read(compatibility.TABLE)
    assert compatibility.PAGE.read_text(encoding="utf-8") == compatibility.render(rows), "run make compatibility"


def test_every_row_is_shown_by_a_test_that_exists() -> None:
    for row in compatibility.read(compatibility.TABLE):
        path, _, name = row.test.partition("::")
        assert f"def {name}(" in (ROOT / path).read_text(encoding="utf-8"), row


def test_a_row_nobody_recorded_fails_its_test() -> None:
    with pytest.raises(AssertionError, match="make compatibility"), compatibility.row("nobody", "nothing"):
        pass
