"""Sets of field paths, kept as what goes on the wire: the decoded `fieldsV1`.

    {"f:spec": {"f:suspend": {}, "f:variants": {"k:{\\"name\\":\\"a\\"}": {".": {}, "f:role": {}}}}}

A step is `f:NAME`, `k:{keys of an item}`, `v:VALUE` of a set's item, or `i:INDEX`. What has nothing below it is in the
set; of what has something below it, `.` says that it is in the set itself. So the empty dict is the empty set at the
top and a member anywhere else. Sets share parts with one another: nobody changes one that was handed out. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, TypeAlias

import orjson

from phoenix.fieldmanagers.errors import InvalidFields

FieldSet: TypeAlias = dict[str, Any]
"""Steps to what is below them, each again a FieldSet."""

MEMBER: Final[FieldSet] = {}
SELF: Final = "."
_MAX_DEPTH = 128


def union(left: FieldSet, right: FieldSet) -> FieldSet:
    """What is in either."""
    joined = dict(left)
    for step, below in right.items():
        mine = joined.get(step)
        joined[step] = below if mine is None else _joined(mine, below)
    return joined


def _joined(left: FieldSet, right: FieldSet) -> FieldSet:
    if left and right:
        return union(left, right)
    below = left or right
    return {SELF: MEMBER, **below} if below and SELF not in below else below


def intersection(left: FieldSet, right: FieldSet) -> FieldSet:
    """What is in both."""
    small, large = (left, right) if len(left) <= len(right) else (right, left)
    common: FieldSet = {}
    for step, below in small.items():
        other = large.get(step)
        if other is None:
            continue
        kept = _common(below, other)
        if kept is not None:
            common[step] = kept
    return common


def _common(left: FieldSet, right: FieldSet) -> FieldSet | None:
    if not left or not right:
        below = left or right
        return MEMBER if not below or SELF in below else None
    return _node(intersection(left, right))


def _node(below: FieldSet) -> FieldSet | None:
    """A part as it is kept: nothing below and not a member itself is no part at all."""
    if not below:
        return None
    return MEMBER if len(below) == 1 and SELF in below else below


def difference(left: FieldSet, right: FieldSet) -> FieldSet:
    """What is in `left` and not in `right`; `left` itself where they have nothing in common."""
    rest: FieldSet | None = None
    for step, below in right.items():
        mine = left.get(step)
        if mine is None:
            continue
        kept = _less(mine, below)
        if kept is mine:
            continue
        if rest is None:
            rest = dict(left)
        if kept is None:
            del rest[step]
        else:
            rest[step] = kept
    return left if rest is None else rest


def _less(left: FieldSet, right: FieldSet) -> FieldSet | None:
    if not left:
        return None if not right or SELF in right else left
    if not right:
        return left if SELF not in left else _node({step: below for step, below in left.items() if step != SELF})
    rest = difference(left, right)
    return left if rest is left else _node(rest)


def has(fields: FieldSet, path: Iterable[str]) -> bool:
    """Whether a path (its steps) is in the set."""
    at = fields
    for step in path:
        found = at.get(step)
        if found is None:
            return False
        at = found
    return not at or SELF in at


def paths(fields: FieldSet) -> Iterator[tuple[str, ...]]:
    """Every path in the set, parents first, steps in their order on the wire."""
    for step, below in sorted(fields.items()):
        if step == SELF:
            continue
        if not below or SELF in below:
            yield (step,)
        for rest in paths(below):
            yield (step, *rest)


def shown(path: Iterable[str]) -> str:
    """A path as people read it: `.spec.variants[name="candidate"].pipeline`."""
    return "".join(_shown_step(step) for step in path)


def _shown_step(step: str) -> str:
    sort, text = step[:2], step[2:]
    match sort:
        case "f:":
            return f".{text}"
        case "k:":
            keys = orjson.loads(text)
            return "[" + ",".join(f"{name}={orjson.dumps(value).decode()}" for name, value in keys.items()) + "]"
        case "v:":
            return f"[={text}]"
        case _:
            return f"[{text}]"


def key_step(item: Mapping[str, Any]) -> str:
    """The step of an item by its keys."""
    return "k:" + orjson.dumps(item, option=orjson.OPT_SORT_KEYS).decode()


def value_step(item: Any) -> str:
    """The step of a set's item."""
    return "v:" + orjson.dumps(item, option=orjson.OPT_SORT_KEYS).decode()


def parse(wire: Any) -> FieldSet:
    """A `fieldsV1` as a client sent it, its steps in our spelling. Raises InvalidFields."""
    return _parsed(wire, 0)


def _parsed(wire: Any, depth: int) -> FieldSet:
    if not isinstance(wire, dict):
        msg = f"fieldsV1 must be objects all the way down, not {type(wire).__name__}"
        raise InvalidFields(msg)
    if depth > _MAX_DEPTH:
        msg = f"fieldsV1 is nested more than {_MAX_DEPTH} levels deep"
        raise InvalidFields(msg)
    found: FieldSet = {}
    for step, below in wire.items():
        if step == SELF:
            if depth:
                found[SELF] = MEMBER
            continue
        part = _node(_parsed(below, depth + 1)) or MEMBER
        found[_spelled(step)] = part
    return found


def _spelled(step: str) -> str:
    sort, text = step[:2], step[2:]
    if sort == "f:":
        return step
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        msg = f"{step!r} is no step of a field path: what follows {sort!r} is not JSON"
        raise InvalidFields(msg) from error
    if sort == "v:":
        return value_step(value)
    if sort == "k:" and isinstance(value, dict) and value:
        return key_step(value)
    if sort == "i:" and isinstance(value, int) and not isinstance(value, bool):
        return f"i:{value}"
    msg = f"{step!r} is no step of a field path: it must be f:NAME, k:{{KEYS}}, v:VALUE or i:INDEX"
    raise InvalidFields(msg)
