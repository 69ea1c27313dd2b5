"""From a model to a structural schema: the JSON Schema dialect that Kubernetes demands of a CRD.

Pydantic's own output breaks its rules in a dozen ways (references, nulls, constants, numeric exclusive bounds, missing
types). The converter below knows every construct our models use and refuses one it does not know, so that a model can
never publish a schema that a real API server rejects. Defaults follow three rules:

- no defaults in metadata and status: what nobody set or observed is absent;
- an empty text, list or map is no default: absent means the same and keeps manifests short;
- an object's default is `{}` where that makes the defaults of its fields appear, as Kubernetes wants it.
"""

from __future__ import annotations

from typing import Any

import pydantic_core
from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, NoDefault
from pydantic_core import core_schema

from phoenix.apimachinery.meta import Resource

JsonObject = dict[str, Any]
"""A JSON object; `Any` is any JSON value."""

PRESERVE = "x-kubernetes-preserve-unknown-fields"
INT_OR_STRING = "x-kubernetes-int-or-string"

_COPIED = (
    "description", "type", "enum", "default", "pattern", "format", "minimum", "maximum", "multipleOf", "minLength",
    "maxLength", "minItems", "maxItems", "minProperties", "maxProperties",
    "x-kubernetes-list-type", "x-kubernetes-list-map-keys", "x-kubernetes-map-type",
)  # fmt: skip
_HANDLED = frozenset(
    (
        *_COPIED, "title", "properties", "required", "items", "additionalProperties", "anyOf", "const", "$defs",
        "exclusiveMinimum", "exclusiveMaximum",
    )
)  # fmt: skip


class InexpressibleSchema(TypeError):
    """A model uses something that a structural schema cannot say; the message names the path."""


class _Generator(GenerateJsonSchema):
    """Pydantic's generator, with the values of default factories, on the wire's terms."""

    def get_default_value(self, schema: core_schema.WithDefaultSchema) -> Any:
        """The default, made where there is a factory; NoDefault where there is none."""
        if "default_factory" in schema and not schema.get("default_factory_takes_data"):
            return schema["default_factory"]()  # type: ignore[call-arg]  # takes no data: just checked
        return schema.get("default", NoDefault)

    def encode_default(self, dft: Any) -> Any:
        """The default as JSON; of a model only what differs from its own fields' defaults."""
        if isinstance(dft, BaseModel):
            return dft.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        return pydantic_core.to_jsonable_python(dft, by_alias=True, exclude_none=True)


def build(kind: type[Resource]) -> JsonObject:
    """The structural schema of a kind's objects, metadata included. Raises InexpressibleSchema."""
    raw = kind.model_json_schema(by_alias=True, mode="validation", schema_generator=_Generator)
    schema = _Converter(raw.get("$defs", {})).convert(raw, kind.info.kind)
    schema["description"] = kind.info.description or schema.get("description", "")
    properties = schema["properties"]
    for name in ("apiVersion", "kind"):
        properties[name].pop("default", None)
    for name in ("metadata", "status"):
        if name in properties:
            _strip_defaults(properties[name])
    if kind.info.has_status and "status" in properties:
        properties["status"][PRESERVE] = True  # operators keep their own notes there
    _settle_defaults(schema)
    return schema


class _Converter:
    """Converts nodes of one document, whose definitions it inlines."""

    def __init__(self, definitions: dict[str, JsonObject]) -> None:
        self._definitions = definitions
        self._open: list[str] = []

    def convert(self, raw: JsonObject, path: str) -> JsonObject:
        """One node and everything below it."""
        if "$ref" in raw:
            return self._reference(raw, path)
        if "anyOf" in raw:
            return self._union(raw, path)
        unknown = raw.keys() - _HANDLED
        if unknown:
            msg = f"{path}: {', '.join(sorted(unknown))} has no form in a structural schema"
            raise InexpressibleSchema(msg)
        node = {key: raw[key] for key in _COPIED if key in raw}
        if "const" in raw:
            node["enum"] = [raw["const"]]
        for side, bound in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
            if side in raw:
                node[bound], node[side] = raw[side], True
        if node.get("default", 0) is None:
            del node["default"]
        self._children(raw, node, path)
        if "type" not in node:
            node[PRESERVE] = True
        if node.get("type") == "integer":
            node.setdefault("format", "int64")
        return node

    def _children(self, raw: JsonObject, node: JsonObject, path: str) -> None:
        if "properties" in raw:
            node["properties"] = {
                name: self.convert(child, f"{path}.{name}") for name, child in raw["properties"].items()
            }
            if raw.get("required"):
                node["required"] = list(raw["required"])
        elif node.get("type") == "object":
            values = raw.get("additionalProperties", True)
            if values is True or values == {}:
                node[PRESERVE] = True
            else:
                node["additionalProperties"] = self.convert(values, f"{path}[*]")
        if "items" in raw:
            node["items"] = self.convert(raw["items"], f"{path}[]")

    def _reference(self, raw: JsonObject, path: str) -> JsonObject:
        name = raw["$ref"].rsplit("/", 1)[-1]
        if name in self._open:  # recursion cannot be said: cut it
            return {"type": "object", PRESERVE: True, "description": raw.get("description", "")}
        self._open.append(name)
        try:
            beside = {key: value for key, value in raw.items() if key != "$ref"}
            return self.convert(self._definitions[name] | beside, path)
        finally:
            self._open.pop()

    def _union(self, raw: JsonObject, path: str) -> JsonObject:
        options = [option for option in raw["anyOf"] if option.get("type") != "null"]
        beside = {key: value for key, value in raw.items() if key != "anyOf"}
        if len(options) == 1:
            return self.convert(options[0] | beside, path)
        if {option.get("type") for option in options} == {"integer", "string"}:
            kept = {key: value for key, value in beside.items() if key in ("description", "default")}
            return {key: value for key, value in kept.items() if value is not None} | {INT_OR_STRING: True}
        msg = f"{path}: a union of several types has no form in a structural schema"
        raise InexpressibleSchema(msg)


def _strip_defaults(node: JsonObject) -> None:
    node.pop("default", None)
    for child in _below(node):
        _strip_defaults(child)


def _below(node: JsonObject) -> list[JsonObject]:
    children = list(node.get("properties", {}).values())
    return children + [node[key] for key in ("items", "additionalProperties") if key in node]


def _settle_defaults(node: JsonObject) -> bool:
    """Drop defaults that say nothing; returns whether `{}` in the node's place would gain any field."""
    gains = [_settle_defaults(child) for child in node.get("properties", {}).values()]
    for key in ("items", "additionalProperties"):
        if key in node:
            _settle_defaults(node[key])
    default = node.get("default")
    if default in ("", [], {}) and not (default == {} and any(gains)):
        node.pop("default", None)
    return "default" in node
