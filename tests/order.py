"""Who runs what first: long tests begin at once, spread over all workers but one, which has short ones meanwhile.

A long test waits for real processes most of its time, a short one computes: side by side they fill the cores.
pytest-xdist gives each worker an equal run of the tests in their order, and lets one that is idle take over the end of
another's. Where long tests come last, the last of them keeps one worker busy while the others have nothing left to do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from typing import TypeVar

T = TypeVar("T")
LONG = ("tests/e2e/", "tests/soak/", "tests/docs/test_commands.py", "tests/process/")


def dealt(tests: Sequence[T], workers: int, place: Callable[[T], str], *, alone: Callable[[T], bool]) -> list[T]:
    """The tests in an order of which each worker's equal part but the last begins with its share of the long ones.

    `place`: a test's file, from the root of the repository; `alone`: whether it shares nothing with others of its
    file, which else stay together. The order depends on nothing else: all workers must come to the same.
    """
    groups: dict[object, list[T]] = {}
    short: list[T] = []
    for number, test in enumerate(tests):
        if place(test).startswith(LONG):
            groups.setdefault(number if alone(test) else place(test), []).append(test)
        else:
            short.append(test)
    found: list[T] = []
    rest, units, lanes = iter(short), list(groups.values()), max(1, workers - 1)
    for worker in range(workers):
        size = (len(tests) - len(found)) // (workers - worker)
        share = [test for unit in units[worker::lanes] for test in unit] if worker < lanes else []
        found += share
        found += islice(rest, max(0, size - len(share)))
    return [*found, *rest]
