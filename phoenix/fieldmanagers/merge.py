"""Structured merge: a configuration laid over an object, and fields taken out of one. Results share parts with both."""

from __future__ import annotations

from typing import Any

from phoenix.fieldmanagers.errors import IllTyped
from phoenix.fieldmanagers.extract import ABSENT, granular
from phoenix.fieldmanagers.fieldset import MEMBER, SELF, FieldSet, shown
from phoenix.fieldmanagers.fieldtype import FieldType


def merge(type_: FieldType, live: Any, config: Any, path: str = "") -> Any:
    """`live` with what `config` says; objects and lists of items merge, all else is replaced.

    Raises:
        IllTyped: the configuration names an item of a list twice, or not at all.
    """
    if config is ABSENT:
        return live
    if not granular(type_, config):
        return config
    if not granular(type_, live) or isinstance(live, dict) != isinstance(config, dict):
        live = type(config)()  # merged all the same: an item that is twice is found at any depth
    if isinstance(config, dict) and isinstance(live, dict):
        merged = dict(live)
        for name, value in config.items():
            merged[name] = merge(type_.of(name), live.get(name, ABSENT), value, f"{path}.{name}")
        return merged
    if isinstance(config, list) and isinstance(live, list):
        return _merge_items(type_, live, config, path)
    return config


def _by_step(type_: FieldType, items: list[Any], path: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for item in items:
        step = type_.step(item, path)
        if step in found:
            raise IllTyped(path, f"duplicate entries for key {shown((step,))}")
        found[step] = item
    return found


def _merge_items(type_: FieldType, live: list[Any], config: list[Any], path: str) -> list[Any]:
    """Both lists' items: those the configuration names in its order, the others between them where they were."""
    wanted = _by_step(type_, config, path)
    places = [type_.step(item, path) for item in live]
    known: dict[str, Any] = {}
    for step, item in zip(places, live, strict=True):
        known[step] = ABSENT if step in known else item  # one that is there twice is replaced, not merged with
    names = list(wanted)
    position = {step: at for at, step in enumerate(names)}
    shared = [step for step in names if step in known]
    merged: list[Any] = []
    taken = turn = 0  # how many of the configuration's items are in `merged`, and how many shared ones had their turn

    def take(until: int) -> None:
        merged.extend(
            merge(type_.values, known.get(step, ABSENT), wanted[step], f"{path}{shown((step,))}")
            for step in names[taken:until]
        )

    for place, step in enumerate(places):
        if step not in wanted:
            merged.append(live[place])
        elif turn < len(shared) and step == shared[turn]:
            until = position[step] + 1  # what comes before it in the configuration is new: before it here, too
            take(until)
            taken, turn = until, turn + 1
    take(len(names))
    return merged


def remove(type_: FieldType, value: Any, fields: FieldSet) -> Any:
    """The value without the fields of a set; ABSENT where nothing is left of it. Plain and atomic values stay."""
    if not value or not granular(type_, value):
        return value
    if isinstance(value, dict):
        return _remove_fields(type_, value, fields)
    kept: list[Any] = []
    for item in value:
        below = fields.get(type_.step(item))
        if below is None:
            kept.append(item)
        elif below and SELF not in below:
            rest = remove(type_.values, item, below)
            if rest is not ABSENT:
                kept.append(rest)
    return kept or ABSENT


def _remove_fields(type_: FieldType, value: dict[str, Any], fields: FieldSet) -> Any:
    kept: dict[str, Any] = {}
    for name, child in value.items():
        below = fields.get(f"f:{name}")
        if below is None:
            kept[name] = child
        elif below and SELF not in below:
            rest = remove(type_.of(name), child, below)
            if rest is not ABSENT:
                kept[name] = rest
    return kept or ABSENT


def without_empty_lists(type_: FieldType, value: Any) -> Any:
    """The value without lists of items that have none: they name nothing."""
    if not granular(type_, value):
        return value
    if isinstance(value, list):
        return [without_empty_lists(type_.values, item) for item in value]
    return {
        name: without_empty_lists(type_.of(name), child)
        for name, child in value.items()
        if child != [] or not type_.of(name).granular_list
    }


def with_parents(type_: FieldType, fields: FieldSet) -> FieldSet:
    """The set, and every object in it that the schema has a field for: it goes when all it holds goes."""
    found: FieldSet = {}
    for step, below in fields.items():
        if not below:
            found[step] = below
            continue
        is_field = step.startswith("f:")
        deeper = with_parents(type_.of(step[2:]) if is_field else type_.values, below)
        if is_field and step[2:] in type_.fields:
            deeper = {SELF: MEMBER, **deeper}
        found[step] = deeper
    return found
