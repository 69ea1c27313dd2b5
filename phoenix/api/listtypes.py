"""Lists whose items are told apart, by keys or by value: no two of them may be the same (`x-kubernetes-list-type`)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from phoenix.api.structural import JsonObject
from phoenix.api.validation import shown
from phoenix.apimachinery.errors import Cause


class ListNode:
    """One place in a schema, with only what leads to such lists: most of an object is not looked at."""

    __slots__ = ("_fields", "_items", "_keys", "_unique", "_values")

    def __init__(self, schema: JsonObject) -> None:
        self._fields = [
            (name, node) for name, child in schema.get("properties", {}).items() if (node := _leading(child))
        ]
        self._items = _leading(schema.get("items", {}))
        self._values = _leading(schema.get("additionalProperties", {}))
        self._unique = schema.get("x-kubernetes-list-type") in ("set", "map")
        self._keys: tuple[str, ...] = tuple(schema.get("x-kubernetes-list-map-keys", ()))

    @property
    def leads(self) -> bool:
        """Whether there is anything to check here or below."""
        return bool(self._unique or self._fields or self._items or self._values)

    def check(self, value: Any, path: str, found: list[Cause]) -> None:
        """Add a cause for each item that is there before; what has another type than the schema says is left out."""
        if isinstance(value, dict):
            for name, node in self._fields:
                child = value.get(name)
                if child:
                    node.check(child, f"{path}.{name}" if path else name, found)
            if self._values is not None:
                for name, child in value.items():
                    self._values.check(child, f"{path}[{name}]", found)
        elif isinstance(value, list):
            if self._unique and len(value) > 1:
                found.extend(self._repeated(value, path))
            if self._items is not None:
                for index, child in enumerate(value):
                    self._items.check(child, f"{path}[{index}]", found)

    def _repeated(self, items: list[Any], path: str) -> Iterator[Cause]:
        seen: set[Any] = set()
        for index, item in enumerate(items):
            told: Any = item
            if self._keys:
                told = {key: item.get(key) for key in self._keys} if isinstance(item, dict) else None
            mark = tuple(told.values()) if isinstance(told, dict) else (type(told), told)
            try:
                known = mark in seen
            except TypeError:
                continue  # a key that is no plain value: the model says so
            if known:
                yield Cause("FieldValueDuplicate", f"Duplicate value: {shown(told)}", f"{path}[{index}]")
            seen.add(mark)


def _leading(schema: Any) -> ListNode | None:
    node = ListNode(schema) if isinstance(schema, dict) and schema else None
    return node if node is not None and node.leads else None
