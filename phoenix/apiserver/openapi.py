"""OpenAPI: what `kubectl apply`, `create` and `explain` read before they send anything.

NB: kubectl takes any one PATCH path of a kind, in random order, and refuses to send when that one has no
`fieldValidation` parameter. So every PATCH path carries it, `/status` included; a test holds that down.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from dataclasses import dataclass
from functools import cache
from typing import Any
from wsgiref.handlers import format_date_time

from aiohttp import web

from phoenix.api.schema import structural_schema
from phoenix.api.scheme import KINDS
from phoenix.apimachinery.errors import NotFound
from phoenix.apimachinery.meta import KindInfo, Resource
from phoenix.apiserver.codec import encode_json
from phoenix.apiserver.negotiate import etag_known
from phoenix.apiserver.openapi_v2 import MEDIA_TYPES, encode_v2, v2_document
from phoenix.apiserver.options import read_query
from phoenix.apiserver.responses import json_response

Wire = dict[str, Any]
_JSON = "application/json"
_PATCHES = ("application/apply-patch+yaml", "application/json-patch+json", "application/merge-patch+json")
_WRITE_PARAMETERS = ("dryRun", "fieldManager", "fieldValidation")
_PATCH_PARAMETERS = (*_WRITE_PARAMETERS, "force")
_LIST_PARAMETERS = (
    "allowWatchBookmarks", "continue", "fieldSelector", "labelSelector", "limit", "resourceVersion",
    "resourceVersionMatch", "timeoutSeconds", "watch",
)  # fmt: skip
_IMMUTABLE_S = 31_536_000
_IMMUTABLE = f"public, immutable, max-age={_IMMUTABLE_S}"


@dataclass(frozen=True, slots=True)
class Document:
    """An encoded document and the hash that names its content."""

    body: bytes
    hash: str


async def openapi_response(request: web.BaseRequest, parts: list[str]) -> web.Response:
    """Answer `/openapi/v2`, `/openapi/v3` and the documents below it (as path segments). Raises NotFound.

    Documents are made once, when first asked for, in a thread: that takes a tenth of a second.
    """
    match parts[1:]:
        case ["v2"]:
            asked = (entry.partition(";")[0].strip() for entry in request.headers.get("Accept", "").split(","))
            binary = any(entry in MEDIA_TYPES for entry in asked)
            return _conditional(
                request, await asyncio.to_thread(_v2, binary=binary), MEDIA_TYPES[-1] if binary else _JSON
            )
        case ["v3"]:
            return _conditional(request, await asyncio.to_thread(_index))
        case ["v3", *rest] if (name := "/".join(rest)) in _group_versions():
            document = await asyncio.to_thread(group_document, name)
            wanted = read_query(request.rel_url.raw_query_string).get("hash")
            if wanted is not None and wanted != document.hash:
                return web.Response(status=301, headers={"Location": _location(name)})
            response = _conditional(request, document)
            if wanted is not None:
                response.headers["Cache-Control"] = _IMMUTABLE
                response.headers["Expires"] = format_date_time(time.time() + _IMMUTABLE_S)
            return response
    msg = f"there is no OpenAPI document {'/'.join(parts)}: see /openapi/v3"
    raise NotFound(msg)


def _conditional(request: web.BaseRequest, document: Document, content_type: str = _JSON) -> web.Response:
    """The document, or 304 where the client has it."""
    etag = f'"{document.hash}"'
    if etag_known(request.headers.get("If-None-Match", ""), etag):
        return web.Response(status=304, headers={"ETag": etag, "Vary": "Accept"})
    response = json_response(document.body, content_type=content_type)
    response.headers["ETag"] = etag
    response.headers["Vary"] = "Accept"
    return response


@cache
def _group_versions() -> dict[str, tuple[type[Resource], ...]]:
    """Kinds by `apis/G/V` or `api/v1`."""
    found: dict[str, tuple[type[Resource], ...]] = {}
    for kind in KINDS:
        name = kind.info.base_path.lstrip("/")
        found[name] = (*found.get(name, ()), kind)
    return found


def _location(name: str) -> str:
    return f"/openapi/v3/{name}?hash={group_document(name).hash}"


def _encoded(wire: Wire) -> Document:
    body = encode_json(wire)
    return Document(body, _hash(body))


def _hash(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()[:32].upper()


@cache
def _index() -> Document:
    return _encoded({"paths": {name: {"serverRelativeURL": _location(name)} for name in _group_versions()}})


@cache
def group_document(name: str) -> Document:
    """The document of a group version, `apis/phoenix.io/v1alpha1` or `api/v1`."""
    return _encoded(_group_wire(name))


@cache
def _v2(*, binary: bool) -> Document:
    wire = v2_document({name: _group_wire(name) for name in _group_versions()}, "v1")
    if not binary:
        return _encoded(wire)
    body = encode_v2(wire)
    return Document(body, _hash(body))


def _group_wire(name: str) -> Wire:
    paths: Wire = {}
    schemas: Wire = {"DeleteOptions": {"type": "object"}, "Status": {"type": "object"}, "Patch": {"type": "object"}}
    for kind in _group_versions()[name]:
        schemas[_schema_name(kind.info)] = _schema(kind)
        paths |= _paths(kind.info)
    return {
        "openapi": "3.0.0",
        "info": {"title": "Phoenix", "version": kind_version(name)},
        "paths": paths,
        "components": {"schemas": schemas},
    }


def kind_version(name: str) -> str:
    """`v1alpha1` of `apis/phoenix.io/v1alpha1`."""
    return name.rpartition("/")[2]


def _schema_name(info: KindInfo) -> str:
    group = ".".join(reversed(info.group.split("."))) if info.group else "io.k8s.api.core"
    return f"{group}.{info.version}.{info.kind}"


def _schema(kind: type[Resource]) -> Wire:
    schema = dict(structural_schema(kind))
    schema.setdefault("description", kind.info.description)
    return schema | {"x-kubernetes-group-version-kind": [_gvk(kind.info)]}


def _gvk(info: KindInfo) -> Wire:
    return {"group": info.group, "version": info.version, "kind": info.kind}


def _paths(info: KindInfo) -> Wire:
    collection = info.path("{namespace}")
    scope = [_parameter("namespace", "path")] if info.namespaced else []
    item = [*scope, _parameter("name", "path")]
    paths: Wire = {
        collection: {
            "get": _operation(info, "list", _LIST_PARAMETERS),
            "post": _operation(info, "post", _WRITE_PARAMETERS, body=(_JSON,)),
            "delete": _operation(info, "deletecollection", _LIST_PARAMETERS),
            "parameters": scope,
        },
        f"{collection}/{{name}}": {
            "get": _operation(info, "get", ()),
            "put": _operation(info, "put", _WRITE_PARAMETERS, body=(_JSON,)),
            "patch": _operation(info, "patch", _PATCH_PARAMETERS, body=_PATCHES),
            "delete": _operation(info, "delete", ("dryRun", "propagationPolicy")),
            "parameters": item,
        },
    }
    if info.namespaced:
        paths[info.path()] = {"get": _operation(info, "list", _LIST_PARAMETERS), "parameters": []}
    if info.has_status:
        paths[f"{collection}/{{name}}/status"] = {
            "get": _operation(info, "get", ()),
            "put": _operation(info, "put", _WRITE_PARAMETERS, body=(_JSON,)),
            "patch": _operation(info, "patch", _PATCH_PARAMETERS, body=_PATCHES),
            "parameters": item,
        }
    return paths


def _operation(info: KindInfo, action: str, parameters: tuple[str, ...], body: tuple[str, ...] = ()) -> Wire:
    reference = {"$ref": f"#/components/schemas/{_schema_name(info)}"}
    operation: Wire = {
        "tags": [info.plural],
        "parameters": [_parameter(name, "query") for name in parameters],
        "responses": {"200": {"description": "OK", "content": {_JSON: {"schema": reference}}}},
        "x-kubernetes-action": action,
        "x-kubernetes-group-version-kind": _gvk(info),
    }
    if body:
        operation["requestBody"] = {"content": {media: {"schema": reference} for media in body}, "required": True}
    return operation


def _parameter(name: str, where: str) -> Wire:
    kind = "boolean" if name in ("watch", "allowWatchBookmarks", "force") else "string"
    kind = "integer" if name in ("limit", "timeoutSeconds") else kind
    return {"name": name, "in": where, "schema": {"type": kind}, "required": where == "path"}
