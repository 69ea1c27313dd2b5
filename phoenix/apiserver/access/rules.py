"""Rules of roles, compiled: does one allow a request, does one allow all that another does. Pure.

As Kubernetes' RBAC decides: rules only allow; a request is allowed where one rule allows all of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

ALL = "*"


@dataclass(frozen=True, slots=True)
class Attributes:
    """A request as rules see it: verb on a resource, or on a path that is none (`path` set, the rest empty).

    `namespace` is empty for cluster-scoped resources and for all namespaces at once.
    """

    verb: str
    group: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""

    @property
    def combined(self) -> str:
        """`experiments/status`, or `experiments` where there is no subresource."""
        return f"{self.resource}/{self.subresource}" if self.subresource else self.resource


@dataclass(frozen=True, slots=True)
class Rule:
    """One PolicyRule."""

    verbs: frozenset[str]
    groups: frozenset[str] = frozenset()
    resources: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    urls: tuple[str, ...] = ()

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> Rule:
        """A rule as stored."""
        return cls(
            frozenset(wire.get("verbs") or ()),
            frozenset(wire.get("apiGroups") or ()),
            frozenset(wire.get("resources") or ()),
            frozenset(wire.get("resourceNames") or ()),
            tuple(wire.get("nonResourceURLs") or ()),
        )

    def to_wire(self) -> dict[str, list[str]]:
        """The rule as clients know it; empty parts are left out."""
        parts = {
            "verbs": sorted(self.verbs),
            "apiGroups": sorted(self.groups),
            "resources": sorted(self.resources),
            "resourceNames": sorted(self.names),
            "nonResourceURLs": list(self.urls),
        }
        return {key: value for key, value in parts.items() if value}

    def allows(self, asked: Attributes) -> bool:
        """Whether this rule allows all of a request."""
        if asked.verb not in self.verbs and ALL not in self.verbs:
            return False
        if asked.path:
            return any(_url_covers(url, asked.path) for url in self.urls)
        return (
            (asked.group in self.groups or ALL in self.groups)
            and self._has_resource(asked.combined, asked.subresource)
            and (not self.names or asked.name in self.names)
        )

    def _has_resource(self, combined: str, subresource: str) -> bool:
        return (
            combined in self.resources
            or ALL in self.resources
            or bool(subresource and f"*/{subresource}" in self.resources)
        )

    def atoms(self) -> Iterator[Rule]:
        """Rules of one verb, group, resource and name (or one URL) each, that together allow the same."""
        for verb in self.verbs:
            for url in self.urls:
                yield Rule(frozenset((verb,)), urls=(url,))
            for group, resource, name in product(self.groups, self.resources, self.names or (None,)):
                names = frozenset() if name is None else frozenset((name,))
                yield Rule(frozenset((verb,)), frozenset((group,)), frozenset((resource,)), names)

    def covers(self, atom: Rule) -> bool:
        """Whether this rule allows everything an atom does."""
        if not _contains(self.verbs, atom.verbs):
            return False
        if atom.urls:
            return all(any(_url_covers(mine, url) for mine in self.urls) for url in atom.urls)
        return (
            _contains(self.groups, atom.groups)
            and all(self._has_resource(item, item.partition("/")[2]) for item in atom.resources)
            and (not self.names or bool(atom.names and atom.names <= self.names))
        )


def uncovered(owned: Iterable[Rule], wanted: Iterable[Rule]) -> list[Rule]:
    """What `wanted` allows and `owned` does not, in atoms; each must be covered by one owned rule, as upstream."""
    mine = tuple(owned)
    return [atom for rule in wanted for atom in rule.atoms() if not any(rule_.covers(atom) for rule_ in mine)]


def _contains(mine: frozenset[str], theirs: frozenset[str]) -> bool:
    return ALL in mine or theirs <= mine


def _url_covers(mine: str, path: str) -> bool:
    return mine in (ALL, path) or (mine.endswith(ALL) and path.startswith(mine.rstrip(ALL)))
