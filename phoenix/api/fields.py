"""A structural schema compiled for walking: pruning and defaulting in one visit an object, and unknown fields.

Neither changes what it is given; results may share free-form parts with it, so treat those as read-only or copy them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from phoenix.api.structural import INT_OR_STRING, PRESERVE, JsonObject

_ABSENT: Final = object()
_CONTAINERS: Final = (dict, list)
_TOO_LARGE: Final = 2**63


class FieldNode:
    """One place in a schema.

    `properties` are the known fields of an object, `values` the schema of a map's values, `items` of a list's items;
    `preserve` keeps what is not known; `apart` are the keys by which a list's items are told apart, none where it is by
    value, None where they are not. Each default is worked out once, with its own defaults filled in.
    """

    _default: Any
    __slots__ = ("_default", "_defaults", "apart", "items", "preserve", "properties", "values",
                 "whole")  # fmt: skip

    def __init__(self, schema: JsonObject) -> None:
        self.properties = {name: FieldNode(child) for name, child in schema.get("properties", {}).items()}
        self.values = FieldNode(schema["additionalProperties"]) if "additionalProperties" in schema else None
        self.items = FieldNode(schema["items"]) if "items" in schema else None
        kind = schema.get("x-kubernetes-list-type")
        keys: tuple[str, ...] = tuple(schema.get("x-kubernetes-list-map-keys", ()))
        self.apart = keys if kind in ("set", "map") else None
        self.whole = schema.get("type") == "integer"
        self.preserve = bool(schema.get(PRESERVE) or schema.get(INT_OR_STRING))
        self._defaults = [
            (name, node._default) for name, node in self.properties.items() if node._default is not _ABSENT
        ]
        default = schema.get("default", _ABSENT)
        self._default = default if default is _ABSENT else self.complete(default, [])

    @property
    def has_default(self) -> bool:
        """Whether there is a default; `default` is then it, not to be changed."""
        return self._default is not _ABSENT

    @property
    def default(self) -> Any:
        """The default with its own defaults filled in."""
        return self._default

    @property
    def is_free_form(self) -> bool:
        """Whether there is a place here or below that takes any JSON."""
        below = (*self.properties.values(), *(node for node in (self.values, self.items) if node is not None))
        return self.preserve or any(node.is_free_form for node in below)

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

    def complete(self, value: Any, dropped: list[str]) -> Any:
        """The value without unknown fields, and with defaults where a field is absent or null and its parent is there.

        A field that is null and has no default is left out: absent means the same. The names of unknown fields are
        added to `dropped`; `unknown` tells where they are.
        """
        if isinstance(value, dict):
            return self._complete_object(value, dropped)
        if isinstance(value, list) and self.items is not None:
            return [self.items.complete(child, dropped) for child in value]
        return value

    def _complete_object(self, value: JsonObject, dropped: list[str]) -> JsonObject:
        # Most of what is visited is text and numbers: they are told apart here, since a call costs ten times as much.
        properties, values, kept = self.properties, self.values, {}
        for key, child in value.items():
            node = properties.get(key)
            if node is not None:
                if child is None:
                    continue
            elif values is not None:
                node = values
            elif self.preserve:
                kept[key] = child
                continue
            else:
                dropped.append(key)
                continue
            if isinstance(child, _CONTAINERS):
                kept[key] = node.complete(child, dropped)
            elif node.whole and isinstance(child, float) and child.is_integer() and abs(child) < _TOO_LARGE:
                kept[key] = int(child)  # as upstream of custom resources: JSON has one kind of number, 2.0 is 2
            else:
                kept[key] = child
        for key, default in self._defaults:
            if key not in kept:
                kept[key] = copied(default) if isinstance(default, _CONTAINERS) else default
        return kept


def copied(value: Any) -> Any:
    """A JSON value of one's own: a tenth of what copy.deepcopy takes, which looks for cycles that JSON cannot have."""
    if isinstance(value, dict):
        return {key: copied(child) for key, child in value.items()}
    if isinstance(value, list):
        return [copied(child) for child in value]
    return value
