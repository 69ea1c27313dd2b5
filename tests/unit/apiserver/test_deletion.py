"""Which finalizers a delete leads to, and how its options are read."""

from __future__ import annotations

from typing import Any

import pytest

from phoenix.apimachinery.errors import BadRequest, Invalid
from phoenix.apiserver.deletion import finalizers_for, mark_going, set_finalizers
from phoenix.apiserver.options import Propagation, delete_options

FOREGROUND, ORPHAN, BACKGROUND = Propagation.FOREGROUND, Propagation.ORPHAN, Propagation.BACKGROUND


@pytest.mark.parametrize(
    ("present", "policy", "wanted"),
    [
        ([], None, []),
        (["a", "orphan"], None, ["a", "orphan"]),
        (["a"], FOREGROUND, ["a", "foregroundDeletion"]),
        (["foregroundDeletion", "a"], FOREGROUND, ["foregroundDeletion", "a"]),
        (["orphan", "a"], FOREGROUND, ["a", "foregroundDeletion"]),
        (["foregroundDeletion"], ORPHAN, ["orphan"]),
        (["foregroundDeletion", "a", "orphan"], BACKGROUND, ["a"]),
    ],
)
def test_a_policy_is_a_finalizer(present: list[str], policy: Propagation | None, wanted: list[str]) -> None:
    metadata: dict[str, Any] = {"finalizers": present} if present else {}
    assert finalizers_for(metadata, policy) == wanted
    set_finalizers(metadata, wanted)
    assert metadata == ({"finalizers": wanted} if wanted else {})


def test_an_object_that_goes_is_stamped() -> None:
    metadata: dict[str, Any] = {"generation": 2}
    mark_going(metadata, "2026-01-01T00:00:00Z", has_generation=True)
    assert metadata == {
        "generation": 3, "deletionTimestamp": "2026-01-01T00:00:00Z", "deletionGracePeriodSeconds": 0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("query", "body", "policy"),
    [
        ({}, None, None),
        ({}, {}, None),
        ({"propagationPolicy": "Orphan"}, None, ORPHAN),
        ({"propagationPolicy": "Orphan"}, {"propagationPolicy": "Foreground"}, FOREGROUND),
        ({}, {"orphanDependents": True}, ORPHAN),
        ({}, {"orphanDependents": False}, BACKGROUND),
        ({"orphanDependents": "true"}, None, ORPHAN),
    ],
)
def test_what_is_asked_for(query: dict[str, str], body: dict[str, Any] | None, policy: Propagation | None) -> None:
    assert delete_options(query, body).propagation == policy


@pytest.mark.parametrize(
    ("body", "error", "said"),
    [
        ({"propagationPolicy": "Later"}, Invalid, 'Unsupported value: "Later"'),
        ({"propagationPolicy": "Orphan", "orphanDependents": True}, Invalid, "cannot be both set"),
        ({"propagationPolicy": 1}, BadRequest, "must be a string"),
        ({"orphanDependents": "yes"}, BadRequest, "true or false"),
        ({"gracePeriodSeconds": "soon"}, BadRequest, "whole number"),
        ({"gracePeriodSeconds": True}, BadRequest, "whole number"),
        ({"preconditions": []}, None, ""),
        ({"preconditions": "x"}, BadRequest, "preconditions must be an object"),
        ({"dryRun": "All"}, BadRequest, "dryRun a list"),
        ({"dryRun": ["Some"]}, Invalid, "Some"),
    ],
)
def test_what_cannot_be_meant(body: dict[str, Any], error: type[Exception] | None, said: str) -> None:
    if error is None:
        assert delete_options({}, body).uid == ""
        return
    with pytest.raises(error, match=said):
        delete_options({}, body)
