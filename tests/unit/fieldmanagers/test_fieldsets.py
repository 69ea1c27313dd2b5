"""fieldsV1 as clients send it, entries, and the words of a conflict."""

from __future__ import annotations

from typing import Any

import pytest

from phoenix.fieldmanagers.entries import (
    ANCIENT_CHANGES,
    MAX_UPDATE_ENTRIES,
    UPDATE,
    Entry,
    Writer,
    capped,
    is_reset,
    manager_problem,
    sent_entries,
    to_wire,
)
from phoenix.fieldmanagers.errors import ApplyConflict, FieldConflict, IllTyped, InvalidEntry, InvalidFields
from phoenix.fieldmanagers.fieldset import parse, paths, shown
from tests.unit.fieldmanagers.kinds import World


def test_steps_of_other_spelling_are_the_same_steps() -> None:
    assert parse({"f:l": {'k:{"b": 1, "a":"x"}': {".": {}}}}) == {"f:l": {'k:{"a":"x","b":1}': {}}}
    assert parse({"f:s": {'v: "x"': {}}, "f:i": {"i:3": {}}}) == {"f:s": {'v:"x"': {}}, "f:i": {"i:3": {}}}


@pytest.mark.parametrize(
    "wire", [[], {"f:a": 1}, {"x:a": {}}, {"k:[]": {}}, {"k:{": {}}, {"i:x": {}}, {"v:": {}}, {"": {}}, {"k:{}": {}}]
)
def test_what_is_no_field_set_is_refused(wire: Any) -> None:
    with pytest.raises(InvalidFields):
        parse(wire)


def test_a_field_set_nested_without_end_is_refused() -> None:
    wire: dict[str, Any] = {}
    for _ in range(1000):
        wire = {"f:a": wire}
    with pytest.raises(InvalidFields, match="levels deep"):
        parse(wire)


def test_paths_are_shown_as_people_write_them() -> None:
    fields = {"f:spec": {"f:variants": {'k:{"name":"a"}': {".": {}, "f:role": {}}}, "f:books": {'v:"x"': {}}}}
    assert [shown(path) for path in paths(fields)] == [
        '.spec.books[="x"]', '.spec.variants[name="a"]', '.spec.variants[name="a"].role',
    ]  # fmt: skip


def test_a_conflict_says_who_owns_what_in_kubernetes_words() -> None:
    kubectl = str(Writer("kubectl-client-side-apply", UPDATE, "phoenix.io/v1alpha1"))
    one = ApplyConflict((FieldConflict(kubectl, ".spec.x"),))
    assert str(one) == (
        'Apply failed with 1 conflict: conflict with "kubectl-client-side-apply" using phoenix.io/v1alpha1: .spec.x'
    )
    status = str(Writer("ctl", "Apply", "v1", "status"))
    assert status == '"ctl" with subresource "status"'
    several = ApplyConflict((FieldConflict('"b"', ".y"), FieldConflict('"a"', ".x"), FieldConflict('"b"', ".z")))
    assert str(several) == ('Apply failed with 3 conflicts: conflicts with "a":\n- .x\nconflicts with "b":\n- .y\n- .z')


def _entry(**change: Any) -> dict[str, Any]:
    return {
        "manager": "m", "operation": "Apply", "apiVersion": "v1", "time": "2026-01-01T00:00:00Z",
        "fieldsType": "FieldsV1", "fieldsV1": {"f:a": {}},
    } | change  # fmt: skip


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"operation": "Patch"}, "operation must be"),
        ({"apiVersion": ""}, "apiVersion must not be empty"),
        ({"fieldsType": "V2"}, "fieldsType"),
        ({"manager": "x" * 129}, "128"),
        ({"manager": 3}, "manager must be a string"),
        ({"time": "yesterday"}, "yesterday"),
        ({"fieldsV1": {"g:a": {}}}, "no step"),
        ({"subresource": "s" * 300}, "subresource"),
    ],
)
def test_entries_are_checked(change: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidEntry, match=said):
        sent_entries([_entry(**change)])


def test_an_entry_goes_through_unchanged_and_the_second_of_one_writer_is_dropped() -> None:
    wire = [_entry(), _entry(operation="Update", subresource="status")]
    assert to_wire(sent_entries([*wire, _entry(apiVersion="v2")])) == wire


def test_reset_is_an_empty_list_or_one_empty_entry() -> None:
    resets: list[Any] = [[], [{}]]
    others: list[Any] = [None, [{}, {}], [_entry()]]
    assert [is_reset(wire) for wire in resets + others] == [True, True, False, False, False]


def test_names_of_managers() -> None:
    assert manager_problem("kubectl") == ""
    assert "128" in manager_problem("x" * 129)
    assert "printable" in manager_problem("a\nb")


def test_the_oldest_updates_become_one_entry() -> None:
    entries = tuple(
        Entry(Writer(f"m{n:02}", UPDATE, "v1"), {f"f:{n}": {}}, f"2026-01-01T00:00:{n:02}Z")
        for n in range(MAX_UPDATE_ENTRIES + 3)
    )
    left = capped(entries)
    assert len(left) == MAX_UPDATE_ENTRIES
    ancient = next(entry for entry in left if entry.writer.manager == ANCIENT_CHANGES)
    assert ancient.fields == {"f:0": {}, "f:1": {}, "f:2": {}, "f:3": {}}
    assert ancient.time == "2026-01-01T00:00:03Z"
    assert capped(entries[:MAX_UPDATE_ENTRIES]) == entries[:MAX_UPDATE_ENTRIES]


@pytest.mark.usefixtures("small_kind")
@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"l": [{"v": "p"}]}, '.l: associative list with keys has an element that omits key field "name"'),
        ({"l": [{"name": "a"}, {"name": "a"}]}, '.l: duplicate entries for key [name="a"]'),
        ({"l": [{"name": "b", "tags": ["t", "t"]}]}, '.l[name="b"].tags: duplicate entries for key [="t"]'),
        ({"l": ["a"]}, ".l: items must be objects, told apart by name"),
        ({"set": ["a", "a"]}, '.set: duplicate entries for key [="a"]'),
        ({"set": [{}]}, ".set: items of a set must be plain values"),
    ],
)
def test_what_does_not_fit_is_told_with_its_place(config: dict[str, Any], said: str) -> None:
    with pytest.raises(IllTyped) as caught:
        World().apply("me", config)
    assert str(caught.value) == said
