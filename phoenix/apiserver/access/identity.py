"""Who somebody is, once he has proved it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from phoenix.apiserver.access.rules import Rule

MASTERS = "system:masters"
"""Group that may do everything, whatever roles there are: nobody can lock himself out."""
AUTHENTICATED = "system:authenticated"
MONITORING = "system:monitoring"
"""Who scrapes: /metrics and service discovery, nothing else."""
HOSTS = "system:hosts"
PROCESSES = "system:processes"
ADMIN = "system:admin"
"""Name of who holds the state folder's token."""
HOST_PREFIX = "system:host:"
PROCESS_PREFIX = "system:process:"


def named(name: str, groups: Iterable[str] = (), **more: Any) -> Identity:
    """Somebody by name and groups, who is signed in, and where they say that he is an agent, is limited as one.

    The hosts' group without a host's name would be an agent of all hosts: it is left out.
    """
    given = tuple(dict.fromkeys(group for group in groups if group != AUTHENTICATED))
    host = name.removeprefix(HOST_PREFIX) if name.startswith(HOST_PREFIX) and HOSTS in given else ""
    if not host:
        given = tuple(group for group in given if group != HOSTS)
    return Identity(name, (*given, AUTHENTICATED), host=host, **more)


@dataclass(frozen=True, slots=True)
class Identity:
    """A name and groups, and what the credential itself limits him to.

    Args:
        uid: of his User object; empty where there is none.
        credential: how he proved it, for `kubectl auth whoami` and the audit log: `token:ID`, `certificate`, ….
        expires_at: Unix seconds from which the credential is no longer good.
        host: of an agent: the one host it may write for; empty for others.
        bound: it belongs to an object and ends with it: looked up again for each request.
        run: of a child program: the run it reports for, None for others.
        grants: rights that come with the credential, by namespace (empty: all), beside those of roles.
    """

    name: str
    groups: tuple[str, ...] = (AUTHENTICATED,)
    uid: str = ""
    credential: str = ""
    expires_at: float = math.inf
    host: str = ""
    bound: bool = False
    run: int | None = None
    grants: tuple[tuple[str, Rule], ...] = ()

    @property
    def is_master(self) -> bool:
        """Whether he may do everything."""
        return MASTERS in self.groups

    def to_wire(self) -> dict[str, object]:
        """UserInfo of authentication.k8s.io/v1."""
        wire: dict[str, object] = {"username": self.name, "groups": list(self.groups)}
        if self.uid:
            wire["uid"] = self.uid
        if self.credential:
            wire["extra"] = {"authentication.kubernetes.io/credential-id": [self.credential]}
        return wire
