"""Field sets of values: what a configuration names, what two objects differ in, what an object has."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from phoenix.fieldmanagers.fieldset import MEMBER, SELF, FieldSet
from phoenix.fieldmanagers.fieldtype import FieldType

ABSENT: Final = object()
"""In place of a value that is not there."""


def granular(type_: FieldType, value: Any) -> bool:
    """Whether a value has fields or items of its own; one without any is a field itself."""
    if isinstance(value, dict):
        return type_.granular_map
    return isinstance(value, list) and type_.granular_list


def children(type_: FieldType, value: Any, path: str = "") -> Iterator[tuple[str, FieldType, Any]]:
    """Step, type and value of what is below a granular value. Raises IllTyped."""
    if isinstance(value, dict):
        fields, values = type_.fields, type_.values
        for name, child in value.items():
            yield f"f:{name}", fields.get(name) or values, child
    else:
        for item in value:
            yield type_.step(item, path), type_.values, item


def named(type_: FieldType, value: Any, path: str = "") -> FieldSet:
    """The fields a configuration names: its plain values, the items of its lists, its empty objects.

    Objects the schema has no field for (keys of a map) are named too, objects it has a field for only by what they
    hold. Raises IllTyped.
    """
    found: FieldSet = {}
    in_list = isinstance(value, list)
    for step, child_type, child in children(type_, value, path):
        where = path + ("[]" if in_list else "." + step[2:])
        below = _named(child_type, child, where)
        if in_list or step[2:] not in type_.fields:
            below = {SELF: MEMBER, **below} if below else MEMBER
            if step in found:
                below = MEMBER  # the same item twice: owned as one, as upstream does
        if below is not None:
            found[step] = below
    return found


def _named(type_: FieldType, value: Any, path: str) -> FieldSet | None:
    """None: an empty list of items names nothing."""
    if not granular(type_, value):
        return MEMBER
    if not value:
        return MEMBER if isinstance(value, dict) else None
    return named(type_, value, path) or None


def everything(type_: FieldType, value: Any) -> FieldSet:
    """What is below a value, objects and lists themselves included. Raises IllTyped."""
    if not value or not granular(type_, value):
        return MEMBER
    found: FieldSet = {SELF: MEMBER}
    for step, child_type, child in children(type_, value):
        found[step] = everything(child_type, child)
    return found


def compare(type_: FieldType, old: Any, new: Any) -> tuple[FieldSet | None, FieldSet | None]:
    """Fields that were added or changed, and fields that were removed, below two values; None where there are none.

    Equal parts are not looked into. Raises IllTyped.
    """
    if old is ABSENT:
        return everything(type_, new), None
    if new is ABSENT:
        return None, everything(type_, old)
    if old == new:
        return None, None
    if (
        (old or new)
        and granular(type_, old)
        and granular(type_, new)
        and isinstance(old, dict) == isinstance(new, dict)
    ):
        return _compare_parts(type_, old, new)
    gone = {step: below for step, below in everything(type_, old).items() if step != SELF}
    come = everything(type_, new)
    return come, gone or None


def _compare_parts(type_: FieldType, old: Any, new: Any) -> tuple[FieldSet | None, FieldSet | None]:
    if isinstance(old, dict):
        before: dict[str, Any] = old
        after: dict[str, Any] = new
        prefix = "f:"
    else:
        before = {step: item for step, _, item in children(type_, old)}
        after = {step: item for step, _, item in children(type_, new)}
        prefix = ""
    fields = type_.fields if prefix else {}
    changed: FieldSet = {}
    removed: FieldSet = {}
    for key, child in after.items():
        was = before.get(key, ABSENT)
        if was is not ABSENT and was == child:
            continue
        come, gone = compare(fields.get(key) or type_.values, was, child)
        if come is not None:
            changed[prefix + key] = come
        if gone is not None:
            removed[prefix + key] = gone
    for key, was in before.items():
        if key not in after:
            removed[prefix + key] = everything(fields.get(key) or type_.values, was)
    return changed or None, removed or None
