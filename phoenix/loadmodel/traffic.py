"""Which requests a service of model M1 sees: routes, ids, methods and statuses with their shares. Pure.

The one place that decides which combinations exist; `expected` counts them and `series` names them, so that the count
known beforehand and the bytes sent cannot differ. Nothing here depends on a seed: a seed chooses names, not numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from phoenix.loadmodel.emitter import Emitter

STATUS_SHARES = ((200, 0.92), (404, 0.04), (400, 0.02), (500, 0.01), (401, 0.007), (503, 0.003))
"""HTTP status code and its share of requests; the first is always seen."""
_SECOND_METHOD_SHARE = 0.2
_RAW_EVERY, _RAW_AT = 3, 1


@dataclass(frozen=True, slots=True)
class Route:
    """A route template of a service, by its place: collections of three routes each."""

    place: int

    @property
    def takes_id(self) -> bool:
        """Whether its path holds an id: `/c` does not, `/c/{id}` and `/c/{id}/history` do."""
        return self.place % 3 != 0

    @property
    def methods(self) -> tuple[tuple[str, float], ...]:
        """Methods with their shares; the first is always seen."""
        match self.place % 3:
            case 0:
                return (("GET", 1 - _SECOND_METHOD_SHARE), ("POST", _SECOND_METHOD_SHARE))
            case 1:
                return (("GET", 1 - _SECOND_METHOD_SHARE), ("PUT", _SECOND_METHOD_SHARE))
            case _:
                return (("GET", 1.0),)


@dataclass(frozen=True, slots=True)
class Combination:
    """Attributes of one stream of requests at one instance of a service, and its share of the instance's requests."""

    route: Route
    raw_id: int
    """place of the id in the route's ids; -1: the route is templated or takes no id"""
    method: str
    status: int
    share: float

    @property
    def has_body(self) -> bool:
        """Whether its requests carry a body."""
        return self.method != "GET"


def is_raw(emitter: Emitter, service: int) -> bool:
    """Whether this service puts raw ids in http.route: every third does, starting with the second."""
    return emitter.raw_paths > 0 and service % _RAW_EVERY == _RAW_AT


def raw_services(emitter: Emitter) -> int:
    """How many services do."""
    return len(range(_RAW_AT, emitter.services, _RAW_EVERY)) if emitter.raw_paths else 0


def zipf_shares(count: int, exponent: float) -> tuple[float, ...]:
    """Shares of ranks 1…count under Zipf's law; they sum to 1."""
    weights = [rank**-exponent for rank in range(1, count + 1)]
    total = sum(weights)
    return tuple(weight / total for weight in weights)


@lru_cache(maxsize=64)
def combinations(emitter: Emitter, raw: bool) -> tuple[Combination, ...]:
    """Every combination that exists at one instance of a raw or templated service.

    One exists when the instance saw it at least once in `emitter.requests` requests, or when it is the first method and
    status of a route or id (else the id itself would not exist). Skewed on purpose: rare errors appear on busy routes.
    """
    return tuple(
        combination
        for combination in _all(emitter, raw)
        if combination.share * emitter.requests >= 1
        or (combination.method == combination.route.methods[0][0] and combination.status == STATUS_SHARES[0][0])
    )


def _all(emitter: Emitter, raw: bool) -> Iterator[Combination]:
    for place, route_share in enumerate(zipf_shares(emitter.routes, emitter.zipf)):
        route = Route(place)
        ids = list(enumerate(zipf_shares(emitter.raw_paths, emitter.zipf))) if raw and route.takes_id else [(-1, 1.0)]
        for raw_id, id_share in ids:
            for method, method_share in route.methods:
                for status, status_share in STATUS_SHARES:
                    share = route_share * id_share * method_share * status_share
                    yield Combination(route, raw_id, method, status, share)


def routes_of_user(emitter: Emitter, rank: int) -> int:
    """How many routes the user of this rank (from 0) calls: busy users all of them, most users one."""
    share: float = (rank + 1) ** -emitter.zipf
    return max(1, min(emitter.routes, round(4 * emitter.routes * share)))
