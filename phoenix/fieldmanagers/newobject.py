"""The owner of a new object, cheaply: objects of one shape have the same fields, so these are encoded once a shape.

Creates are what the API server does most, and taking a field set is dear beside telling a shape.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import orjson

from phoenix.apimachinery.meta import Resource
from phoenix.fieldmanagers.errors import IllTyped
from phoenix.fieldmanagers.fieldset import FieldSet
from phoenix.fieldmanagers.fieldtype import FieldType, field_type
from phoenix.fieldmanagers.ownership import fields_of_new

Wire = dict[str, Any]
"""A decoded object."""


def managed_fields_of_new(kind: type[Resource], wire: Wire, manager: str, time: str) -> Any:
    """`metadata.managedFields` of an object just made: its creator owns everything.

    Args:
        wire: the object with its defaults, of which nothing is kept.
        time: RFC 3339.

    Returns:
        Encoded JSON for orjson to put in place; the empty list where the object has no fields to own.
    """
    encoded = encoded_fields_of_new(kind, wire)
    if encoded is None:
        return []
    head, tail = _frame(manager, kind.info.api_version)
    return orjson.Fragment(b"".join((head, time.encode(), tail, encoded, b"}]")))


@lru_cache(maxsize=256)
def _frame(manager: str, api_version: str) -> tuple[bytes, bytes]:
    entry = orjson.dumps({"manager": manager, "operation": "Update", "apiVersion": api_version, "time": ""})
    return b"[" + entry[:-2], b'","fieldsType":"FieldsV1","fieldsV1":'


def encoded_fields_of_new(kind: type[Resource], wire: Wire) -> bytes | None:
    """The fieldsV1 bytes; None for none."""
    try:
        fields: FieldSet = fields_of_new(kind, wire)
    except IllTyped:  # as upstream: an object is not refused because its owners cannot be told
        return None
    return orjson.dumps(fields, option=orjson.OPT_SORT_KEYS) if fields else None


__all__ = ["FieldType", "field_type", "managed_fields_of_new"]
