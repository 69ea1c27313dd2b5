"""Editors of maps and lists as wholes: flatten, stringify_all, append, delete_index; SliceToMap."""

from __future__ import annotations

import math
from collections.abc import Iterator

from phoenix.engine.ottl.context import Context
from phoenix.engine.ottl.errors import OttlError, OttlSyntaxError
from phoenix.engine.ottl.functions.text import need_int
from phoenix.engine.ottl.paths import Access, Getter
from phoenix.engine.ottl.signature import Editor, Function, MapTarget, by_identity, params
from phoenix.engine.ottl.values import Counts, Value, as_string, kind_name


def _flatten(target: MapTarget, prefix: str | None, depth: int | None, resolve_conflicts: bool | None) -> Editor:
    if depth is not None and depth < 1:
        raise OttlSyntaxError(f"invalid depth '{depth}' for flatten function, must be greater than 0")

    levels = math.inf if depth is None else depth
    start = f"{prefix}." if prefix else ""

    def edit(context: Context) -> None:
        values = target.values(context)
        leaves = [leaf for key, value in values.items() for leaf in _leaves(start + key, value, 0, levels)]
        flat = _numbered(leaves) if resolve_conflicts else {key: value for _, key, value in leaves}
        if flat.keys() == values.keys() and list(flat) == list(values):
            return  # nothing in it had parts
        values.clear()
        values.update(flat)
        target.changed(context)

    return edit


def _leaves(path: str, value: Value, level: int, levels: float) -> Iterator[tuple[str, str, Value]]:
    """What is no longer taken apart: the path of what holds it, its own path, and itself.

    Args:
        path: what led here, joined by dots.
        value: of any kind.
        level: how many levels were taken apart to get here, from 0.
        levels: how many may be.
    """
    if level >= levels or not isinstance(value, dict | list):
        yield path, path, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves(f"{path}.{key}", item, level + 1, levels)
    else:
        for index, item in enumerate(value):
            own = f"{path}.{index}"
            if not isinstance(item, dict | list) or level + 1 >= levels:
                yield path, own, item
            elif isinstance(item, dict):
                for key, inner in item.items():
                    yield from _leaves(f"{own}.{key}", inner, level + 2, levels)
            else:
                for number, inner in enumerate(item):
                    # NB: the Collector puts no dot between the numbers of a list in a list
                    yield from _leaves(f"{own}{number}", inner, level + 3, levels)


def _numbered(leaves: list[tuple[str, str, Value]]) -> dict[str, Value]:
    """Items of a list go under the list's own path, and what is there already gets a number after it."""
    flat: dict[str, Value] = {}
    met: dict[str, int] = {}
    for key, _, value in leaves:
        if key in flat:
            flat[f"{key}.{met[key]}"] = value
            met[key] += 1
        else:
            met[key] = 0
            flat[key] = value
    return flat


def _stringify_all(target: MapTarget) -> Editor:
    def edit(context: Context) -> None:
        values = target.values(context)
        others = [key for key, value in values.items() if not isinstance(value, str)]
        if others:
            for key in others:
                values[key] = as_string(values[key])
            target.changed(context)

    return edit


def _append(target: Access, value: Getter | None, values: Getter | None) -> Editor:
    if value is None and values is None:
        raise OttlSyntaxError("append: at least one of the arguments 'value' and 'values' must be provided")
    read, write = target.get, target.set
    assert write is not None, "the compiler checks targets"

    def edit(context: Context) -> None:
        held = read(context)
        if isinstance(held, dict) or type(held) is Counts:
            raise OttlError(f"append: unsupported type of target: {kind_name(held)}")
        items: list[Value] = list(held) if isinstance(held, list) else [] if held is None else [held]
        if value is not None:
            items.append(value(context))
        more = values(context) if values is not None else None
        if isinstance(more, list):
            items.extend(more)
        write(context, items)

    return edit


def _delete_index(target: Access, start: Getter, end: Getter | None) -> Editor:
    read, write = target.get, target.set
    assert write is not None, "the compiler checks targets"

    def edit(context: Context) -> None:
        items = read(context)
        if not isinstance(items, list):
            raise OttlError(f"delete_index expects a list, not {kind_name(items)}")
        first = need_int(start(context), "delete_index")
        last = first + 1 if end is None else need_int(end(context), "delete_index")
        if (first, last) != (0, len(items)) and not (0 <= first < len(items) and first <= last <= len(items)):
            raise OttlError(f"delete_index: [{first}:{last}] is out of bounds of a list of {len(items)}")
        write(context, items[:first] + items[last:])

    return edit


def _slice_to_map(target: Getter, key_path: list[str] | None, value_path: list[str] | None) -> Getter:
    def get(context: Context) -> Value:
        items = target(context)
        if not isinstance(items, list):
            raise OttlError(f"SliceToMap expects a list, not {kind_name(items)}")
        found: dict[str, Value] = {}
        for index, item in enumerate(items):
            key: Value = str(index) if key_path is None else _under(item, key_path)
            if not isinstance(key, str):
                raise OttlError(f"SliceToMap: the key of element {index} is no string but {kind_name(key)}")
            found[key] = item if value_path is None else _under(item, value_path)
        return found

    return get


def _under(item: Value, path: list[str]) -> Value:
    if not path:
        raise OttlError("SliceToMap: must provide at least one path item")
    for key in path:
        if not isinstance(item, dict) or key not in item:
            raise OttlError(f"SliceToMap: an element has nothing at {'.'.join(path)}")
        item = item[key]
    return item


MAPS = by_identity(
    Function("flatten", params("target:map prefix:text? depth:int? resolveConflicts:bool?"), _flatten),
    Function("stringify_all", params("target:map"), _stringify_all),
    Function("append", params("target:target value:value? values:values?"), _append),
    Function("delete_index", params("target:target startIndex:integer endIndex:integer?"), _delete_index),
    Function("SliceToMap", params("target:items key_path:texts? value_path:texts?"), _slice_to_map),
)
