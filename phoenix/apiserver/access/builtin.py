"""Roles and bindings every server has, made or put right at its start."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import orjson

from phoenix.api.rbac import RBAC_GROUP, ClusterRole, ClusterRoleBinding
from phoenix.apimachinery.errors import ApiError
from phoenix.apimachinery.meta import GROUP, Resource
from phoenix.apiserver.access.identity import AUTHENTICATED, HOSTS, MASTERS, MONITORING
from phoenix.apiserver.options import WriteOptions
from phoenix.apiserver.registry import Registry
from phoenix.apiserver.target import Target
from phoenix.store.interface import Store

_LOGGER = logging.getLogger(__name__)
AUTOUPDATE = "rbac.authorization.kubernetes.io/autoupdate"
"""Annotation: `false` on a built-in role or binding keeps it as people made it."""

_READ = ["get", "list", "watch"]
_WRITE = ["create", "delete", "deletecollection", "patch", "update"]
_PROCESSES = ["collectors", "loadgenerators", "meters"]
_CATALOGUE = ["loadprofiles", "pipelinetemplates", "pricebooks"]
_RUNS = ["experiments", "pipelinedeployments"]
# NB: a ManifestSource is applied with the controllers' rights: who writes one has them, so only cluster-admin does.
_READABLE = [
    *_RUNS, "manifestsources", "manifestsources/status", *_CATALOGUE, *_PROCESSES, "hosts", "pipelinerevisions",
    "experiments/samples", "experiments/status", "hosts/status", "pipelinedeployments/status", "*/log",
    *(f"{name}/status" for name in _PROCESSES),
]  # fmt: skip
Wire = dict[str, Any]


def _rule(verbs: list[str], resources: list[str], group: str = GROUP) -> Wire:
    return {"verbs": verbs, "apiGroups": [group], "resources": resources}


_VIEW = [
    _rule(_READ, _READABLE),
    _rule(_READ, ["events", "namespaces", "namespaces/status"], ""),
]
_EDIT = [*_VIEW, _rule(_WRITE, [*_RUNS, *_CATALOGUE]), _rule(["create", "patch", "update"], ["events"], "")]
_ADMIN = [*_EDIT, _rule([*_READ, *_WRITE], ["roles", "rolebindings"], RBAC_GROUP)]
_URLS = ["/api", "/api/*", "/apis", "/apis/*", "/healthz", "/livez", "/openapi", "/openapi/*", "/readyz", "/version"]

ROLES: dict[str, list[Wire]] = {
    "view": _VIEW,
    "edit": _EDIT,
    "admin": _ADMIN,
    "cluster-admin": [_rule(["*"], ["*"], "*"), {"verbs": ["*"], "nonResourceURLs": ["*"]}],
    "system:basic-user": [
        _rule(["create"], ["selfsubjectaccessreviews", "selfsubjectrulesreviews"], "authorization.k8s.io"),
        _rule(["create"], ["selfsubjectreviews"], "authentication.k8s.io"),
    ],
    "system:discovery": [{"verbs": ["get"], "nonResourceURLs": _URLS}],
    "system:monitoring": [
        {"verbs": ["get"], "nonResourceURLs": ["/healthz", "/livez", "/metrics", "/readyz", "/sd/*"]}
    ],
    "system:host": [
        _rule(_READ, [*_PROCESSES, "hosts"]),
        _rule(["create", "patch", "update"], ["hosts", "hosts/status"]),
        _rule(["get", "patch", "update"], [*_PROCESSES, *(f"{name}/status" for name in _PROCESSES)]),
        _rule(["create"], [*(f"{name}/token" for name in _PROCESSES), "experiments/samples"]),
        _rule(["create", "get", "patch"], ["events"], ""),
    ],
}
"""Rules by name of the ClusterRole."""

BINDINGS: dict[str, tuple[str, str]] = {
    "cluster-admin": ("cluster-admin", MASTERS),
    "system:basic-user": ("system:basic-user", AUTHENTICATED),
    "system:discovery": ("system:discovery", AUTHENTICATED),
    "system:host": ("system:host", HOSTS),
    "system:monitoring": ("system:monitoring", MONITORING),
}
"""ClusterRole and group by name of the ClusterRoleBinding."""


def objects() -> list[tuple[type[Resource], Wire]]:
    """Everything built in, as it should be stored."""
    made: list[tuple[type[Resource], Wire]] = [
        (ClusterRole, _object(name, {"rules": rules})) for name, rules in ROLES.items()
    ]
    for name, (role, group) in BINDINGS.items():
        body = {
            "roleRef": {"apiGroup": RBAC_GROUP, "kind": "ClusterRole", "name": role},
            "subjects": [{"kind": "Group", "apiGroup": RBAC_GROUP, "name": group}],
        }
        made.append((ClusterRoleBinding, _object(name, body)))
    return made


def _object(name: str, body: Wire) -> Wire:
    metadata = {
        "name": name,
        "labels": {"kubernetes.io/bootstrapping": "rbac-defaults"},
        "annotations": {AUTOUPDATE: "true"},
    }
    return {"metadata": metadata, **body}


async def ensure(store: Store, registry: Registry) -> None:
    """Make what is missing, and put right what differs. Raises StoreError."""
    await asyncio.gather(*(_ensure(store, registry, kind, wire) for kind, wire in objects()))


async def _ensure(store: Store, registry: Registry, kind: type[Resource], wire: Wire) -> None:
    name = wire["metadata"]["name"]
    target = Target(kind, name=name)
    record = store.get(target.key)
    if record is None:
        await registry.create(Target(kind), wire, WriteOptions())
        return
    live = orjson.loads(record.value)
    metadata = live["metadata"]
    differing = [key for key in wire if key != "metadata" and _plain(live.get(key)) != _plain(wire[key])]
    if not differing or (metadata.get("annotations") or {}).get(AUTOUPDATE) == "false":
        return
    if "roleRef" in differing:
        # NB: it cannot be changed, by the server's own rule; whoever wants another binding takes another name.
        _LOGGER.warning("a built-in binding gives another role than it should name=%s: delete it and restart", name)
        return
    try:
        await registry.update(target, lambda found: {**found, **{key: wire[key] for key in differing}},
                              WriteOptions(), patch=True)  # fmt: skip
    except ApiError as error:
        _LOGGER.warning("a built-in role could not be put right name=%s: %s", name, error)
    else:
        _LOGGER.info("a built-in role was put right name=%s", name)


def _plain(value: Any) -> Any:
    """A value without what says nothing: rules as stored have empty lists, subjects empty namespaces."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items() if item not in ([], "", None)}
    return [_plain(item) for item in value] if isinstance(value, list) else value
