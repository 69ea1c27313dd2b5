"""The actions of the attributes and resource processors: insert, update, upsert, delete, hash, extract, convert."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable
from dataclasses import dataclass

from phoenix.engine.config.section import OTELCOL, Section
from phoenix.engine.config.values import Date, plain
from phoenix.engine.errors import Phase
from phoenix.engine.ottl.errors import OttlError, OttlSyntaxError
from phoenix.engine.ottl.functions.types import double_of, int_of
from phoenix.engine.ottl.patterns import RE2, Pattern
from phoenix.engine.ottl.values import Value, as_string
from phoenix.engine.processors.metricoperations import whole

Apply = Callable[[dict[str, Value]], bool]
"""Changes a map of attributes in place; tells whether it did."""

_ACTIONS = ("insert", "update", "upsert", "delete", "hash", "extract", "convert")
_WRITES = frozenset({"insert", "update", "upsert"})


@dataclass(frozen=True, slots=True)
class Action:
    """One action, compiled."""

    apply: Apply


def parse_actions(sections: list[Section]) -> tuple[Action, ...]:
    """Read and compile a list of actions; faults go to the sections."""
    actions = [_action(section) for section in sections]
    return tuple(action for action in actions if action is not None)


def run_actions(actions: tuple[Action, ...], values: dict[str, Value]) -> bool:
    """Apply all in order; tells whether anything changed."""
    changed = False
    for action in actions:
        changed = action.apply(values) or changed
    return changed


def _action(section: Section) -> Action | None:
    section.phase = Phase.BUILD
    key, kind = section.string("key"), section.string("action").lower()
    source, pattern = section.string("from_attribute"), section.string("pattern")
    converted = section.string("converted_type")
    value = plain(section.raw("value"))
    before = len(section.findings)
    if section.has("from_context"):
        section.fault("from_context", "the Embedded engine keeps no request context", OTELCOL)
        section.raw("from_context")
    section.close()
    if kind not in _ACTIONS:
        section.fault("action", f"unsupported action {kind!r}", f"use one of {', '.join(_ACTIONS)}")
    elif not key and not (pattern and kind in {"delete", "hash"}):
        section.fault("key", f'the {kind} action requires a "key"', "write key: NAME")
    compiled: Pattern | None = None
    if pattern:
        try:
            compiled = Pattern(pattern)
        except OttlSyntaxError as error:
            section.fault("pattern", str(error), RE2)
    if isinstance(value, Date):
        section.fault("value", f"{value} is a date, which attributes have not", "put it in quotes")
    if kind in _WRITES and (value is None) == (not source):
        message = f'the {kind} action needs exactly one of "value" and "from_attribute"'
        section.fault("", message, "write value: V, or from_attribute: NAME")
    if kind == "convert" and converted not in {"int", "double", "string"}:
        message = f"converted_type {converted!r} is not one of int, double, string"
        section.fault("converted_type", message, "write converted_type: int")
    if kind == "extract" and (compiled is None or not compiled.names):
        section.fault("pattern", "the extract action needs a pattern with named groups", "write (?P<NAME>…)")
    if len(section.findings) > before:
        return None
    return Action(_compile(kind, key, _attribute_value(value), source, compiled, converted))


def _attribute_value(value: object) -> Value:
    """A value of the configuration as an attribute's."""
    match value:
        case list():
            return [_attribute_value(item) for item in value]
        case dict():
            return {str(key): _attribute_value(item) for key, item in value.items()}
        case bool() | int() | float() | str() | None:
            return value
        case _:
            return str(value)


def _compile(kind: str, key: str, value: Value, source: str, pattern: Pattern | None, converted: str) -> Apply:
    if kind in _WRITES:
        return _write(kind, key, value, source)
    if kind == "delete":
        return lambda values: _each(values, key, pattern, _delete)
    if kind == "hash":
        return lambda values: _each(values, key, pattern, _hash)
    if kind == "convert":
        return lambda values: _convert(values, key, converted)
    assert pattern is not None, "checked when read"
    return lambda values: _extract(values, key, pattern)


def _write(kind: str, key: str, value: Value, source: str) -> Apply:
    def apply(values: dict[str, Value]) -> bool:
        if kind != "upsert" and (key in values) != (kind == "update"):
            return False
        new = values.get(source) if source else value
        if new is None or (key in values and values[key] == new and type(values[key]) is type(new)):
            return False
        values[key] = new
        return True

    return apply


def _each(
    values: dict[str, Value], key: str, pattern: Pattern | None, change: Callable[[dict[str, Value], str], None]
) -> bool:
    """Change the key and every key that matches the pattern."""
    keys = [name for name in values if name == key or (pattern is not None and pattern.found_in(name))]
    for name in keys:
        change(values, name)
    return bool(keys)


def _delete(values: dict[str, Value], key: str) -> None:
    del values[key]


def _hash(values: dict[str, Value], key: str) -> None:
    value = values[key]
    match value:
        case bool():
            data = b"\x01" if value else b"\x00"
        case int():
            data = value.to_bytes(8, "little", signed=True)
        case float():
            data = struct.pack("<d", value)
        case str():
            data = value.encode()
        case _:
            values[key] = ""  # NB: lists, maps and bytes are not hashed but emptied, as in the collector
            return
    values[key] = hashlib.sha256(data).hexdigest()


def _extract(values: dict[str, Value], key: str, pattern: Pattern) -> bool:
    value = values.get(key)
    groups = pattern.named_groups(value) if isinstance(value, str) else None
    if not groups:
        return False
    values.update(groups)
    return True


def _convert(values: dict[str, Value], key: str, to: str) -> bool:
    value = values.get(key)
    if value is None:
        return False
    new = _converted(value, to)
    if new is None or type(new) is type(value):
        return False
    values[key] = new
    return True


def _converted(value: Value, to: str) -> Value:
    """The value as another type; None where it cannot be."""
    if to == "string":
        return as_string(value)
    if isinstance(value, list | dict | bytes):
        return None
    if to == "int":
        return whole(value) if isinstance(value, float) else int_of(value)
    try:
        return double_of(value)
    except OttlError:
        return None
