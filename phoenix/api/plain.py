"""A kind's model as one compiled check of JSON objects: is this plainly right, and what is it with its defaults?

Most objects that are written are right, and for them a model's instance is made only to be thrown away. Here the
model's own schema is turned into one that makes JSON objects instead: same types, bounds and patterns (they are
copied), same cross-field rules (they are called: see `phoenix.api.rules`), defaults by the structural schema, and
anything doubtful refused: unknown fields, nulls, wrong types. A refusal says nothing but "not plainly": the caller then
goes the long way (`complete`, `validate`), whose word counts and which words the errors. So this may refuse what is
right, never accept what is wrong; a test holds both ways against each other.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, cast

from pydantic_core import CoreSchema, SchemaValidator, ValidationError, core_schema

from phoenix.api.fields import FieldNode, copied
from phoenix.api.rules import view_of
from phoenix.apimachinery.meta import Resource

JsonObject = dict[str, Any]
_NOT_NULL = (str, int, float, list, dict)
_LIMITS = ("strict", "min_length", "max_length", "pattern", "ge", "gt", "le", "lt", "multiple_of")


class Uncompilable(TypeError):
    """A model uses something this cannot turn into a check; the message names it."""


class PlainCheck:
    """The compiled check of one kind. `node` is its structural schema."""

    def __init__(self, kind: type[Resource], node: FieldNode) -> None:
        schema = _Compiler().compile(kind.__pydantic_core_schema__, node)
        self._validate = SchemaValidator(schema).validate_python
        self._type = (kind.info.api_version, kind.info.kind)

    def __call__(self, wire: JsonObject) -> JsonObject | None:
        """The object (as decoded from JSON) with its defaults, or None where it is not plainly right.

        What is returned is its own down to free-form parts, which it may share with `wire`; fields are in the schema's
        order.
        """
        if (wire.get("apiVersion"), wire.get("kind")) != self._type:
            return None
        try:
            found: JsonObject = self._validate(wire, strict=True)
        except ValidationError:
            return None
        return found


class _Compiler:
    """Turns the schema of a model into that of a check, node by node."""

    def __init__(self) -> None:
        self._definitions: dict[str, Any] = {}
        self._open: list[str] = []

    def compile(self, schema: Any, node: FieldNode) -> CoreSchema:
        """A node and everything below it. Raises Uncompilable."""
        match schema["type"]:
            case "definitions":
                self._definitions |= {definition["ref"]: definition for definition in schema["definitions"]}
                return self.compile(schema["schema"], node)
            case "definition-ref":
                return self._reference(schema["schema_ref"], node)
            case "model" | "default" | "nullable":
                # A default is the structural schema's affair; null means absent and is refused here.
                return self.compile(schema["schema"], node)
            case "model-fields":
                return self._object(schema["fields"], node)
            case "function-after":
                return self._after(schema, node)
            case "list":
                items = self.compile(schema["items_schema"], node.items or node) if "items_schema" in schema else None
                compiled = core_schema.list_schema(items, **_limits(schema))
                if node.apart is None:
                    return compiled
                return core_schema.no_info_after_validator_function(_told_apart(node.apart), compiled)
            case "dict":
                return self._map(schema, node)
            case "enum":
                return core_schema.literal_schema([member.value for member in schema["members"]])
            case "float":
                return _number(schema)
            case "str" | "int" | "bool" | "literal" | "any":
                return cast(CoreSchema, {key: value for key, value in schema.items() if key in _COPIED})
        msg = f"{schema['type']} has no form in a plain check"
        raise Uncompilable(msg)

    def _reference(self, ref: str, node: FieldNode) -> CoreSchema:
        if ref in self._open:
            msg = f"{ref} contains itself"
            raise Uncompilable(msg)
        self._open.append(ref)
        try:
            return self.compile(self._definitions[ref], node)
        finally:
            self._open.pop()

    def _object(self, fields: Mapping[str, Any], node: FieldNode) -> CoreSchema:
        compiled = {}
        for name, field in fields.items():
            alias = field.get("validation_alias", name)
            if not isinstance(alias, str):
                msg = f"field {name} has several names"
                raise Uncompilable(msg)
            below = node.properties[alias]
            inner = self.compile(field["schema"], below)
            if inner["type"] == "any":  # but null, which means absent for a field the schema knows
                inner = core_schema.is_instance_schema(_NOT_NULL)
            if below.has_default:
                inner = _with_default(inner, below)
            compiled[alias] = core_schema.typed_dict_field(inner, required=field["schema"]["type"] != "default")
        return core_schema.typed_dict_schema(compiled, extra_behavior="allow" if node.preserve else "forbid")

    def _after(self, schema: Any, node: FieldNode) -> CoreSchema:
        """A function after a text is copied; one after a model is a rule and gets a view."""
        if schema["function"]["type"] != "no-info":
            msg = "a validator that wants more than the value"
            raise Uncompilable(msg)
        inner, function = schema["schema"], schema["function"]["function"]
        compiled = self.compile(inner, node)
        while inner["type"] == "function-after":
            inner = inner["schema"]
        if inner["type"] == "model":
            function = _rule(function, inner["cls"])
        return core_schema.no_info_after_validator_function(function, compiled)

    def _map(self, schema: Any, node: FieldNode) -> CoreSchema:
        values = schema.get("values_schema", {"type": "any"})
        return core_schema.dict_schema(
            self.compile(schema.get("keys_schema", {"type": "any"}), node),
            self.compile(values, node.values or node),
            **_limits(schema),
        )


_COPIED = frozenset((*_LIMITS, "type", "expected"))


def _limits(schema: Any) -> dict[str, Any]:
    return {key: schema[key] for key in _LIMITS if key in schema}


def _number(schema: Any) -> CoreSchema:
    """A number that stays what it was: `1` is not made `1.0`."""
    whole: dict[str, Any] = {}
    for limit, rounded in (("ge", math.ceil), ("gt", math.floor), ("le", math.floor), ("lt", math.ceil)):
        if limit in schema:
            whole[limit] = rounded(schema[limit])
    return core_schema.union_schema(
        [core_schema.int_schema(**whole), core_schema.float_schema(**_limits(schema), allow_inf_nan=False)],
        mode="left_to_right",
    )


def _with_default(schema: CoreSchema, node: FieldNode) -> CoreSchema:
    default = SchemaValidator(schema).validate_python(node.default, strict=True)
    if not isinstance(default, dict | list):
        return core_schema.with_default_schema(schema, default=default)
    # Validating it anew makes new containers for each object, but for free-form ones. (pydantic would deep-copy it.)
    make = partial(copied, default) if node.is_free_form else lambda: default
    return core_schema.with_default_schema(schema, default_factory=make, validate_default=True)


def _told_apart(keys: tuple[str, ...]) -> Callable[[list[Any]], list[Any]]:
    """Refuses a list with an item twice, by its keys or, without any, as a whole."""

    def keep(items: list[Any]) -> list[Any]:
        if len(items) > 1:
            marks = [tuple([item.get(key) for key in keys]) for item in items] if keys else items
            try:
                different = len(set(marks))
            except TypeError as error:
                raise ValueError from error
            if different != len(items):
                raise ValueError
        return items

    return keep


def _rule(function: Callable[[Any], Any], model: Any) -> Callable[[JsonObject], JsonObject]:
    view, new = view_of(model), object.__new__

    def keep(wire: JsonObject) -> JsonObject:
        seen: Any = new(view)
        seen.__dict__ = wire
        try:
            function(seen)
        except Exception as error:  # also where a view is not enough for a rule: the long way tells
            raise ValueError from error
        return wire

    return keep
