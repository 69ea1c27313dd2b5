"""Which processes run when: known beforehand, bounded, and the same for whoever asks."""

from __future__ import annotations

from typing import Any

import pytest

from phoenix.loadmodel.errors import LoadModelError
from phoenix.loadmodel.processes import POINTS_PER_PROCESS, ProcessPlan, read_processes

S = 1_000_000_000
STAY = {"names": ["a", "b"], "count": 3}
COME_AND_GO = {"names": ["x", "y", "z"], "count": 4, "lifetime": "4s"}


def plan(*groups: dict[str, Any], scale: float = 1.0, seed: int = 0) -> ProcessPlan:
    return read_processes({"groups": list(groups)}, scale=scale, seed=seed, interval_ns=S)


def test_the_count_is_the_same_at_every_tick_and_each_lives_its_time() -> None:
    found = plan(STAY, COME_AND_GO)
    lives: dict[Any, list[int]] = {}
    for tick in range(40):
        here = list(found.at(tick))
        assert len(here) == len(set(here)) == found.processes == 7
        for one in here:
            lives.setdefault(one, []).append(tick)
    short = [ticks for one, ticks in lives.items() if one.group == 1 and 4 < ticks[0] < 30]
    assert all(ticks == list(range(ticks[0], ticks[0] + 4)) for ticks in short)
    starts = [ticks[0] for ticks in short]
    assert max(starts.count(start) for start in starts) == 1, "spread evenly"


@pytest.mark.parametrize(("first", "end"), [(0, 1), (0, 4), (3, 17), (5, 6)])
def test_those_of_a_stretch_are_counted_without_running_it(first: int, end: int) -> None:
    found = plan(STAY, COME_AND_GO)
    assert found.distinct(first, end) == len({one for tick in range(first, end) for one in found.at(tick)})


def test_names_are_given_in_turn_and_turned_by_the_seed() -> None:
    found, other = plan(STAY), plan(STAY, seed=1)
    assert [found.name_of(one) for one in found.at(0)] == ["a", "b", "a"]
    assert [other.name_of(one) for one in other.at(0)] == ["b", "a", "b"]
    later = plan(COME_AND_GO)
    assert {later.name_of(one) for tick in range(20) for one in later.at(tick)} == {"x", "y", "z"}


def test_a_scale_multiplies_processes() -> None:
    assert plan(STAY, COME_AND_GO, scale=2).expected.streams == 14 * POINTS_PER_PROCESS
    assert plan(STAY, COME_AND_GO, scale=0.01).processes == 2


@pytest.mark.parametrize(
    ("wire", "said"),
    [
        ({}, "want at least one"),
        ({"groups": [{"names": []}]}, "names: want names"),
        ({"groups": [{"names": ["a"], "count": 501}]}, "501 processes at scale 1, more than 500"),
        ({"groups": [{"names": ["a"], "count": 100, "cpu": 0.5}]}, "50 CPUs at scale 1, more than 4"),
        ({"groups": [{"names": ["a"], "count": 100, "memory": "64Mi"}]}, "bytes of memory"),
        ({"groups": [{"names": ["a"], "count": 100, "lifetime": "1s"}]}, "100 starts a second"),
        ({"groups": [{"names": ["a"], "lifetime": "soon"}]}, "lifetime: want a duration"),
        ({"groups": [{"names": ["a"], "memory": "much"}]}, "memory"),
    ],
)
def test_what_a_host_may_not_be_asked_for_is_refused(wire: dict[str, Any], said: str) -> None:
    with pytest.raises(LoadModelError, match=said):
        read_processes(wire, scale=1.0, seed=1, interval_ns=S)
