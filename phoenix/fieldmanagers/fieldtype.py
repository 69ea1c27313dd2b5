"""A structural schema as ownership sees it: what is one field, and what has fields of its own.

Objects have fields of their own unless `x-kubernetes-map-type: atomic`; lists are one field unless their
`x-kubernetes-list-type` is `set` or `map`; of what the schema does not know, objects have fields and lists are one.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from phoenix.api.schema import structural_schema
from phoenix.api.structural import PRESERVE, JsonObject
from phoenix.apimachinery.meta import Resource
from phoenix.fieldmanagers.errors import IllTyped
from phoenix.fieldmanagers.fieldset import key_step, value_step


class FieldType:
    """One place in a schema.

    `granular_map`: an object there has fields of its own, `fields` by name and, where it is
    `open`, `values` of any other name.
    `granular_list`: a list there has items of its own, told apart by their `keys`, or by value where there are none;
    `values` is the type of an item. An item that lacks a key has the one of `key_defaults`.
    """

    __slots__ = ("fields", "granular_list", "granular_map", "key_defaults", "keys", "open", "values")

    def __init__(self, schema: JsonObject) -> None:
        self.fields = {name: FieldType(child) for name, child in schema.get("properties", {}).items()}
        child = schema.get("items") or schema.get("additionalProperties")
        self.values: FieldType = FieldType(child) if isinstance(child, dict) else _ANYTHING
        self.open = "additionalProperties" in schema or bool(schema.get(PRESERVE))
        self.granular_map = schema.get("x-kubernetes-map-type") != "atomic" and (self.open or bool(self.fields))
        self.granular_list = schema.get("x-kubernetes-list-type", "atomic") in ("set", "map")
        self.keys: tuple[str, ...] = tuple(sorted(schema.get("x-kubernetes-list-map-keys", ())))
        item = child.get("properties", {}) if isinstance(child, dict) else {}
        self.key_defaults = {key: item[key]["default"] for key in self.keys if "default" in item.get(key, {})}

    def of(self, name: str) -> FieldType:
        """The type of an object's field."""
        return self.fields.get(name) or self.values

    def step(self, item: Any, path: str = "") -> str:
        """The step to an item of a granular list. Raises IllTyped where it lacks what tells it from others."""
        if not self.keys:
            if isinstance(item, dict | list) or item is None:
                raise IllTyped(path, "items of a set must be plain values")
            return value_step(item)
        if not isinstance(item, dict):
            raise IllTyped(path, f"items must be objects, told apart by {', '.join(self.keys)}")
        found: dict[str, Any] = {}
        for key in self.keys:
            value = item.get(key, self.key_defaults.get(key))
            if value is None:
                raise IllTyped(path, f'associative list with keys has an element that omits key field "{key}"')
            if isinstance(value, dict | list):
                raise IllTyped(path, f'key field "{key}" of an element must be a plain value')
            found[key] = value
        return key_step(found)


class _Anything(FieldType):
    """What no schema speaks of: objects have fields, lists are one field."""

    __slots__ = ()

    def __init__(self) -> None:
        self.granular_map, self.open, self.granular_list = True, True, False
        self.fields, self.keys, self.key_defaults = {}, (), {}
        self.values: FieldType = self


_ANYTHING: Final[FieldType] = _Anything()


@cache
def field_type(kind: type[Resource]) -> FieldType:
    """The type of a kind's objects."""
    return FieldType(structural_schema(kind))
