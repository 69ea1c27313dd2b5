"""Long tests come first on each worker but one, and none is lost."""

from __future__ import annotations

import pytest

from tests.order import dealt

SHORT = [f"tests/unit/test_a.py::{number}" for number in range(43)]
LONG = [f"tests/e2e/test_{name}.py::{number}" for name in ("own", "shared") for number in range(4)]


def place(test: str) -> str:
    return test.partition("::")[0]


@pytest.mark.parametrize("workers", [1, 2, 3, 4])
def test_each_workers_part_begins_with_its_share_of_the_long_ones(workers: int) -> None:
    found = dealt([*SHORT, *LONG], workers, place, alone=lambda test: "own" in test)
    assert sorted(found) == sorted([*SHORT, *LONG])
    begin = 0
    for worker in range(workers):
        end = begin + (len(found) - begin) // (workers - worker)
        kinds = [test in LONG for test in found[begin:end]]
        assert kinds == sorted(kinds, reverse=True)
        assert any(kinds) == (worker < max(1, workers - 1))
        begin = end
    shared = [number for number, test in enumerate(found) if "shared" in test]
    assert shared == list(range(shared[0], shared[0] + 4)), "a file whose tests share something stays together"


def test_more_long_ones_than_a_part_holds() -> None:
    assert sorted(dealt(LONG, 3, place, alone=lambda _: False)) == sorted(LONG)
    assert dealt([], 3, place, alone=lambda _: False) == []
