"""Tables fit, line up, and never lose a name before they lose prose."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from phoenix.cli.grid import Grid

_CELL = st.text(alphabet="abc é…-", max_size=40)


@given(st.lists(st.tuples(_CELL, _CELL, _CELL), min_size=1, max_size=6), st.integers(24, 120))
def test_no_line_is_wider_than_the_terminal(rows: list[tuple[str, str, str]], width: int) -> None:
    grid = Grid(("NAME", "STATE", "MESSAGE"))
    for row in rows:
        grid.add(*row)
    lines = grid.lines(width)
    assert len(lines) == len(rows) + 1
    assert max(map(len, lines)) <= width


def test_prose_is_cut_before_names() -> None:
    grid = Grid(("NAME", "MESSAGE"))
    grid.add("a-name-of-thirty-characters-xx", "m" * 100)
    _, line = grid.lines(50)
    assert line == "a-name-of-thirty-characters-xx" + "   " + "m" * 16 + "…"


def test_names_are_cut_in_the_middle_before_words_are_cut_at_all() -> None:
    grid = Grid(("NAME", "ROLE", "PHASE", "READY"))
    grid.add("collector/negative-control-baseline-vm", "Deployment", "Running", "True")
    grid.add("collector/negative-control-candidate-vm", "Deployment", "Running", "True")
    assert grid.lines(50) == [
        "NAME                    ROLE        PHASE    READY",
        "collector/n…aseline-vm  Deployment  Running  True",
        "collector/n…ndidate-vm  Deployment  Running  True",
    ]


def test_the_last_column_goes_on_below_where_that_is_asked_for() -> None:
    grid = Grid(("REASON", "MESSAGE"), wrap_last=True)
    grid.add("Reject", "signalLoss 1 is above 0.01: every value is missing")
    assert grid.lines(45)[1:] == [
        "Reject   signalLoss 1 is above 0.01: every",
        "         value is missing",
    ]


def test_numbers_stand_right_and_what_fits_is_whole() -> None:
    grid = Grid(("NAME", "SERIES"), right=(1,))
    grid.add("baseline", "21,322")
    grid.add("candidate", "4,480")
    assert grid.lines(80) == [
        "NAME        SERIES",
        "baseline    21,322",
        "candidate    4,480",
    ]


def test_line_ends_in_cells_do_not_break_lines() -> None:
    grid = Grid(("A", "B"))
    grid.add("x", "one\n  two")
    assert grid.lines(80)[1] == "x   one two"
