"""JSON merge patches (RFC 7386): the difference of two values, and the three-way one of declarative apply. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Patch = dict[str, Any]


def diff(before: Mapping[str, Any], after: Mapping[str, Any]) -> Patch:
    """The merge patch that turns `before` into `after`; empty where they are equal.

    Lists are replaced whole. NB: a null cannot be set by a merge patch, so nulls in `after` mean absence.
    """
    patch: Patch = {}
    for key, new in after.items():
        old = before.get(key)
        if new is None:
            if key in before:
                patch[key] = None
        elif isinstance(new, Mapping) and isinstance(old, Mapping):
            if inner := diff(old, new):
                patch[key] = inner
        elif key not in before or not same(old, new):
            patch[key] = new
    for key in before:
        if key not in after:
            patch[key] = None
    return patch


def three_way(last_applied: Mapping[str, Any], wanted: Mapping[str, Any], live: Mapping[str, Any]) -> Patch:
    """The merge patch that makes `live` what `wanted` says and drops what only `last_applied` said.

    What others have set (in neither of the two) stays. Empty where nothing is to do.
    """
    patch: Patch = {}
    for key, new in wanted.items():
        old = live.get(key)
        if new is None:
            if key in live:
                patch[key] = None
        elif isinstance(new, Mapping) and isinstance(old, Mapping):
            last = last_applied.get(key)
            if inner := three_way(last if isinstance(last, Mapping) else {}, new, old):
                patch[key] = inner
        elif key not in live or not same(old, new):
            patch[key] = new
    for key in last_applied:
        if key not in wanted and key in live:
            patch[key] = None
    return patch


def same(one: Any, other: Any) -> bool:
    """Whether two JSON values are equal; `true` and `1` are not, `1` and `1.0` are."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)
