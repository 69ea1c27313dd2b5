"""The owner of a new object, cheaply: objects of one shape have the same fields, so these are encoded once a shape.

Creates are what the API server does most, and taking a field set costs four times what telling a shape does, for which
plain values, most of an object, are not looked at.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import cache, lru_cache
from typing import Any, Final

import orjson

from phoenix.apimachinery.meta import Resource
from phoenix.fieldmanagers.errors import IllTyped
from phoenix.fieldmanagers.fieldtype import FieldType, field_type
from phoenix.fieldmanagers.ownership import fields_of_new

Wire = dict[str, Any]
"""A decoded object."""

_MAX_SHAPES: Final = 1024
_MAX_SHAPE_PARTS: Final = 512  # a shape of more objects than these is not kept: it would not be met again
_shapes: dict[tuple[Any, ...], bytes] = {}


def managed_fields_of_new(kind: type[Resource], wire: Wire, manager: str, time: str) -> Any:
    """`metadata.managedFields` of an object just made: its creator owns everything.

    Args:
        wire: the object, valid and with its defaults; nothing of it is kept.
        time: RFC 3339.

    Returns:
        Encoded JSON for orjson to put in place; None where the object has no fields to own.
    """
    encoded = _encoded_fields(kind, wire)
    if not encoded:
        return None
    head, tail = _frame(manager, kind.info.api_version)
    return orjson.Fragment(b"".join((head, time.encode(), tail, encoded, b"}]")))


@lru_cache(maxsize=256)
def _frame(manager: str, api_version: str) -> tuple[bytes, bytes]:
    entry = orjson.dumps({"manager": manager, "operation": "Update", "apiVersion": api_version, "time": ""})
    return b"[" + entry[:-2], b'","fieldsType":"FieldsV1","fieldsV1":'


def _encoded_fields(kind: type[Resource], wire: Wire) -> bytes:
    """The fieldsV1 bytes; empty for none."""
    parts: list[Any] = [kind]
    try:
        if wire["metadata"].get("ownerReferences"):
            return _encode(kind, wire)  # the uid of its owner is in its shape, which is not met again
        _shape(kind).add(wire, parts)
        shape = tuple(parts)
        known = _shapes.get(shape)
    except (TypeError, KeyError, AttributeError):  # not what the schema says: no shape, but perhaps owners
        return _encode(kind, wire)
    if known is None:
        known = _encode(kind, wire)
        if len(parts) <= _MAX_SHAPE_PARTS:
            if len(_shapes) >= _MAX_SHAPES:
                _shapes.clear()
            _shapes[shape] = known
    return known


def _encode(kind: type[Resource], wire: Wire) -> bytes:
    try:
        fields = fields_of_new(kind, wire)
    except IllTyped:  # as upstream: an object is not refused because its owners cannot be told
        return b""
    return orjson.dumps(fields, option=orjson.OPT_SORT_KEYS) if fields else b""


class _Shape:
    """How to tell the shape of one place: its keys, and the shapes of those that hold more than plain values."""

    __slots__ = ("_fields", "_items", "_keys", "_list")

    def __init__(self, type_: FieldType, apart: Collection[str] = ()) -> None:
        self._list, self._keys = type_.granular_list, type_.keys
        self._fields = {
            name: _Shape(child) for name, child in type_.fields.items() if name not in apart and _has_parts(child)
        }
        self._items: _Shape | None = None
        if type_.values is type_:
            self._items = self  # whatever it is
        elif (type_.open or type_.granular_list) and _has_parts(type_.values):
            self._items = _Shape(type_.values)

    def add(self, value: Any, parts: list[Any]) -> None:
        """Add what tells the shape of a value. Raises TypeError, KeyError where it is not what the schema says."""
        if self._list:
            self._add_items(value, parts)
            return
        parts.append(tuple(value))
        for name, shape in self._fields.items():
            if name in value:
                shape.add(value[name], parts)
        if self._items is not None:
            self._add_others(self._items, value, parts)

    def _add_items(self, value: Any, parts: list[Any]) -> None:
        if not self._keys:
            parts.append(tuple(value))
            return
        parts.extend([tuple([item[key] for item in value]) for key in self._keys])
        if self._items is not None:
            for item in value:
                self._items.add(item, parts)

    def _add_others(self, items: _Shape, value: Wire, parts: list[Any]) -> None:
        for name, child in value.items():
            if type(child) is dict and name not in self._fields:
                parts.append(name)
                items.add(child, parts)
        parts.append(None)


def _has_parts(type_: FieldType) -> bool:
    return type_.granular_map or type_.granular_list


@cache
def _shape(kind: type[Resource]) -> _Shape:
    apart = {"apiVersion", "kind"} | ({"status"} if kind.info.has_status else set())
    return _Shape(field_type(kind), apart)
