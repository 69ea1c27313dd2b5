"""What holds for every configuration and every set."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from phoenix.fieldmanagers.extract import named
from phoenix.fieldmanagers.fieldset import difference, has, intersection, parse, paths, union
from tests.unit.fieldmanagers.kinds import TYPE, World

_TEXT = st.sampled_from("pq")
_ITEM: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"name": st.sampled_from("abcd")},
    optional={"v": _TEXT, "tags": st.lists(st.sampled_from("tuv"), min_size=1, unique=True)},
)


def _name(item: Any) -> Any:
    return item["name"]


CONFIGS = st.fixed_dictionaries(
    {},
    optional={
        "s": _TEXT,
        "m": st.dictionaries(st.sampled_from("xyz"), _TEXT, min_size=1),
        "st": st.fixed_dictionaries({"a": _TEXT}, optional={"b": _TEXT, "in": st.just({"x": "p"})}),
        "l": st.lists(_ITEM, min_size=1, unique_by=_name),
        "set": st.lists(st.sampled_from("ghij"), min_size=1, unique=True),
        "at": st.lists(_TEXT, min_size=1),
        "am": st.dictionaries(st.sampled_from("xy"), _TEXT, min_size=1),
        "free": st.recursive(_TEXT, lambda inner: st.dictionaries(st.sampled_from("ab"), inner, min_size=1)),
    },
)
_LAWS = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
pytestmark = pytest.mark.usefixtures("small_kind")


@_LAWS
@given(CONFIGS, CONFIGS)
def test_applying_twice_is_applying_once(before: dict[str, Any], config: dict[str, Any]) -> None:
    world = World()
    world.apply("other", before)
    world.apply("me", config, force=True)
    wire, entries = copy.deepcopy(world.wire), copy.deepcopy(world.entries)
    world.apply("me", config)
    assert (world.wire, world.entries) == (wire, entries)  # the time too: nothing was changed


@_LAWS
@given(CONFIGS, CONFIGS)
def test_nothing_given_is_changed(before: dict[str, Any], config: dict[str, Any]) -> None:
    world = World()
    world.apply("other", before)
    live, kept, given_config = world.wire, copy.deepcopy(world.wire), copy.deepcopy(config)
    world.apply("me", config, force=True)
    world.apply("me", {}, force=True)
    assert (live, config) == (kept, given_config)


@_LAWS
@given(CONFIGS, CONFIGS)
def test_a_manager_that_applies_nothing_leaves_what_others_apply(mine: dict[str, Any], other: dict[str, Any]) -> None:
    alone = World()
    alone.apply("other", other)
    world = World()
    world.apply("me", mine)
    world.apply("other", other, force=True)
    world.apply("me", {})
    assert world.owners == alone.owners
    assert named(TYPE, world.wire) == named(TYPE, alone.wire)


@_LAWS
@given(CONFIGS, CONFIGS)
def test_what_is_not_forced_belongs_to_both_or_conflicts(mine: dict[str, Any], other: dict[str, Any]) -> None:
    world = World()
    world.apply("other", other)
    world.apply("me", mine, force=True)
    for path in paths(world.owners.get("A:other", {})):
        if has(world.owners.get("A:me", {}), path):
            assert has(named(TYPE, other), path)
            assert has(named(TYPE, mine), path)


@_LAWS
@given(CONFIGS, CONFIGS)
def test_sets_are_sets_of_paths(one: dict[str, Any], other: dict[str, Any]) -> None:
    left, right = named(TYPE, one), named(TYPE, other)
    in_left, in_right = set(paths(left)), set(paths(right))
    assert set(paths(union(left, right))) == in_left | in_right
    assert set(paths(intersection(left, right))) == in_left & in_right
    assert set(paths(difference(left, right))) == in_left - in_right
    assert union(difference(left, right), intersection(left, right)) == left
    assert parse(left) == left
