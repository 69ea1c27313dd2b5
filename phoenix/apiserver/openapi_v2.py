"""OpenAPI v2, made of the v3 documents: as JSON, and as gnostic's protobuf, which is what kubectl asks for.

kubectl reads it before it applies a `kind: List`, for `explain --output=plaintext-openapiv2`, and up to 1.28 before
nearly everything.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from phoenix.apiserver.protomessages import message_types

Wire = dict[str, Any]

MEDIA_TYPES = (
    "application/com.github.proto-openapi.spec.v2@v1.0+protobuf",
    "application/com.github.proto-openapi.spec.v2.v1.0+protobuf",
)
"""Names of the protobuf form: what clients ask for, and what is answered (Go cannot read `@` in a Content-Type)."""

_METHODS = ("get", "put", "post", "delete", "patch")
_V3_ONLY = frozenset({"nullable", "oneOf", "anyOf", "not"})

# Numbers are those of gnostic's OpenAPIv2.proto; what we have no use for is left out.
_MESSAGES: Mapping[str, str] = {
    "Document": "swagger=1:string info=2:Info paths=8:Paths definitions=9:Definitions",
    "Info": "title=1:string version=2:string",
    "Paths": "path=2:NamedPathItem[]",
    "NamedPathItem": "name=1:string value=2:PathItem",
    "PathItem": (
        "get=2:Operation put=3:Operation post=4:Operation delete=5:Operation patch=8:Operation "
        "parameters=9:ParametersItem[]"
    ),
    "Operation": (
        "tags=1:string[] produces=6:string[] consumes=7:string[] parameters=8:ParametersItem[] responses=9:Responses "
        "vendor_extension=13:NamedAny[]"
    ),
    "Responses": "response_code=1:NamedResponseValue[]",
    "NamedResponseValue": "name=1:string value=2:ResponseValue",
    "ResponseValue": "response=1:Response",
    "Response": "description=1:string schema=2:SchemaItem",
    "SchemaItem": "schema=1:Schema",
    "ParametersItem": "parameter=1:Parameter",
    "Parameter": "body_parameter=1:BodyParameter non_body_parameter=2:NonBodyParameter",
    "BodyParameter": "name=2:string in=3:string required=4:bool schema=5:Schema",
    "NonBodyParameter": "query_parameter_sub_schema=3:QueryParameter path_parameter_sub_schema=4:PathParameter",
    "QueryParameter": "required=1:bool in=2:string name=4:string type=6:string",
    "PathParameter": "required=1:bool in=2:string name=4:string type=5:string",
    "Definitions": "additional_properties=1:NamedSchema[]",
    "NamedSchema": "name=1:string value=2:Schema",
    "Schema": (
        "_ref=1:string format=2:string title=3:string description=4:string default=5:Any maximum=7:double "
        "exclusive_maximum=8:bool minimum=9:double exclusive_minimum=10:bool max_length=11:int64 min_length=12:int64 "
        "pattern=13:string max_items=14:int64 min_items=15:int64 required=19:string[] enum=20:Any[] "
        "additional_properties=21:AdditionalPropertiesItem type=22:TypeItem items=23:ItemsItem all_of=24:Schema[] "
        "properties=25:Properties vendor_extension=31:NamedAny[]"
    ),
    "AdditionalPropertiesItem": "schema=1:Schema boolean=2:bool",
    "TypeItem": "value=1:string[]",
    "ItemsItem": "schema=1:Schema[]",
    "Properties": "additional_properties=1:NamedSchema[]",
    "NamedAny": "name=1:string value=2:Any",
    "Any": "yaml=2:string",
}


def v2_document(documents: Mapping[str, Wire], version: str) -> Wire:
    """One v2 document of v3 documents by group version."""
    paths: Wire = {}
    definitions: Wire = {}
    for document in documents.values():
        for path, item in document["paths"].items():
            paths[path] = _path_item(item)
        for name, schema in document["components"]["schemas"].items():
            definitions[name] = _schema(schema)
    return {
        "swagger": "2.0",
        "info": {"title": "Phoenix", "version": version},
        "paths": paths,
        "definitions": definitions,
    }


def _path_item(item: Wire) -> Wire:
    found: Wire = {method: _operation(item[method]) for method in _METHODS if method in item}
    return found | {"parameters": [_parameter(one) for one in item.get("parameters", ())]}


def _operation(operation: Wire) -> Wire:
    parameters = [_parameter(one) for one in operation["parameters"]]
    found: Wire = {
        "tags": operation["tags"],
        "produces": ["application/json"],
        "parameters": parameters,
        "responses": {
            code: {"description": answer["description"], "schema": _content_schema(answer["content"])}
            for code, answer in operation["responses"].items()
        },
    }
    if "requestBody" in operation:
        content: Wire = operation["requestBody"]["content"]
        found["consumes"] = list(content)
        parameters.append({"name": "body", "in": "body", "required": True, "schema": _content_schema(content)})
    return found | {key: value for key, value in operation.items() if key.startswith("x-")}


def _content_schema(content: Wire) -> Wire:
    return _schema(next(iter(content.values()))["schema"])


def _parameter(parameter: Wire) -> Wire:
    return {key: parameter[key] for key in ("name", "in", "required")} | {"type": parameter["schema"]["type"]}


def _schema(schema: Wire) -> Wire:
    """A v3 schema in what v2 can say."""
    found: Wire = {}
    for key, value in schema.items():
        match key:
            case "$ref":
                found[key] = value.replace("#/components/schemas/", "#/definitions/")
            case "properties":
                found[key] = {name: _schema(one) for name, one in value.items()}
            case "items":
                found[key] = _schema(value)
            case "additionalProperties":
                found[key] = _schema(value) if isinstance(value, dict) else value
            case "allOf":
                found[key] = [_schema(one) for one in value]
            case _ if key not in _V3_ONLY:
                found[key] = value
    return found


def encode_v2(document: Wire) -> bytes:
    """A v2 document as gnostic's protobuf."""
    message = _types()["Document"](swagger=document["swagger"], info=document["info"])
    for path, item in document["paths"].items():
        _put_path_item(message.paths.path.add(name=path).value, item)
    for name, schema in document["definitions"].items():
        _put_schema(message.definitions.additional_properties.add(name=name).value, schema)
    return bytes(message.SerializeToString(deterministic=True))


@cache
def _types() -> dict[str, type[Any]]:
    return message_types("phoenix.gnostic", _MESSAGES)


def _put_path_item(message: Any, item: Wire) -> None:
    for method in _METHODS:
        if method in item:
            _put_operation(getattr(message, method), item[method])
    for parameter in item["parameters"]:
        _put_parameter(message.parameters.add().parameter, parameter)


def _put_operation(message: Any, operation: Wire) -> None:
    for field in ("tags", "produces", "consumes"):
        getattr(message, field).extend(operation.get(field, ()))
    for parameter in operation["parameters"]:
        _put_parameter(message.parameters.add().parameter, parameter)
    for code, answer in operation["responses"].items():
        response = message.responses.response_code.add(name=code).value.response
        response.description = answer["description"]
        _put_schema(response.schema.schema, answer["schema"])
    _put_extensions(message, operation)


def _put_parameter(message: Any, parameter: Wire) -> None:
    if parameter["in"] == "body":
        body = message.body_parameter
        _put_schema(body.schema, parameter["schema"])
    else:
        other = message.non_body_parameter
        body = other.path_parameter_sub_schema if parameter["in"] == "path" else other.query_parameter_sub_schema
        body.type = parameter["type"]
    for field in ("name", "in", "required"):
        setattr(body, field, parameter[field])


_PLAIN = {
    "$ref": "_ref", "format": "format", "title": "title", "description": "description", "maximum": "maximum",
    "exclusiveMaximum": "exclusive_maximum", "minimum": "minimum", "exclusiveMinimum": "exclusive_minimum",
    "maxLength": "max_length", "minLength": "min_length", "pattern": "pattern", "maxItems": "max_items",
    "minItems": "min_items",
}  # fmt: skip


def _put_schema(message: Any, schema: Wire) -> None:
    message.SetInParent()
    for key, field in _PLAIN.items():
        if key in schema:
            setattr(message, field, schema[key])
    if "type" in schema:
        message.type.value.append(schema["type"])
    if "default" in schema:
        message.default.yaml = json.dumps(schema["default"])
    message.required.extend(schema.get("required", ()))
    for value in schema.get("enum", ()):
        message.enum.add(yaml=json.dumps(value))
    if "items" in schema:
        _put_schema(message.items.schema.add(), schema["items"])
    for one in schema.get("allOf", ()):
        _put_schema(message.all_of.add(), one)
    for name, one in schema.get("properties", {}).items():
        _put_schema(message.properties.additional_properties.add(name=name).value, one)
    extra = schema.get("additionalProperties")
    if isinstance(extra, dict):
        _put_schema(message.additional_properties.schema, extra)
    elif extra is not None:
        message.additional_properties.boolean = extra
    _put_extensions(message, schema)


def _put_extensions(message: Any, wire: Wire) -> None:
    for key, value in wire.items():
        if key.startswith("x-"):
            message.vendor_extension.add(name=key).value.yaml = json.dumps(value)  # JSON is YAML
