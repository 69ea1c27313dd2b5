"""Limits: who comes in, who does not, and that everything is counted out again."""

from __future__ import annotations

import pytest

from phoenix.apimachinery.errors import TooManyRequests
from phoenix.apiserver.access import limits as module
from phoenix.apiserver.access.caller import Caller, Entry
from phoenix.apiserver.access.config import Limits
from phoenix.apiserver.access.identity import MASTERS, named
from phoenix.apiserver.access.limits import Limiter
from phoenix.apiserver.access.policy import Policy


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def entry(name: str = "ann", *, writes: bool = False, long: bool = False, groups: tuple[str, ...] = ()) -> Entry:
    caller = Caller(named(name, groups), Policy((), {}))
    return Entry(caller, "get", None, began_at=0.0, writes=writes, long=long)


def test_reads_and_writes_in_flight_have_limits_of_their_own() -> None:
    limiter = Limiter(Limits(reads_in_flight=1, writes_in_flight=1, user_rate=0))
    read = entry()
    limiter.enter(read)
    with pytest.raises(TooManyRequests, match="1 reads are under way") as refused:
        limiter.enter(entry("bob"))
    assert refused.value.retry_after_s == 1
    write = entry(writes=True)
    limiter.enter(write)
    with pytest.raises(TooManyRequests, match="1 writes"):
        limiter.enter(entry(writes=True))
    limiter.enter(entry(long=True))  # a watch is neither
    limiter.leave(read)
    limiter.leave(write)
    assert (limiter.reads, limiter.writes, limiter.refused["reads"], limiter.refused["writes"]) == (0, 0, 1, 1)
    limiter.enter(entry("bob"))


def test_a_user_has_a_rate_and_others_do_not_suffer() -> None:
    clock = Clock()
    limiter = Limiter(Limits(user_rate=10, user_burst=2), clock=clock)
    for _ in range(2):
        limiter.enter(entry())
    with pytest.raises(TooManyRequests, match="user ann sends more than 10 a second"):
        limiter.enter(entry())
    limiter.enter(entry("bob"))
    clock.now = 0.1
    limiter.enter(entry())
    with pytest.raises(TooManyRequests):
        limiter.enter(entry())


def test_a_user_has_so_many_watches() -> None:
    limiter = Limiter(Limits(user_watches=2, user_rate=0))
    watches = [entry(long=True) for _ in range(2)]
    for watch in watches:
        limiter.enter(watch)
    with pytest.raises(TooManyRequests, match="has 2 watches open already"):
        limiter.enter(entry(long=True))
    limiter.enter(entry("bob", long=True))
    limiter.leave(watches[0])
    limiter.enter(entry(long=True))


def test_masters_are_never_refused() -> None:
    limiter = Limiter(Limits(reads_in_flight=1, writes_in_flight=1, user_rate=1, user_burst=1, user_watches=1))
    for _ in range(5):
        limiter.enter(entry("root", groups=(MASTERS,)))
        limiter.enter(entry("root", groups=(MASTERS,), writes=True))
        limiter.enter(entry("root", groups=(MASTERS,), long=True))
    assert not any(limiter.refused.values())


def test_the_table_of_users_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_USERS", 3)
    limiter = Limiter(Limits(user_burst=1, user_rate=1), clock=Clock())
    watch = entry("user0", long=True)
    limiter.enter(watch)
    for number in range(1, 10):
        limiter.enter(entry(f"user{number}"))
    assert limiter.users == 3
    with pytest.raises(TooManyRequests):
        limiter.enter(watch)  # its user had his one request a second, and was not forgotten


def test_who_has_watches_open_is_not_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_USERS", 3)
    limiter = Limiter(Limits(user_watches=1, user_rate=0))
    watches = [entry(f"user{number}", long=True) for number in range(5)]
    for watch in watches:
        limiter.enter(watch)
    limiter.enter(entry("another"))
    for watch in watches:
        with pytest.raises(TooManyRequests, match="has 1 watches open already"):
            limiter.enter(watch)
    for watch in watches:
        limiter.leave(watch)
    assert limiter.users == 3
    for watch in watches:
        limiter.enter(watch)
