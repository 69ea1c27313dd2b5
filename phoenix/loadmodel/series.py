"""Every series of a load, named, in the order in which it is encoded. Pure.

Which exist is decided in `traffic`; here they get names by the seed, a resource each, and the shares by which requests
fall on them. Every series exists from the first tick to the last.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from phoenix.loadmodel import names
from phoenix.loadmodel.emitter import Emitter
from phoenix.loadmodel.httpcounts import ACTIVE_METHODS, BODY_BOUNDS, DURATION_BOUNDS
from phoenix.loadmodel.traffic import Combination, Route, combinations, is_raw, routes_of_user
from phoenix.otlp.encode import Attributes, MetricShape, ResourceShape, encode_attributes, point_attributes_field
from phoenix.otlp.model import MetricType

_ERROR = 400
SCOPE, SCOPE_VERSION = "io.opentelemetry.http-server", "1.38.0"
_MEDIAN_S = (0.018, 0.045, 0.007, 0.160, 0.030, 0.350)
"""Median latency by a route's place, seconds: from a cache hit to a slow report."""


@dataclass(frozen=True, slots=True)
class Instance:
    """One resource, the shape of its metrics, and the laws of its values; places follow the shape's points."""

    shape: ResourceShape
    request_shares: tuple[float, ...]
    """of each duration point, within the instance"""
    medians_s: tuple[float, ...]
    """of each duration point"""
    bodies: tuple[int, ...]
    """for each body size point, the place of its duration point"""
    user_shares: tuple[float, ...]
    """weight of each app.user.requests point"""
    errors: tuple[bool, ...]
    """of each duration point, whether its status is 400 or above"""
    active: int = len(ACTIVE_METHODS)
    """points of http.server.active_requests"""

    @property
    def points(self) -> int:
        """Data points a tick."""
        return sum(len(metric.points) for metric in self.shape.metrics)


@dataclass(frozen=True, slots=True)
class _User:
    id: str
    rank: int
    first_route: int


def instances(emitter: Emitter, seed: int, pods: int | None = None) -> Iterator[Instance]:
    """All instances, service by service. Same emitter and seed, same instances.

    Args:
        emitter: already scaled.
        seed: chooses names.
        pods: instances a service, at least the emitter's (absent: the emitter's); those beyond have no users.
    """
    rng = np.random.default_rng([seed, 1])
    ids = names.user_ids(emitter.users, rng)
    first_routes = rng.integers(0, emitter.routes, emitter.users).tolist()
    for service in range(emitter.services):
        raw = is_raw(emitter, service)
        raw_ids = [names.raw_ids(emitter.raw_paths, rng) if raw else [] for _ in range(emitter.routes)]
        own_pods = names.pod_names(service, pods or emitter.instances, rng)
        home = range(service, emitter.users, emitter.services)
        users = [_User(ids[user], rank, first_routes[user]) for rank, user in enumerate(home)]
        seen = combinations(emitter, raw)
        points = _Points.of(service, seen, raw_ids)
        for number, pod in enumerate(own_pods):
            # A user stays on one instance of the home service, as behind a load balancer with sessions.
            own = users[number :: emitter.instances] if number < emitter.instances else []
            calls = list(_calls(emitter, service, own, raw_ids))
            yield Instance(
                shape=ResourceShape(
                    attributes=_resource(service, number, pod),
                    metrics=_metrics(points, [attributes for attributes, _ in calls]),
                    scope=SCOPE,
                    scope_version=SCOPE_VERSION,
                ),
                request_shares=tuple(combination.share for combination in seen),
                medians_s=tuple(_MEDIAN_S[combination.route.place % len(_MEDIAN_S)] for combination in seen),
                bodies=tuple(place for place, combination in enumerate(seen) if combination.has_body),
                user_shares=tuple(weight for _, weight in calls),
                errors=tuple(combination.status >= _ERROR for combination in seen),
            )


def _resource(service: int, number: int, pod: str) -> Attributes:
    return (
        ("service.name", names.service_name(service)),
        ("service.namespace", names.namespace_of(service)),
        ("service.version", names.version_of(number)),
        ("service.instance.id", pod),
        ("k8s.pod.name", pod),
        ("deployment.environment", names.environment_of(service)),
    )


@dataclass(frozen=True, slots=True)
class _Points:
    """Attribute sets that all instances of a service share, encoded."""

    duration: list[bytes]
    body_size: list[bytes]
    active: list[bytes]

    @staticmethod
    def of(service: int, seen: tuple[Combination, ...], raw_ids: list[list[str]]) -> _Points:
        histogram = point_attributes_field(MetricType.HISTOGRAM)
        encoded = [encode_attributes(histogram, _request(service, combination, raw_ids)) for combination in seen]
        number = point_attributes_field(MetricType.SUM)
        return _Points(
            duration=encoded,
            body_size=[one for one, combination in zip(encoded, seen, strict=True) if combination.has_body],
            active=[
                encode_attributes(number, (("http.request.method", method), ("url.scheme", "https")))
                for method in ACTIVE_METHODS
            ],
        )


def _request(service: int, combination: Combination, raw_ids: list[list[str]]) -> Attributes:
    return (
        ("http.request.method", combination.method),
        ("http.response.status_code", combination.status),
        ("http.route", _route(service, combination.route, combination.raw_id, raw_ids)),
        ("url.scheme", "https"),
    )


def _route(service: int, route: Route, raw_id: int, raw_ids: list[list[str]]) -> str:
    return names.http_route(service, route, None if raw_id < 0 else raw_ids[route.place][raw_id])


def _calls(
    emitter: Emitter, service: int, users: list[_User], raw_ids: list[list[str]]
) -> Iterator[tuple[bytes, float]]:
    """Attribute sets of app.user.requests at one instance, with their weights."""
    field = point_attributes_field(MetricType.SUM)
    for user in users:
        count = routes_of_user(emitter, user.rank)
        weight = (user.rank + 1) ** -emitter.zipf / count
        for turn in range(count):
            route = Route((user.first_route + turn) % emitter.routes)
            ids = raw_ids[route.place]
            # An id of their own, as people look at their own orders.
            raw_id = user.rank % len(ids) if ids and route.takes_id else -1
            name = _route(service, route, raw_id, raw_ids)
            yield encode_attributes(field, (("http.route", name), ("user.id", user.id))), weight


def duration_metric(points: list[bytes]) -> MetricShape:
    """http.server.request.duration with these attribute sets."""
    return MetricShape(
        name="http.server.request.duration",
        unit="s",
        description="Duration of HTTP server requests.",
        type=MetricType.HISTOGRAM,
        bounds=DURATION_BOUNDS,
        points=points,
    )


def _metrics(points: _Points, calls: list[bytes]) -> list[MetricShape]:
    metrics = [
        duration_metric(points.duration),
        MetricShape(
            name="http.server.request.body.size",
            unit="By",
            description="Size of HTTP server request bodies.",
            type=MetricType.HISTOGRAM,
            bounds=BODY_BOUNDS,
            points=points.body_size,
        ),
        MetricShape(
            name="http.server.active_requests",
            unit="{request}",
            description="Number of active HTTP server requests.",
            type=MetricType.SUM,
            integer=True,
            points=points.active,
        ),
        MetricShape(
            name="app.user.requests",
            unit="{request}",
            description="Requests by user.",
            type=MetricType.SUM,
            integer=True,
            monotonic=True,
            points=calls,
        ),
    ]
    return [metric for metric in metrics if metric.points]
