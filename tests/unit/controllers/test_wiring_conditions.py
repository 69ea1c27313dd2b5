"""Which changes wake the garbage collector: few, as most objects have no owner."""

from __future__ import annotations

import pytest

from controllers.wiring import _has_other_owners
from phoenix.api.meter import Meter
from phoenix.apimachinery.meta import ObjectMeta, OwnerReference


def meter(*owners: str) -> Meter:
    references = [OwnerReference(api_version="v1", kind="Namespace", name=uid, uid=uid) for uid in owners]
    return Meter(metadata=ObjectMeta(name="m", namespace="default", owner_references=references))


@pytest.mark.parametrize(
    ("old", "new", "wakes"),
    [
        (None, meter(), False),
        (None, meter("a"), True),
        (meter(), meter("a"), True),
        (meter("a"), meter("a"), False),
        (meter("a"), meter("b"), True),
        (meter("a"), meter(), False),
        (meter("a"), None, False),
    ],
)
def test_garbage_is_looked_for_where_owners_are_new(old: Meter | None, new: Meter | None, *, wakes: bool) -> None:
    assert _has_other_owners(old, new) is wakes
