"""Structural schemas against the rules a real Kubernetes API server enforces (written here from its documentation)."""

from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
import re2
from pydantic import BaseModel, Field

from phoenix.api import schema as schemas
from phoenix.api.schema import InexpressibleSchema, crd, json_schema, structural_schema
from phoenix.api.scheme import KINDS
from phoenix.apimachinery.meta import API_VERSION, GROUP, KindInfo, Resource
from phoenix.apimachinery.model import Model

MEMBERS = {
    "description", "type", "format", "enum", "default", "pattern", "minimum", "maximum", "exclusiveMinimum",
    "exclusiveMaximum", "multipleOf", "minLength", "maxLength", "minItems", "maxItems", "minProperties",
    "maxProperties", "properties", "required", "items", "additionalProperties", "nullable",
    "x-kubernetes-preserve-unknown-fields", "x-kubernetes-int-or-string", "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys", "x-kubernetes-map-type",
}  # fmt: skip
PRESERVE, INT_OR_STRING = "x-kubernetes-preserve-unknown-fields", "x-kubernetes-int-or-string"
OWN = [kind for kind in KINDS if kind.info.group == GROUP]
every_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
own_kind = pytest.mark.parametrize("kind", OWN, ids=lambda kind: kind.__name__)


def nodes(node: dict[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    yield path, node
    for name, child in node.get("properties", {}).items():
        yield from nodes(child, f"{path}.{name}")
    for key in ("items", "additionalProperties"):
        if key in node:
            yield from nodes(node[key], f"{path}[{key}]")


def faults(path: str, node: dict[str, Any]) -> Iterator[str]:
    if extra := node.keys() - MEMBERS:
        yield f"{path}: {extra} are no members of JSONSchemaProps"
    if "type" not in node and not node.get(PRESERVE) and not node.get(INT_OR_STRING):
        yield f"{path}: has no type"
    if "properties" in node and "additionalProperties" in node:
        yield f"{path}: properties and additionalProperties exclude each other"
    if node.get("type") == "array" and "items" not in node:
        yield f"{path}: list without items"
    if node.get("nullable") and "enum" in node:
        yield f"{path}: nullable with enum refuses null"
    for side in ("exclusiveMinimum", "exclusiveMaximum"):
        if side in node and not isinstance(node[side], bool):
            yield f"{path}: {side} must be a boolean"
    yield from deeper_faults(path, node)


def deeper_faults(path: str, node: dict[str, Any]) -> Iterator[str]:
    if "pattern" in node:
        re2.compile(node["pattern"])
    if not set(node.get("required", ())) <= set(node.get("properties", {})):
        yield f"{path}: requires unknown fields"
    for key in node.get("x-kubernetes-list-map-keys", ()):
        item = node["items"]
        if key not in item.get("required", ()) and "default" not in item["properties"][key]:
            yield f"{path}: list key {key} is neither required nor defaulted"
    if "default" in node:
        jsonschema.Draft202012Validator(schemas._plain(node)).validate(node["default"])


@own_kind
def test_crd_schema_is_structural(kind: type[Resource]) -> None:
    root = crd(kind)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    assert [fault for path, node in nodes(root, kind.__name__) for fault in faults(path, node)] == []
    assert root["properties"]["metadata"] == {"type": "object"}
    assert PRESERVE not in root


@every_kind
def test_no_defaults_in_metadata_and_status(kind: type[Resource]) -> None:
    for name in ("metadata", "status"):
        root = structural_schema(kind)["properties"].get(name, {})
        assert [path for path, node in nodes(root, name) if "default" in node] == []


@every_kind
def test_status_keeps_what_operators_add(kind: type[Resource]) -> None:
    if kind.info.has_status:
        assert structural_schema(kind)["properties"]["status"][PRESERVE] is True


def models(kind: type[BaseModel]) -> set[type[BaseModel]]:
    found: set[type[BaseModel]] = set()
    todo: list[Any] = [kind]
    while todo:
        item = todo.pop()
        if isinstance(item, type) and issubclass(item, BaseModel):
            if item not in found:
                found.add(item)
                todo += [field.annotation for field in item.model_fields.values()]
        else:
            todo += getattr(item, "__args__", ())
    return found


@every_kind
def test_every_field_and_model_has_a_description(kind: type[Resource]) -> None:
    lacking = [
        f"{model.__name__}.{name}"
        for model in models(kind)
        for name, field in model.model_fields.items()
        if not field.description
    ]
    assert lacking == []
    assert [model.__name__ for model in models(kind) if not model.__doc__] == []
    assert kind.info.description


@own_kind
def test_crd_names_the_kind(kind: type[Resource]) -> None:
    definition = crd(kind)
    version = definition["spec"]["versions"][0]
    assert definition["metadata"]["name"] == f"{kind.info.plural}.phoenix.io"
    assert definition["spec"]["scope"] == ("Namespaced" if kind.info.namespaced else "Cluster")
    assert ("status" in version.get("subresources", {})) == kind.info.has_status
    for column in version["additionalPrinterColumns"]:
        assert column["type"] in {"integer", "number", "string", "boolean", "date"}
        assert column["jsonPath"].startswith(".")


def test_core_kinds_have_no_crd() -> None:
    with pytest.raises(ValueError, match="Namespace"):
        crd(next(kind for kind in KINDS if kind.info.kind == "Namespace"))


@every_kind
def test_json_schema_is_one_and_refuses_unknown_fields(kind: type[Resource]) -> None:
    schema = json_schema(kind)
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    wrong = {"apiVersion": kind.info.api_version, "kind": kind.info.kind, "metadata": {"name": "x"}, "bogus": 1}
    assert any("bogus" in error.message for error in validator.iter_errors(wrong))


class Inner(Model):
    """Inner."""

    must: int = Field(gt=0, description="needed")
    may: str | None = Field(default=None, description="may be absent")


class Outer(Model):
    """Outer."""

    inner: Inner = Field(description="described here")
    either: int | str = Field(default=1, description="either")
    free: dict[str, Any] = Field(default_factory=dict, description="anything")
    words: dict[str, str] = Field(default_factory=dict, description="words")
    made: list[Inner] = Field(default_factory=lambda: [Inner(must=1)], description="made")


class Sample(Resource):
    """Sample."""

    info = KindInfo(kind="Sample", plural="samples", description="Sample.", has_status=False)
    spec: Outer = Field(description="spec")


def test_constructs_convert_as_kubernetes_wants_them() -> None:
    assert structural_schema(Sample)["properties"]["spec"] == {
        "description": "spec",
        "type": "object",
        "required": ["inner"],
        "properties": {
            "inner": {
                "description": "described here",
                "type": "object",
                "required": ["must"],
                "properties": {
                    "must": {
                        "description": "needed",
                        "type": "integer",
                        "format": "int64",
                        "minimum": 0,
                        "exclusiveMinimum": True,
                    },
                    "may": {"description": "may be absent", "type": "string"},
                },
            },
            "either": {"description": "either", "default": 1, INT_OR_STRING: True},
            "free": {"description": "anything", "type": "object", PRESERVE: True},
            "words": {"description": "words", "type": "object", "additionalProperties": {"type": "string"}},
            "made": {
                "description": "made",
                "type": "array",
                "default": [{"must": 1}],
                "items": structural_schema(Sample)["properties"]["spec"]["properties"]["inner"]
                | {"description": "Inner."},
            },
        },
    }
    assert json_schema(Sample)["properties"]["spec"]["properties"]["inner"]["properties"]["must"] == {
        "description": "needed",
        "type": "integer",
        "format": "int64",
        "exclusiveMinimum": 0,
    }


class Pair(Resource):
    """A kind no CRD can express."""

    info = KindInfo(kind="Pair", plural="pairs", description="Pair.")
    spec: tuple[int, str] = Field(description="two of them")


def test_what_cannot_be_said_is_refused_by_path() -> None:
    with pytest.raises(InexpressibleSchema, match=r"Pair\.spec"):
        structural_schema(Pair)


def test_api_version_is_known() -> None:
    assert json_schema(OWN[0])["properties"]["apiVersion"]["const"] == API_VERSION
