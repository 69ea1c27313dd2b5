"""Merge patches: what they say, by properties that hold for any JSON."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from phoenix.client.merge import diff, same, three_way
from tests.unit.runtime.miniapi import merge

# No deadline and no chance: a loaded machine must not fail the gate, and a failure must come again.
STEADY = settings(deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
LEAVES = st.booleans() | st.integers(-2, 2) | st.sampled_from(["", "a"]) | st.lists(st.integers(0, 1), max_size=2)
TREES = st.dictionaries(
    st.sampled_from("abc"),
    st.recursive(LEAVES, lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3), max_leaves=6),
    max_size=3,
)


@STEADY
@given(TREES, TREES)
def test_a_diff_turns_one_into_the_other_and_is_empty_only_for_equals(before, after):
    patch = diff(before, after)
    assert same(merge(before, patch), after)
    assert (patch == {}) == same(before, after)


@STEADY
@given(TREES, TREES, TREES)
def test_three_way_wins_what_is_wanted_drops_what_was_and_keeps_the_rest(last, wanted, live):
    result = merge(live, three_way(last, wanted, live))
    _holds(last, wanted, live, result)
    assert three_way(wanted, wanted, result) == {}, "applying again does nothing"


def _holds(last: Any, wanted: Any, live: Any, result: Any) -> None:
    for key in {*last, *wanted, *live}:
        if key in wanted and isinstance(wanted[key], dict) and isinstance(live.get(key), dict):
            inner = last.get(key)
            _holds(inner if isinstance(inner, dict) else {}, wanted[key], live[key], result[key])
        elif key in wanted:
            assert same(result[key], wanted[key])
        elif key in last:
            assert key not in result
        else:
            assert same(result[key], live[key])


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [(True, 1, False), (1, 1.0, True), ([True], [1], False), ({"a": 0}, {"a": False}, False), (None, None, True)],
)
def test_same_knows_truth_from_numbers(one, other, equal):
    assert same(one, other) is equal


def test_null_asks_for_absence():
    assert diff({"a": 1}, {"a": None, "b": None}) == {"a": None}
    assert three_way({}, {"a": None, "b": None}, {"a": 1}) == {"a": None}
