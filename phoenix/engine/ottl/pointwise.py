"""Which groups of statements treat each item by itself: by what it is and what is around it, nothing beside it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass

from phoenix.engine.ottl import ast
from phoenix.engine.ottl.context import LEVELS
from phoenix.engine.ottl.groups import Group
from phoenix.engine.ottl.parser import parse_condition, parse_statement
from phoenix.engine.ottl.timelaws import durations_of

_EDITORS = {
    "set", "delete_key", "delete_matching_keys", "keep_keys", "keep_matching_keys", "limit", "truncate_all",
    "merge_maps", "flatten", "replace_pattern", "replace_match", "replace_all_patterns", "replace_all_matches",
}  # fmt: skip
_OF_ALL_POINTS = frozenset({"HasAttrOnDatapoint", "HasAttrKeyOnDatapoint"})
_CHANGED = {
    "resource": {"attributes"}, "scope": {"attributes", "name", "version"}, "metric": {"name", "unit", "description"},
    "datapoint": {"attributes"},
}  # fmt: skip


def step_of(group: Group) -> str | None:
    """`points` or `merge`, as `phoenix.engine.component.Step` has it; None: neither is certain."""
    if not group.by_identity and group.durations_ns is None:
        return None
    rules = [parse_statement(rule.source) for rule in group.rules]
    roots: list[object] = [*rules, *(parse_condition(test.source) for test in group.conditions)]
    if not all(_alone(node) for root in roots for node in _walk(root)):
        return None
    if all(_changes_itself(rule.editor, group.level) for rule in rules):
        return "points"
    if len(rules) == 1 and group.level == "metric" and _adds_up(rules[0].editor):
        return "merge"
    return None


def _alone(node: object) -> bool:
    """Whether it has no memory, and looks at nothing beside the item."""
    if isinstance(node, ast.Path):
        return all(field.name not in ("cache", "data_points") for field in node.fields)
    return not isinstance(node, ast.Call | ast.EnumName) or node.name not in _OF_ALL_POINTS


def _changes_itself(editor: ast.Call, level: str) -> bool:
    if editor.name not in _EDITORS or not editor.positional or not isinstance(editor.positional[0], ast.Path):
        return False
    names = [field.name for field in editor.positional[0].fields]
    if names[0] in LEVELS or names[0] == "instrumentation_scope":
        own = "scope" if names[0] == "instrumentation_scope" else names[0]
        names = names[1:]
    else:
        own = level
    sets_time = level == "datapoint" and durations_of(editor) is not None
    return own == level and (sets_time or (bool(names) and names[0] in _CHANGED[level]))


def _adds_up(editor: ast.Call) -> bool:
    match editor:
        case ast.Call("aggregate_on_attributes", (ast.Literal("sum"),), (), ()):
            return True
    return False


def _walk(node: object) -> Iterator[object]:
    """Every node of a parsed statement or condition."""
    yield node
    if isinstance(node, tuple):
        for item in node:
            yield from _walk(item)
    elif is_dataclass(node):
        for field in fields(node):
            yield from _walk(getattr(node, field.name))
