"""No file grows until it eats its neighbours."""

from __future__ import annotations

from statistics import median

from tests.test_house import MAX_LINES, PYTHON, ROOT


def lines() -> dict[str, int]:
    """Lines by path, of every Python file."""
    return {str(path.relative_to(ROOT)): path.read_bytes().count(b"\n") for path in PYTHON}


def test_no_file_is_longer_than_the_limit() -> None:
    assert {path: count for path, count in lines().items() if count > MAX_LINES} == {}


def test_most_files_are_much_shorter() -> None:
    ours = [count for path, count in lines().items() if path.startswith(("phoenix/", "controllers/")) and count > 5]
    assert median(ours) <= 160
