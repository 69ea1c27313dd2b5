"""Names of model M1: services, pods, routes, users. Chosen by the seed; how many there are is not. Pure."""

from __future__ import annotations

import numpy as np

from phoenix.loadmodel.traffic import Route

_SERVICES = (
    ("checkout", "sessions"), ("orders", "orders"), ("cart", "carts"), ("payment", "payments"),
    ("shipping", "shipments"), ("catalog", "products"), ("inventory", "items"), ("accounts", "users"),
    ("search", "queries"), ("pricing", "quotes"), ("returns", "returns"), ("recommendation", "lists"),
    ("reviews", "reviews"), ("invoices", "invoices"), ("loyalty", "cards"), ("email", "messages"),
    ("coupons", "coupons"), ("fraud", "cases"), ("ads", "campaigns"), ("support", "tickets"),
)  # fmt: skip
"""Service name and the collection its API is about."""
_NAMESPACES = ("shop", "backoffice", "platform")
_COLLECTIONS = ("events", "notes", "exports", "settings", "audits", "drafts")
_POD_LETTERS = np.array(list("bcdfghjklmnpqrstvwxz2456789"))  # those Kubernetes uses for generated names


def service_name(service: int) -> str:
    """`checkout`, `orders`, …, then `checkout-2`, …: distinct for every number."""
    again, at = divmod(service, len(_SERVICES))
    return _SERVICES[at][0] + (f"-{again + 1}" if again else "")


def namespace_of(service: int) -> str:
    """One of three service.namespace values."""
    return _NAMESPACES[service % len(_NAMESPACES)]


def version_of(instance: int) -> str:
    """One of the two versions that are live: odd instances have the next release already."""
    return ("1.14.2", "1.15.0")[instance % 2]


def environment_of(service: int) -> str:
    """deployment.environment: every fifth service runs in staging."""
    return "staging" if service % 5 == 4 else "production"


def pod_names(service: int, instances: int, rng: np.random.Generator) -> list[str]:
    """Distinct pod names of a service, as a ReplicaSet makes them."""
    name, replica_set = service_name(service), _letters(9, rng)
    suffixes: dict[str, None] = {}
    while len(suffixes) < instances:
        suffixes[_letters(5, rng)] = None
    return [f"{name}-{replica_set}-{suffix}" for suffix in suffixes]


def next_pod_name(name: str, rng: np.random.Generator) -> str:
    """Name of a pod of a later ReplicaSet: 14 letters, so that no two pods of a load share one."""
    return f"{name}-{_letters(9, rng)}-{_letters(5, rng)}"


def _letters(count: int, rng: np.random.Generator) -> str:
    return "".join(rng.choice(_POD_LETTERS, count))


def raw_ids(count: int, rng: np.random.Generator) -> list[str]:
    """Distinct numeric ids of one route, five digits or as many as it takes."""
    lowest = 10_000
    span = max(90_000, count * 10)
    return [str(lowest + number) for number in rng.choice(span, size=count, replace=False).tolist()]


def user_ids(count: int, rng: np.random.Generator) -> list[str]:
    """Distinct user ids over all services: `u-` and eight hex digits."""
    # An odd multiplier modulo 2**32 is a bijection: distinct, and different for every seed.
    factor, offset = int(rng.integers(0, 1 << 31)) * 2 + 1, int(rng.integers(0, 1 << 32))
    return [f"u-{(number * factor + offset) & 0xFFFF_FFFF:08x}" for number in range(count)]


def http_route(service: int, route: Route, raw_id: str | None) -> str:
    """The http.route attribute: `/api/v1/orders/{id}`, or `/api/v1/orders/12345` where the id was left in."""
    group = route.place // 3
    collection = _SERVICES[service % len(_SERVICES)][1]
    if group:
        again, at = divmod(group - 1, len(_COLLECTIONS))
        collection += f"/{_COLLECTIONS[at]}" if not again else f"/{_COLLECTIONS[at]}-{again + 1}"
    identifier = "{id}" if raw_id is None else raw_id
    match route.place % 3:
        case 0:
            return f"/api/v1/{collection}"
        case 1:
            return f"/api/v1/{collection}/{identifier}"
        case _:
            return f"/api/v1/{collection}/{identifier}/history"
