"""The request under way, for rules that must know who writes: set where it enters, read where it is stored."""

from __future__ import annotations

from contextvars import ContextVar

from phoenix.apiserver.access.identity import Identity
from phoenix.apiserver.access.policy import Policy
from phoenix.apiserver.target import Target


class Caller:
    """Somebody signed in, with what he may do now. Shared by his requests until roles or users change.

    `through`: who really asked, where this is somebody he acts as.
    """

    __slots__ = ("bound", "expires_at", "identity", "master", "policy", "through")

    def __init__(self, identity: Identity, policy: Policy, through: Identity | None = None) -> None:
        self.identity = identity
        self.policy = policy
        self.master = identity.is_master
        self.bound, self.expires_at = identity.bound, identity.expires_at
        self.through = through


class Entry:
    """One request that was let in. `name` is the object's, as soon as it is known (a create's is in its body)."""

    __slots__ = ("began_at", "caller", "long", "name", "target", "verb", "writes")

    def __init__(
        self, caller: Caller, verb: str, target: Target | None, *, began_at: float, writes: bool, long: bool
    ) -> None:
        self.caller = caller
        self.verb = verb
        self.target = target
        self.name = "" if target is None else target.name
        self.began_at = began_at
        self.writes = writes
        self.long = long


ENTRY: ContextVar[Entry | None] = ContextVar("phoenix_entry", default=None)
"""The entry of the request under way; None in the server's own tasks, which nothing is checked for."""
