"""A structural schema compiled for walking: unknown fields, pruning and defaulting in one visit an object.

None of these change what they are given; results share the parts that stayed the same, so treat them as read-only or
copy them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from phoenix.api.structural import INT_OR_STRING, PRESERVE, JsonObject

_ABSENT: Final = object()


class FieldNode:
    """One place in a schema.

    `properties` are the known fields of an object, `values` the schema of a map's values, `items` of a list's items;
    `preserve` keeps what is not known; `fills` says whether `fill` may change anything. What follows from the schema
    alone is worked out once: which places below have defaults, and each default with its own defaults filled in.
    """

    fills: bool
    __slots__ = ("_default", "_filling", "fills", "items", "preserve", "properties", "values")

    def __init__(self, schema: JsonObject) -> None:
        self.properties = {name: FieldNode(child) for name, child in schema.get("properties", {}).items()}
        self.values = FieldNode(schema["additionalProperties"]) if "additionalProperties" in schema else None
        self.items = FieldNode(schema["items"]) if "items" in schema else None
        self.preserve = bool(schema.get(PRESERVE) or schema.get(INT_OR_STRING))
        self._filling = {name: node for name, node in self.properties.items() if node.fills}
        default = schema.get("default", _ABSENT)
        self.fills = True
        self._default = default if default is _ABSENT else self.fill(default)
        below = any(node is not None and node.fills for node in (self.items, self.values))
        self.fills = self._default is not _ABSENT or bool(self._filling) or below

    def unknown(self, value: Any, path: str = "") -> Iterator[str]:
        """Paths of fields the schema has no place for, such as `spec.variants[0].bogus`, in the object's order."""
        if isinstance(value, dict):
            for key, child in value.items():
                node = self.properties.get(key)
                if node is not None:
                    yield from node.unknown(child, f"{path}.{key}" if path else key)
                elif self.values is not None:
                    yield from self.values.unknown(child, f"{path}[{key}]")
                elif not self.preserve:
                    yield f"{path}.{key}" if path else key
        elif isinstance(value, list) and self.items is not None:
            for index, child in enumerate(value):
                yield from self.items.unknown(child, f"{path}[{index}]")

    def prune(self, value: Any) -> Any:
        """The value without unknown fields, and without fields that are null: absent means the same."""
        if isinstance(value, dict):
            return self._prune_object(value)
        if isinstance(value, list) and self.items is not None:
            return [self.items.prune(child) for child in value]
        return value

    def _prune_object(self, value: JsonObject) -> JsonObject:
        kept: JsonObject = {}
        for key, child in value.items():
            node = self.properties.get(key)
            if node is not None:
                if child is not None:
                    kept[key] = node.prune(child)
            elif self.values is not None:
                kept[key] = self.values.prune(child)
            elif self.preserve:
                kept[key] = child
        return kept

    def fill(self, value: Any) -> Any:
        """The value with defaults where a field is absent or null and its parent is there."""
        if isinstance(value, dict):
            return self._fill_object(value)
        if isinstance(value, list) and self.items is not None and self.items.fills:
            return [self.items.fill(child) for child in value]
        return value

    def _fill_object(self, value: JsonObject) -> JsonObject:
        filled = dict(value)
        for name, node in self._filling.items():
            child = value.get(name)
            if child is not None:
                filled[name] = node.fill(child)
            elif (default := node._default) is not _ABSENT:
                filled[name] = _copied(default)
        if self.values is not None and self.values.fills:
            values = self.values
            filled.update((key, values.fill(child)) for key, child in value.items() if key not in self.properties)
        return filled


def _copied(value: Any) -> Any:
    """A JSON value of one's own: a tenth of what copy.deepcopy takes, which looks for cycles that JSON cannot have."""
    if isinstance(value, dict):
        return {key: _copied(child) for key, child in value.items()}
    if isinstance(value, list):
        return [_copied(child) for child in value]
    return value
