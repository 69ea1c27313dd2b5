"""What docs/engines.md says of components, functions, comparisons and differences is made of code and golden data."""

from __future__ import annotations

from phoenix.agent.engines import _BINARIES, _ENVIRONMENT
from tests.differential.page import MADE, PAGE, page


def test_the_page_of_engines_is_fresh() -> None:
    text = PAGE.read_text("utf-8")
    assert all(f"<!-- made: {name} -->" in text for name in MADE)
    assert page(text) == text, "run `.venv/bin/python -m tests.differential.page` and commit docs/engines.md"


def test_it_names_every_way_to_a_binary_in_their_order() -> None:
    text = PAGE.read_text("utf-8")
    at = [text.index(f"`{word}`") for word in (_ENVIRONMENT, *_BINARIES)]
    assert at == sorted(at)
    assert text.index("`--otelcol PATH`") < at[0]
