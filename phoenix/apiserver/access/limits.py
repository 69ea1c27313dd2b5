"""How much is taken on at once: in flight, a second and user, open watches a user. Counted on one event loop."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

from phoenix.apimachinery.errors import TooManyRequests
from phoenix.apiserver.access.caller import Caller, Entry
from phoenix.apiserver.access.config import Limits

_MOST_USERS = 512
_RETRY_S = 1


class _User:
    """A user's allowance: a token bucket, and his open watches."""

    __slots__ = ("at", "left", "watches")

    def __init__(self, burst: float, now: float) -> None:
        self.left = burst
        self.at = now
        self.watches = 0


class Limiter:
    """Lets requests in and counts them out again."""

    def __init__(self, limits: Limits, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._clock = clock
        # NB: bounded: the user not heard for longest goes first, and begins with a full bucket when he comes back. Who
        # has watches open stays, or they would count for nobody; his connections are bound enough.
        self._users: OrderedDict[str, _User] = OrderedDict()
        self.reads = 0
        self.writes = 0
        self.refused: dict[str, int] = {"reads": 0, "writes": 0, "rate": 0, "watches": 0}

    def enter(self, entry: Entry) -> None:
        """Count a request in. Raises TooManyRequests; then it is not counted."""
        caller = entry.caller
        if not caller.master:
            self._check(caller, entry)
        if entry.long:
            self._user(caller).watches += 1
        elif entry.writes:
            self.writes += 1
        else:
            self.reads += 1

    def leave(self, entry: Entry) -> None:
        """Count it out again, once."""
        if entry.long:
            user = self._users.get(entry.caller.identity.name)
            if user is not None and user.watches:
                user.watches -= 1
                if not user.watches and len(self._users) > _MOST_USERS:
                    del self._users[entry.caller.identity.name]
        elif entry.writes:
            self.writes -= 1
        else:
            self.reads -= 1

    @property
    def users(self) -> int:
        """Users known now."""
        return len(self._users)

    def _check(self, caller: Caller, entry: Entry) -> None:
        limits = self._limits
        user = self._user(caller)
        if limits.user_rate:
            now = self._clock()
            user.left = min(limits.user_burst, user.left + (now - user.at) * limits.user_rate)
            user.at = now
            if user.left < 1:
                raise self._refuse("rate", f"user {caller.identity.name} sends more than {limits.user_rate:g} a second")
            user.left -= 1
        if entry.long:
            if limits.user_watches and user.watches >= limits.user_watches:
                raise self._refuse("watches", f"user {caller.identity.name} has {user.watches} watches open already")
        elif entry.writes:
            if limits.writes_in_flight and self.writes >= limits.writes_in_flight:
                raise self._refuse("writes", f"{self.writes} writes are under way")
        elif limits.reads_in_flight and self.reads >= limits.reads_in_flight:
            raise self._refuse("reads", f"{self.reads} reads are under way")

    def _user(self, caller: Caller) -> _User:
        name = caller.identity.name
        user = self._users.get(name)
        if user is None:
            if len(self._users) >= _MOST_USERS:
                gone = next((known for known, other in self._users.items() if not other.watches), None)
                if gone is not None:
                    del self._users[gone]
            user = self._users[name] = _User(self._limits.user_burst, self._clock())
        else:
            self._users.move_to_end(name)
        return user

    def _refuse(self, reason: str, what: str) -> TooManyRequests:
        self.refused[reason] += 1
        return TooManyRequests(f"too many requests: {what}; try again later", retry_after_s=_RETRY_S)
