"""What roles and bindings amount to for one identity; rebuilt from the store when any of them changes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from phoenix.api.rbac import ClusterRole, ClusterRoleBinding, Role, RoleBinding
from phoenix.apiserver.access.identity import Identity
from phoenix.apiserver.access.rules import ALL, Attributes, Rule
from phoenix.apiserver.target import kind_prefix
from phoenix.store.interface import Store

_MOST_DECISIONS = 1024
_EVERYTHING = (
    Rule(frozenset((ALL,)), frozenset((ALL,)), frozenset((ALL,))),
    Rule(frozenset((ALL,)), urls=(ALL,)),
)
Rules = tuple[Rule, ...]
RoleKey = tuple[str, str]
"""Namespace (empty for a ClusterRole) and name."""


class Policy:
    """What one identity may do. Decisions are kept; the whole is thrown away when a role or binding changes."""

    __slots__ = ("_decisions", "_named", "by_namespace", "everywhere")

    def __init__(self, everywhere: Iterable[Rule], by_namespace: dict[str, Rules]) -> None:
        self.everywhere: Rules = tuple(dict.fromkeys(everywhere))
        self.by_namespace = by_namespace
        self._named = any(rule.names for rule in self.every_rule())
        self._decisions: dict[tuple[str, str, str, str, str, str], bool] = {}

    def every_rule(self) -> Rules:
        """Rules of every namespace together."""
        return (*self.everywhere, *(rule for rules in self.by_namespace.values() for rule in rules))

    def rules_in(self, namespace: str) -> Rules:
        """Rules that hold in a namespace; in none (empty) only those that hold everywhere."""
        return (*self.everywhere, *self.by_namespace.get(namespace, ())) if namespace else self.everywhere

    def allows(self, asked: Attributes) -> bool:
        """Whether a request is allowed."""
        return any(rule.allows(asked) for rule in self.rules_in(asked.namespace))

    def allows_on(self, verb: str, group: str, resource: str, subresource: str, namespace: str, name: str) -> bool:
        """As `allows`, for a resource: remembered, since the same is asked again and again.

        The resource's name counts only where rules name objects.
        """
        key = (verb, group, resource, subresource, namespace, name if self._named else "")
        known = self._decisions.get(key)
        if known is None:
            if len(self._decisions) >= _MOST_DECISIONS:
                self._decisions.clear()
            known = self.allows(Attributes(verb, group, resource, subresource, namespace, name))
            self._decisions[key] = known
        return known


class Roles:
    """Roles and bindings as of the last `load`."""

    def __init__(self) -> None:
        self.rules: dict[RoleKey, Rules] = {}
        self._bound: dict[tuple[str, str], list[tuple[str, RoleKey]]] = {}

    def load(self, store: Store) -> None:
        """Read them all anew."""
        self.rules, self._bound = {}, {}
        for kind in (Role, ClusterRole):
            for wire in _objects(store, kind_prefix(kind)):
                self.rules[_key(wire)] = rules_of(wire)
        for binding in (RoleBinding, ClusterRoleBinding):
            for wire in _objects(store, kind_prefix(binding)):
                self._bind(wire)

    def _bind(self, wire: dict[str, Any]) -> None:
        namespace = wire["metadata"].get("namespace") or ""
        for subject in wire.get("subjects") or ():
            entry = (namespace, role_key(wire))
            self._bound.setdefault((subject.get("kind", ""), subject.get("name", "")), []).append(entry)

    def policy(self, identity: Identity) -> Policy:
        """What an identity may do now."""
        if identity.is_master:
            return Policy(_EVERYTHING, {})
        everywhere: list[Rule] = [rule for namespace, rule in identity.grants if not namespace]
        by_namespace: dict[str, list[Rule]] = {}
        for namespace, rule in identity.grants:
            if namespace:
                by_namespace.setdefault(namespace, []).append(rule)
        for subject in (("User", identity.name), *(("Group", group) for group in identity.groups)):
            for namespace, role in self._bound.get(subject, ()):
                found = by_namespace.setdefault(namespace, []) if namespace else everywhere
                found.extend(self.rules.get(role, ()))
        return Policy(everywhere, {name: tuple(dict.fromkeys(rules)) for name, rules in by_namespace.items()})


def rules_of(wire: dict[str, Any]) -> Rules:
    """Rules of a Role or ClusterRole as stored."""
    return tuple(Rule.from_wire(rule) for rule in wire.get("rules") or ())


def role_key(binding: dict[str, Any]) -> RoleKey:
    """The role a binding gives."""
    ref = binding.get("roleRef") or {}
    namespace = binding["metadata"].get("namespace") or ""
    return (namespace if ref.get("kind") == "Role" else "", str(ref.get("name", "")))


def _key(wire: dict[str, Any]) -> RoleKey:
    return (wire["metadata"].get("namespace") or "", wire["metadata"]["name"])


def _objects(store: Store, prefix: str) -> Sequence[dict[str, Any]]:
    return [orjson.loads(record.value) for record in store.list(prefix)]
