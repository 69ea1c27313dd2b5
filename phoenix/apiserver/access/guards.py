"""Checks of what is written against who writes it: nobody grants more than he has, an agent keeps to its host.

The registry calls these with whole objects, before it stores them; they ask `ENTRY` who that is. The server's own
writes pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from phoenix.api.host import Host
from phoenix.api.rbac import RBAC_GROUP, ClusterRole, ClusterRoleBinding, Role, RoleBinding
from phoenix.api.user import User
from phoenix.apimachinery.errors import Forbidden
from phoenix.apimachinery.meta import Resource
from phoenix.apiserver.access.caller import ENTRY, Caller
from phoenix.apiserver.access.identity import AUTHENTICATED, Identity
from phoenix.apiserver.access.policy import Roles, role_key, rules_of
from phoenix.apiserver.access.requests import attributes_of, forbidden, namespace_of
from phoenix.apiserver.access.rules import Attributes, Rule, uncovered
from phoenix.apiserver.target import PROCESS_KINDS, Target

Wire = dict[str, Any]
Guard = Callable[[Caller, Target, Wire | None, Wire], None]
_SHOWN = 5


class Guards:
    """The checks by kind."""

    def __init__(self, roles: Roles) -> None:
        self._roles = roles
        self._by_kind: Mapping[type[Resource], Guard] = {
            Role: self._role,
            ClusterRole: self._role,
            RoleBinding: self._binding,
            ClusterRoleBinding: self._binding,
            User: self._user,
            Host: _own_host,
            **dict.fromkeys(PROCESS_KINDS, _own_process),
        }

    def create(self, target: Target, new: Wire) -> None:
        """Check a new object of the collection `target`. Raises Forbidden."""
        entry = ENTRY.get()
        if entry is None:
            return
        entry.name = new["metadata"]["name"]
        if entry.verb == "patch" and not entry.caller.master:
            # A patch that makes its object (server-side apply) needs the right to create, too.
            info = target.kind.info
            asked = Attributes("create", info.group, info.plural, "", namespace_of(target), entry.name)
            if not entry.caller.policy.allows(asked):
                raise forbidden(entry.caller.identity, asked)
        guard = self._by_kind.get(target.kind)
        if guard is not None:
            guard(entry.caller, target, None, new)

    def update(self, target: Target, old: Wire, new: Wire) -> None:
        """Check what an object is to become. Raises Forbidden."""
        guard = self._by_kind.get(target.kind)
        entry = ENTRY.get() if guard is not None else None
        if guard is not None and entry is not None:
            guard(entry.caller, target, old, new)

    # ---- escalation -------------------------------------------------------------------------------------------------

    def _role(self, caller: Caller, target: Target, old: Wire | None, new: Wire) -> None:
        if caller.master or (old is not None and old.get("rules") == new.get("rules")):
            return
        name, info = new["metadata"]["name"], target.kind.info
        if caller.policy.allows(Attributes("escalate", RBAC_GROUP, info.plural, "", target.namespace, name)):
            return
        self._check_covered(caller, target, name, rules_of(new))

    def _binding(self, caller: Caller, target: Target, old: Wire | None, new: Wire) -> None:
        if caller.master or (old is not None and _grants(old) == _grants(new)):
            return
        namespace, role = role_key(new)
        kind = "roles" if namespace else "clusterroles"
        if caller.policy.allows(Attributes("bind", RBAC_GROUP, kind, "", target.namespace, role)):
            return
        rules = self._roles.rules.get((namespace, role))
        name = new["metadata"]["name"]
        if rules is None:
            info = target.kind.info
            msg = f'{target.qualified} "{name}" is forbidden: {kind[:-1]} "{role}" not found: make it first'
            raise Forbidden(msg, name=name, group=info.group, kind=info.plural)
        self._check_covered(caller, target, name, rules)

    def _user(self, caller: Caller, target: Target, old: Wire | None, new: Wire) -> None:
        groups = (new.get("spec") or {}).get("groups") or []
        if caller.master or (old is not None and groups == (old.get("spec") or {}).get("groups")):
            return
        self.check_may_become(caller, target, Identity(new["metadata"]["name"], (*groups, AUTHENTICATED)))

    def check_may_become(self, caller: Caller, target: Target, identity: Identity) -> None:
        """Check that a caller has every right somebody else would have. Raises Forbidden."""
        if caller.master:
            return
        wanted = self._roles.policy(identity)
        missing = uncovered(caller.policy.everywhere, wanted.everywhere)
        for namespace, rules in wanted.by_namespace.items():
            missing += uncovered(caller.policy.rules_in(namespace), rules)
        if missing:
            raise _escalation(caller, target, identity.name, missing)

    @staticmethod
    def _check_covered(caller: Caller, target: Target, name: str, rules: Iterable[Rule]) -> None:
        missing = uncovered(caller.policy.rules_in(target.namespace), rules)
        if missing:
            raise _escalation(caller, target, name, missing)


def _grants(binding: Wire) -> tuple[Any, Any]:
    return binding.get("roleRef"), binding.get("subjects")


def _escalation(caller: Caller, target: Target, name: str, missing: list[Rule]) -> Forbidden:
    info, identity = target.kind.info, caller.identity
    lines = [str(rule.to_wire()) for rule in missing[:_SHOWN]]
    if len(missing) > _SHOWN:
        lines.append(f"and {len(missing) - _SHOWN} more")
    msg = (
        f'{target.qualified} "{name}" is forbidden: user "{identity.name}" (groups={list(identity.groups)}) is '
        "attempting to grant RBAC permissions not currently held:\n" + "\n".join(lines)
    )
    return Forbidden(msg, name=name, group=info.group, kind=info.plural)


# ---- agents ---------------------------------------------------------------------------------------------------------


def _own_host(caller: Caller, target: Target, old: Wire | None, new: Wire) -> None:
    host = caller.identity.host
    if not host:
        return
    name = new["metadata"]["name"]
    verb = "create" if old is None else "update"
    asked = attributes_of(verb, Target(target.kind, name=name))
    if name != host:
        raise forbidden(caller.identity, asked, f'an agent writes the Host of its own machine, "{host}"')
    if old is not None and (old.get("spec") or {}) != (new.get("spec") or {}):
        raise forbidden(caller.identity, asked, "an agent may not change the spec of its Host: people do")


def _own_process(caller: Caller, target: Target, old: Wire | None, new: Wire) -> None:
    host = caller.identity.host
    if not host:
        return
    asked = attributes_of("create" if old is None else "update", target)
    if old is None or spec_host(old) != host:
        raise forbidden(caller.identity, asked, f'an agent writes the processes of its own host, "{host}"')
    if old.get("spec") != new.get("spec"):
        raise forbidden(caller.identity, asked, "an agent may not change what a process should be, only its status")


def spec_host(wire: Wire) -> str:
    """The host an object is for; empty where it has none yet."""
    return str((wire.get("spec") or {}).get("host") or "")


# ---- samples --------------------------------------------------------------------------------------------------------


class Measured(Protocol):
    """What is looked at of a sample."""

    @property
    def run(self) -> int:
        """Run of the experiment."""
        ...

    @property
    def host(self) -> str:
        """Host it was measured on; empty where that is not said."""
        ...


def check_reporter(target: Target, samples: Iterable[Measured]) -> None:
    """Check samples against who reports them: a child program its run, an agent its host. Raises Forbidden."""
    entry = ENTRY.get()
    identity = entry.caller.identity if entry is not None else None
    if identity is None or (identity.run is None and not identity.host):
        return
    for sample in samples:
        if identity.run is not None and sample.run != identity.run:
            why = f"it measures for run {identity.run}, not {sample.run}"
        elif identity.host and sample.host not in ("", identity.host):
            why = f'an agent reports what its own host measured, not "{sample.host}"'
        else:
            continue
        raise forbidden(identity, attributes_of("create", target), why)
