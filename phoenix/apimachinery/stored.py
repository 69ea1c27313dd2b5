"""Models that read what a server keeps: right by the rules of its day, which may have been wider than today's.

A bound that got tighter would otherwise make one old object unreadable, and with it the list of its kind.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from pydantic import BaseModel
from pydantic_core import SchemaValidator

_BOUNDS: Final = frozenset(("min_length", "max_length", "pattern", "ge", "gt", "le", "lt"))
_BOUNDED: Final = frozenset(("str", "int", "float", "list", "dict"))
_BELOW: Final = frozenset(("schema", "definitions", "items_schema", "keys_schema", "values_schema"))


@cache
def reader(model: type[BaseModel]) -> SchemaValidator:
    """Makes instances as the model does, by types, names, enums and defaults, without bounds and cross-field rules."""
    # NB: a prebuilt validator is the model's own, with all its rules, for every model inside this one.
    return SchemaValidator(_unbounded(model.__pydantic_core_schema__), _use_prebuilt=False)


def _unbounded(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_unbounded(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    kind = schema["type"]
    if kind == "function-after" and _is_of_a_model(schema):
        below = _unbounded(schema["schema"])
        # NB: a model that is used in two places is referred to by the name of its outermost rule.
        return {**below, "ref": schema["ref"]} if "ref" in schema else below
    found = {key: value for key, value in schema.items() if not (kind in _BOUNDED and key in _BOUNDS)}
    for key in _BELOW & found.keys():
        found[key] = _unbounded(found[key])
    if "fields" in found:
        found["fields"] = {name: _unbounded(field) for name, field in found["fields"].items()}
    return found


def _is_of_a_model(schema: Any) -> bool:
    """Whether this is a cross-field rule, rather than what makes a text a Duration."""
    while schema["type"] == "function-after":
        schema = schema["schema"]
    return bool(schema["type"] == "model")
