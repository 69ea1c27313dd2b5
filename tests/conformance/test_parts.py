"""What the suite is made of: places filled in, volatile parts named, differences found and explained."""

from __future__ import annotations

from typing import Any

import pytest

from conformance.differences import ABSENT, Difference, Group, differences, judge
from conformance.normal import Names, event, shared
from conformance.steps import resolve


def test_places_are_filled_in_with_parts_of_earlier_answers() -> None:
    saved = {"a": {"metadata": {"uid": "u", "n": 3}, "items": [{"x": 1}]}}
    assert resolve("/$ns/$(a.metadata.uid)/b", "here", saved) == "/here/u/b"
    assert resolve({"n": "$(a.metadata.n)", "l": ["$(a.items.0.x)"]}, "here", saved) == {"n": 3, "l": [1]}


@pytest.mark.parametrize("place", ["$(b.metadata)", "$(a.nothing)", "$(a.items.7)"])
def test_a_place_nobody_filled_is_an_error(place: str) -> None:
    with pytest.raises(LookupError):
        resolve(place, "here", {"a": {"items": []}})


def test_the_same_revision_and_uid_have_the_same_name_and_others_another() -> None:
    names, uid = Names(), "11111111-1111-4111-8111-111111111111"
    first = names.body({"metadata": {"resourceVersion": "7", "uid": uid, "creationTimestamp": "2026-01-01T00:00:00Z"}})
    assert first["metadata"] == {"resourceVersion": "revision-1", "uid": "uid-1", "creationTimestamp": "<time>"}
    assert names.body({"metadata": {"resourceVersion": "9"}})["metadata"]["resourceVersion"] == "revision-2"
    said = f"the ResourceVersion in the precondition (1) does not match the ResourceVersion in record (7), {uid}"
    assert names.text(said).endswith("does not match the ResourceVersion in record (revision-1), uid-1")


def test_a_generated_name_is_known_by_what_was_sent() -> None:
    names = Names()
    names.sent({"metadata": {"generateName": "gen-"}})
    assert names.body({"name": "gen-x7k2p", "other": "gen-sites"})["name"] == "gen-<suffix>"


def test_a_lists_revision_and_token_are_the_stores() -> None:
    wire: Any = {"kind": "XList", "metadata": {"resourceVersion": "5", "continue": "abc", "remainingItemCount": 2}}
    assert shared(wire)["metadata"] == {"resourceVersion": "<revision>", "continue": "<token>", "remainingItemCount": 2}
    assert shared({"kind": "XList", "metadata": {"continue": ""}})["metadata"] == {"continue": ""}
    bookmark: Any = {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "5"}}}
    assert event(bookmark)["object"]["metadata"]["resourceVersion"] == "<revision>"


def test_causes_come_in_one_order_and_once() -> None:
    causes = [{"field": "b", "message": "m", "reason": "r"}, {"field": "a", "message": "n", "reason": "r"}]
    status = {"kind": "Status", "message": "x is invalid: [b: m, a: n]", "details": {"causes": causes}}
    found = Names().body(status)
    assert [cause["field"] for cause in found["details"]["causes"]] == ["a", "b"]
    assert found["message"] == "x is invalid: [the causes]"


def _differences(kube: Any, phoenix: Any) -> list[tuple[str, Any, Any]]:
    found = differences("s", [{"step": "GET /", **kube}], [{"step": "GET /", **phoenix}])
    return [(one.pointer, one.kube, one.phoenix) for one in found]


def test_differences_are_pointed_at() -> None:
    kube = {"code": 200, "body": {"a/b": [1, {"c": None}], "n": 1}}
    phoenix = {"code": 201, "body": {"a/b": [1, {"c": 2}], "n": 1.0, "x": True}}
    assert _differences(kube, phoenix) == [("/code", 200, 201), ("/body/a~1b/1/c", None, 2), ("/body/x", ABSENT, True)]


def test_true_is_not_one_and_lists_of_other_length_differ_whole() -> None:
    assert _differences({"body": [1]}, {"body": [True]}) == [("/body/0", 1, True)]
    assert _differences({"body": [1]}, {"body": [1, 2]}) == [("/body", [1], [1, 2])]


def test_steps_that_are_not_the_same_number_are_no_comparison() -> None:
    with pytest.raises(ValueError, match="zip"):
        list(differences("s", [], [{"step": "GET /"}]))


def test_a_difference_is_explained_by_the_first_pattern_and_an_idle_pattern_is_stale() -> None:
    one = Difference("create", 3, "GET /", "/body/message", "a", "b")
    other = Difference("create", 3, "GET /", "/code", 200, 400)
    listed = [Group("words", "because.", ("create/3 /body/*", "create/4 *"))]
    judged = judge({"create": [one, other]}, listed)
    assert (judged.explained, judged.unlisted, judged.stale) == ({"words": [one]}, [other], ["words: create/4 *"])
