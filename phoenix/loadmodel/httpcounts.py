"""What a load of model M1 without changes amounts to, by arithmetic, before anything runs. Pure."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

from phoenix.loadmodel.emitter import Emitter
from phoenix.loadmodel.errors import LoadModelError
from phoenix.loadmodel.traffic import combinations, raw_services, routes_of_user

DURATION_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
"""Seconds; what the semantic conventions advise for http.server.request.duration."""
BODY_BOUNDS = (0.0, 5.0, 10.0, 25.0, 50.0, 75.0, 100.0, 250.0, 500.0, 750.0, 1e3, 2.5e3, 5e3, 7.5e3, 1e4)
"""Bytes; the SDKs' default bounds, which http.server.request.body.size gets for want of advice."""
ACTIVE_METHODS = ("GET", "POST", "PUT")
MAX_POINTS = 5_000_000
"""Most points a tick: about 2 GB of payload templates."""
SERIES_BESIDE_BOUNDS = 3
"""A Prometheus-type backend counts a histogram as its bounds, +Inf, sum and count."""


@dataclass(frozen=True, slots=True)
class Expected:
    """Points a tick by metric; every stream has one point a tick, so points and streams are the same number."""

    duration: int
    """http.server.request.duration, histogram, 14 bounds"""
    body_size: int
    """http.server.request.body.size, histogram, 15 bounds"""
    active_requests: int
    """http.server.active_requests, non-monotonic sum"""
    user_requests: int
    """app.user.requests, counter with user.id"""

    @property
    def points_before_users(self) -> int:
        """What the sizes S, M and L are named by."""
        return self.duration + self.body_size + self.active_requests

    @property
    def streams(self) -> int:
        """OTLP streams, and data points a tick."""
        return self.points_before_users + self.user_requests

    @property
    def active_series(self) -> int:
        """Series a Prometheus-type backend counts, with all resource attributes as labels."""
        return (
            self.duration * (len(DURATION_BOUNDS) + SERIES_BESIDE_BOUNDS)
            + self.body_size * (len(BODY_BOUNDS) + SERIES_BESIDE_BOUNDS)
            + self.active_requests
            + self.user_requests
        )


def expected(emitter: Emitter) -> Expected:
    """Count the load of an emitter (already scaled). Exact, and the same for every seed.

    Raises:
        LoadModelError: it is more than a generator can hold.
    """
    raw = raw_services(emitter)
    duration = body_size = 0
    for services, is_raw in ((raw, True), (emitter.services - raw, False)):
        seen = combinations(emitter, is_raw) if services else ()
        duration += services * emitter.instances * len(seen)
        body_size += services * emitter.instances * sum(combination.has_body for combination in seen)
    counted = Expected(
        duration=duration,
        body_size=body_size,
        active_requests=emitter.services * emitter.instances * len(ACTIVE_METHODS),
        user_requests=_user_requests(emitter),
    )
    if counted.streams > MAX_POINTS:
        fault = f"otlp: {counted.streams} points a tick, at most {MAX_POINTS}: use a smaller size or scale"
        raise LoadModelError([fault])
    return counted


def _user_requests(emitter: Emitter) -> int:
    """Routes that users call, summed over users, who are dealt to services in turn."""
    each, more = divmod(emitter.users, emitter.services)
    return more * _calls(emitter, range(each + 1)) + (emitter.services - more) * _calls(emitter, range(each))


def users_at(emitter: Emitter, service: int, number: int) -> int:
    """Points of app.user.requests at one instance of a service: its users are every `instances`-th of the service's."""
    home = len(range(service, emitter.users, emitter.services))
    return _calls(emitter, range(number, home, emitter.instances)) if number < emitter.instances else 0


def _calls(emitter: Emitter, ranks: range) -> int:
    """Routes called by users of these ranks; busier ranks call more, so bisection finds how many call at least n."""
    return sum(
        bisect_right(ranks, -least, key=lambda rank: -routes_of_user(emitter, rank))
        for least in range(1, emitter.routes + 1)
    )
