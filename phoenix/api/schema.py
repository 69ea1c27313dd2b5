"""The one source of schemas: a kind's model as structural schema, CRD and JSON Schema, and what the API server does
with an object by it: prune and fill in defaults, tell where unknown fields are, validate.

A server asks `plain` first: nearly every object is right, and is then complete at a quarter of the price. Where it is
not plainly so, in this order: `complete`, `unknown_fields` (to warn or refuse, where there are any), `validate`;
the result of `complete`, not a model's dump, is what it stores. Pure; what is derived from a kind is computed once.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from phoenix.api.fields import FieldNode
from phoenix.api.listtypes import ListNode
from phoenix.api.metadata import metadata_causes
from phoenix.api.plain import PlainCheck
from phoenix.api.structural import INT_OR_STRING, PRESERVE, InexpressibleSchema, JsonObject, build
from phoenix.api.validation import model_causes
from phoenix.apimachinery.errors import Cause
from phoenix.apimachinery.meta import GROUP, KindInfo, PrinterColumn, Resource

__all__ = [
    "InexpressibleSchema",
    "JsonObject",
    "complete",
    "crd",
    "json_schema",
    "plain",
    "repeated_items",
    "structural_schema",
    "unknown_fields",
    "validate",
]


@cache
def structural_schema(kind: type[Resource]) -> JsonObject:
    """The kind's structural schema with all of metadata (a CRD has it without: `crd`). Shared: do not change it."""
    return build(kind)


@cache
def _node(kind: type[Resource]) -> FieldNode:
    return FieldNode(structural_schema(kind))


@cache
def _lists(kind: type[Resource]) -> ListNode:
    # Not of metadata: as upstream, which checks the lists there by rules of its own and lets a finalizer be twice.
    schema = structural_schema(kind)
    return ListNode(schema | {"properties": {**schema["properties"], "metadata": {}}})


@cache
def _plain_check(kind: type[Resource]) -> PlainCheck:
    return PlainCheck(kind, _node(kind))


def plain(kind: type[Resource], wire: JsonObject) -> JsonObject | None:
    """What is kept of an object that is plainly right: what `complete` gives, fields in the schema's order.

    None says nothing about the object but that it has to go the long way.
    """
    found = _plain_check(kind)(wire)
    return None if found is None or metadata_causes(kind.info, found.get("metadata")) else found


def unknown_fields(kind: type[Resource], wire: JsonObject) -> list[str]:
    """Paths of fields the kind does not have, such as `spec.variants[0].bogus`; empty when all are known."""
    return list(_node(kind).unknown(wire))


def complete(kind: type[Resource], wire: JsonObject) -> tuple[JsonObject, bool]:
    """What is kept of an object, and whether it had fields the kind does not have.

    Kept: without those, and without nulls where the schema knows the field; with defaults where a field is absent and
    its parent is there or has a default itself. The given object stays as it is.
    """
    dropped: list[str] = []
    kept: JsonObject = _node(kind).complete(wire, dropped)
    return kept, bool(dropped)


def validate(kind: type[Resource], wire: JsonObject) -> list[Cause]:
    """Everything wrong with an object, metadata first; empty when it may be stored.

    Unknown fields are no fault here. apiVersion and kind are compared with the kind's where given.
    """
    info = kind.info
    causes = [
        Cause("FieldValueInvalid", f"Invalid value: must be {expected}", field)
        for field, expected in (("apiVersion", info.api_version), ("kind", info.kind))
        if wire.get(field) not in (None, "", expected)
    ]
    causes += metadata_causes(info, wire.get("metadata"))
    causes += model_causes(kind, wire, _node(kind))
    return causes or repeated_items(kind, wire)


def repeated_items(kind: type[Resource], wire: JsonObject) -> list[Cause]:
    """What `validate` checks beyond the model: items that are twice in lists whose items are told apart."""
    causes: list[Cause] = []
    _lists(kind).check(wire, "", causes)
    return causes


def crd(kind: type[Resource]) -> JsonObject:
    """The kind's CustomResourceDefinition, ready for a real Kubernetes API server.

    Raises ValueError for a kind of the core group, which has no CRD.
    """
    info = kind.info
    if info.group != GROUP:
        msg = f"{info.kind} is no kind of {GROUP}: it has no CustomResourceDefinition"
        raise ValueError(msg)
    names: JsonObject = {
        "plural": info.plural, "singular": info.singular, "kind": info.kind, "listKind": f"{info.kind}List",
    }  # fmt: skip
    if info.short_names:
        names["shortNames"] = list(info.short_names)
    if info.categories:
        names["categories"] = list(info.categories)
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{info.plural}.{info.group}"},
        "spec": {
            "group": info.group,
            "names": names,
            "scope": "Namespaced" if info.namespaced else "Cluster",
            "versions": [_crd_version(kind, info)],
        },
    }


def _crd_version(kind: type[Resource], info: KindInfo) -> JsonObject:
    schema = structural_schema(kind)
    # The API server knows metadata itself and allows next to nothing about it here.
    properties = schema["properties"] | {"metadata": {"type": "object"}}
    version: JsonObject = {
        "name": info.version,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": schema | {"properties": properties}},
    }
    if info.has_status:
        version["subresources"] = {"status": {}}
    if info.columns:
        version["additionalPrinterColumns"] = [_column(column) for column in info.columns]
    return version


def _column(column: PrinterColumn) -> JsonObject:
    wire: JsonObject = {"name": column.name, "type": column.type, "jsonPath": column.path}
    if column.priority:
        wire["priority"] = column.priority
    if column.description:
        wire["description"] = column.description
    return wire


@cache
def json_schema(kind: type[Resource]) -> JsonObject:
    """The kind as JSON Schema (2020-12) for editors and validators: strict, unknown fields refused."""
    info = kind.info
    schema = _plain(structural_schema(kind))
    schema["properties"] |= {
        "apiVersion": {"const": info.api_version, "description": "group/version of the kind"},
        "kind": {"const": info.kind, "description": "name of the kind"},
    }
    schema["required"] = ["apiVersion", "kind", "metadata", *schema.get("required", ())]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": info.kind} | schema


def _plain(node: JsonObject) -> JsonObject:
    """A structural node in the words of JSON Schema."""
    plain: JsonObject = {key: value for key, value in node.items() if not key.startswith("x-kubernetes-")}
    for side, bound in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if plain.pop(side, False):
            plain[side] = plain.pop(bound)
    if INT_OR_STRING in node:
        plain["type"] = ["integer", "string"]
    if "properties" in node:
        plain["properties"] = {name: _plain(child) for name, child in node["properties"].items()}
        if PRESERVE not in node:
            plain["additionalProperties"] = False
    for key in ("items", "additionalProperties"):
        child: Any = node.get(key)
        if child is not None:
            plain[key] = _plain(child)
    return plain
