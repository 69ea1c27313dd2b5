"""Discovery: which groups, versions, resources and verbs there are, in the legacy and the aggregated form."""

from __future__ import annotations

import hashlib
from functools import cache
from typing import Any

from aiohttp import web

from phoenix.api.core import Namespace
from phoenix.api.scheme import KINDS
from phoenix.apimachinery.meta import KindInfo
from phoenix.apiserver.codec import encode_json
from phoenix.apiserver.negotiate import aggregated_version
from phoenix.apiserver.responses import json_response
from phoenix.apiserver.target import no_route

_VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]
_STATUS_VERBS = ["get", "patch", "update"]
_GROUPS = {kind.info.group: kind.info.version for kind in KINDS if kind.info.group}

Wire = dict[str, Any]


def discovery_response(request: web.BaseRequest, parts: list[str]) -> web.Response:
    """Answer `/api`, `/api/v1`, `/apis`, `/apis/G`, `/apis/G/V` (as path segments). Raises NotFound."""
    aggregated = aggregated_version(request.headers.get("Accept", "")) if parts in (["api"], ["apis"]) else ""
    body, etag = _document("/".join(parts), aggregated)
    if request.headers.get("If-None-Match") == etag:
        return web.Response(status=304, headers={"ETag": etag, "Vary": "Accept"})
    # kubectl finds no resource at all unless the aggregated form says so in its content type.
    form = f"application/json;g=apidiscovery.k8s.io;v={aggregated};as=APIGroupDiscoveryList"
    response = json_response(body, content_type=form if aggregated else "application/json")
    response.headers["ETag"] = etag
    response.headers["Vary"] = "Accept"
    return response


@cache
def _document(path: str, aggregated: str) -> tuple[bytes, str]:
    body = encode_json(_aggregated(path, aggregated) if aggregated else _legacy(path))
    return body, f'"{hashlib.sha256(body).hexdigest()[:32]}"'


def _legacy(path: str) -> Wire:
    match path:
        case "api":
            return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}
        case "api/v1":
            return _resource_list("v1", "")
        case "apis":
            return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_group(*item) for item in _GROUPS.items()]}
    for group, served in _GROUPS.items():
        if path == f"apis/{group}":
            return {"kind": "APIGroup", "apiVersion": "v1", **_group(group, served)}
        if path == f"apis/{group}/{served}":
            return _resource_list(f"{group}/{served}", group)
    raise no_route()


def _group(group: str, served: str) -> Wire:
    version = {"groupVersion": f"{group}/{served}", "version": served}
    return {"name": group, "versions": [version], "preferredVersion": version}


def _resource_list(group_version: str, group: str) -> Wire:
    resources: list[Wire] = []
    for info in _infos(group):
        entry: Wire = {
            "name": info.plural,
            "singularName": info.singular,
            "namespaced": info.namespaced,
            "kind": info.kind,
            "verbs": _verbs(info),
        }
        if info.short_names:
            entry["shortNames"] = list(info.short_names)
        if info.categories:
            entry["categories"] = list(info.categories)
        resources.append(entry)
        if info.has_status:
            resources.append(
                {
                    "name": f"{info.plural}/status",
                    "singularName": "",
                    "namespaced": info.namespaced,
                    "kind": info.kind,
                    "verbs": _STATUS_VERBS,
                }
            )
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": resources}


def _aggregated(path: str, version: str) -> Wire:
    groups = {"": "v1"} if path == "api" else _GROUPS
    return {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": f"apidiscovery.k8s.io/{version}",
        "metadata": {},
        "items": [_aggregated_group(group, served) for group, served in groups.items()],
    }


def _aggregated_group(group: str, served: str) -> Wire:
    resources = [_aggregated_resource(info) for info in _infos(group)]
    metadata = {"name": group, "creationTimestamp": None} if group else {"creationTimestamp": None}
    return {
        "metadata": metadata,
        "versions": [{"version": served, "resources": resources, "freshness": "Current"}],
    }


def _aggregated_resource(info: KindInfo) -> Wire:
    kind = {"group": info.group, "version": info.version, "kind": info.kind}
    entry: Wire = {
        "resource": info.plural,
        "responseKind": kind,
        "scope": "Namespaced" if info.namespaced else "Cluster",
        "singularResource": info.singular,
        "verbs": _verbs(info),
        "shortNames": list(info.short_names),
        "categories": list(info.categories),
    }
    if info.has_status:
        entry["subresources"] = [{"subresource": "status", "responseKind": kind, "verbs": _STATUS_VERBS}]
    return entry


def _verbs(info: KindInfo) -> list[str]:
    return _VERBS if info is not Namespace.info else [verb for verb in _VERBS if verb != "deletecollection"]


def _infos(group: str) -> list[KindInfo]:
    return [kind.info for kind in KINDS if kind.info.group == group]
