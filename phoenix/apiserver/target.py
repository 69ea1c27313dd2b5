"""What a request is about: a path read once, as Kubernetes' RequestInfo does, instead of a table of routes.

Two traps: `/api/v1/namespaces/X/status` is a subresource of the namespace X, `/api/v1/namespaces/X/events` a collection
in it; and a trailing slash is allowed everywhere, since some clients send one.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote

from phoenix.api.collector import Collector
from phoenix.api.experiment import Experiment
from phoenix.api.host import Host
from phoenix.api.loadgenerator import LoadGenerator
from phoenix.api.meter import Meter
from phoenix.api.scheme import BY_PLURAL, KINDS
from phoenix.api.user import User
from phoenix.apimachinery.errors import NotFound
from phoenix.apimachinery.meta import Resource

PROCESS_KINDS: frozenset[type[Resource]] = frozenset({Collector, LoadGenerator, Meter})
"""Kinds whose objects are programs on a host: they have a log, and sign in by themselves."""
_VERSIONS = {kind.info.group: kind.info.version for kind in KINDS}


@dataclass(frozen=True, slots=True)
class Target:
    """A collection (no name), an object, or a subresource of one. An empty namespace means all, or none to be in."""

    kind: type[Resource]
    namespace: str = ""
    name: str = ""
    subresource: str = ""

    @property
    def prefix(self) -> str:
        """Store keys of the collection begin with this."""
        info = self.kind.info
        return kind_prefix(self.kind) + (f"{self.namespace}/" if info.namespaced and self.namespace else "")

    @property
    def key(self) -> str:
        """Store key of the object."""
        return self.prefix + self.name

    @property
    def qualified(self) -> str:
        """`experiments.phoenix.io`, as messages name the resource."""
        info = self.kind.info
        return f"{info.plural}.{info.group}" if info.group else info.plural


def kind_prefix(kind: type[Resource]) -> str:
    """Store keys of all objects of a kind begin with this: `/phoenix.io/experiments/`."""
    return f"/{kind.info.group or 'core'}/{kind.info.plural}/"


def split_path(path: str) -> list[str]:
    """Segments of a URL path (percent-encoded, without query), decoded; a trailing slash is dropped."""
    parts = path.strip("/").split("/")
    return [unquote(part) for part in parts] if "%" in path else parts


def parse_target(parts: list[str]) -> Target:
    """Read `[api, v1, …]` or `[apis, G, V, …]`.

    Raises:
        NotFound: no kind, or not a path a kind can have.
    """
    if parts[:2] == ["api", "v1"]:
        target = _resource("", parts[2:])
    elif parts[0] == "apis" and _VERSIONS.get(parts[1]) == parts[2]:
        target = _resource(parts[1], parts[3:])
    else:
        target = None
    if target is None:
        raise no_route()
    return target


def no_route() -> NotFound:
    """The answer for a path nothing is served at, in upstream's words."""
    return NotFound("the server could not find the requested resource")


def _resource(group: str, rest: list[str]) -> Target | None:
    namespace = ""
    if len(rest) >= 3 and rest[0] == "namespaces" and (group or (group, rest[2]) in BY_PLURAL):
        namespace, rest = rest[1], rest[2:]
        if not namespace:
            return None
    if not 1 <= len(rest) <= 3 or "" in rest:
        return None
    kind = BY_PLURAL.get((group, rest[0]))
    if kind is None:
        return None
    name, subresource = (*rest[1:], "", "")[:2]
    if kind.info.namespaced != bool(namespace) and (namespace or name):
        return None  # an object without its namespace, or a namespace around a cluster-scoped kind
    if subresource and not _has_subresource(kind, subresource):
        return None
    return Target(kind, namespace, name, subresource)


def _has_subresource(kind: type[Resource], subresource: str) -> bool:
    if subresource == "status":
        return kind.info.has_status
    if subresource == "log":
        return kind in PROCESS_KINDS
    if subresource == "token":
        return kind in (User, Host) or kind in PROCESS_KINDS
    return subresource == "samples" and kind is Experiment
