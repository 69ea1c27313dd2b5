"""Model M1, HTTP microservices: a seat an instance (pod), and its values.

Every tick some modelled requests happen: each falls on a series by its share, takes a lognormal time and, where it has
one, a lognormal body; the cumulative counters, sums and buckets grow by what happened. One request per histogram series
has happened before an instance's first tick, so that every series exists from then on. Requests of `app.user.requests`
are drawn apart: its sum is not that of the histograms' counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from phoenix.loadmodel import names
from phoenix.loadmodel.dynamics import STATIC, Dynamics, Event, EventKind
from phoenix.loadmodel.emitter import Emitter
from phoenix.loadmodel.httpcounts import BODY_BOUNDS, DURATION_BOUNDS, SERIES_BESIDE_BOUNDS, expected, users_at
from phoenix.loadmodel.seats import Ints, Seating, Visit
from phoenix.loadmodel.series import SCOPE, SCOPE_VERSION, Instance, duration_metric, instances
from phoenix.loadmodel.traffic import combinations, is_raw
from phoenix.loadmodel.units import Mood, Unit, UnitOf, carried
from phoenix.otlp.encode import (
    Attributes,
    HistogramValues,
    ResourceShape,
    Words,
    encode_attributes,
    encode_resource,
    point_attributes_field,
)
from phoenix.otlp.model import MetricType

_REQUESTS_PER_INSTANCE_S = 50.0
_LATENCY_SIGMA, _BODY_SIGMA, _BODY_MEDIAN_BYTES = 0.8, 1.2, 700.0
_EXPLOSION_STEPS = 20
_BURST = 30.0
"""How much likelier an error is in a burst."""
_DURATION_SERIES = len(DURATION_BOUNDS) + SERIES_BESIDE_BOUNDS
_BODY_SERIES = len(BODY_BOUNDS) + SERIES_BESIDE_BOUNDS
_Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class HttpModel:
    """M1, scaled."""

    emitter: Emitter
    dynamics: Dynamics = STATIC

    @property
    def pods(self) -> int:
        """Instances a service at most."""
        return max(1, round(self.emitter.instances * self.dynamics.most_instances))

    def seating(self) -> Seating:
        """Instances service by service, then the parts of route explosions, which come with the first instance."""
        expected(replace(self.emitter, instances=self.pods))  # refuses what is too large
        seating = Seating(base=self.emitter.instances)
        emitter = self.emitter
        for service in range(emitter.services):
            seen = combinations(emitter, is_raw(emitter, service))
            bodies = sum(combination.has_body for combination in seen)
            for number in range(self.pods):
                numbers = 3 + users_at(emitter, service, number)
                series = len(seen) * _DURATION_SERIES + bodies * _BODY_SERIES + numbers
                seating.add(len(seen) + bodies + numbers, series, number)
        seating.churning = [(seat,) for seat in range(len(seating.streams))]
        seating.resetting = list(seating.churning)
        explosions = tuple(
            self._explosion(seating, event) for event in self.dynamics.events if event.kind is EventKind.ROUTE_EXPLOSION
        )
        seating.churning[0] = (0, *(seat for seats in explosions for seat in seats))
        return seating

    @staticmethod
    def _explosion(seating: Seating, event: Event) -> list[int]:
        seats: list[int] = []
        sizes = _steps(event.count)
        for step, size in enumerate(sizes):
            seats.append(seating.add(size, size * _DURATION_SERIES))
            seating.visits.append(Visit((seats[-1],), event.at_ns + event.duration_ns * step // len(sizes), None))
        return seats

    def unit_of(self, seed: int) -> UnitOf[Instance]:
        """Instances with pods of their own in each generation."""
        first = list(instances(self.emitter, seed, self.pods))
        steps = [
            _exploded(seed, number, size)
            for number, event in enumerate(self.dynamics.events)
            if event.kind is EventKind.ROUTE_EXPLOSION
            for size in [_steps(event.count)]
        ]
        parts = [part for event in steps for part in event]

        def unit(seat: int, generations: Ints) -> Unit[Instance]:
            generation = int(generations[seat])
            if seat < len(first):
                instance = first[seat]
                if generation:
                    attributes = _replaced(instance.shape.attributes, seed, seat, generation)
                    instance = replace(instance, shape=replace(instance.shape, attributes=attributes))
            else:
                attributes = first[0].shape.attributes
                if generation:
                    attributes = _replaced(attributes, seed, 0, generation)
                instance = _scanned(attributes, parts[seat - len(first)])
            return Unit((encode_resource(instance.shape),), instance)

        return unit

    def values(self, rng: np.random.Generator, interval_s: float) -> HttpValues:
        """Requests by shares."""
        return HttpValues(rng, interval_s)


def _steps(count: int) -> list[int]:
    steps = min(_EXPLOSION_STEPS, count)
    return [count * (step + 1) // steps - count * step // steps for step in range(steps)]


def _exploded(seed: int, event: int, sizes: list[int]) -> list[list[bytes]]:
    """Attribute sets of an explosion's routes, step by step: somebody scans for holes."""
    field, rng = point_attributes_field(MetricType.HISTOGRAM), np.random.default_rng([seed, 4, event])
    factor, offset = int(rng.integers(0, 1 << 31)) * 2 + 1, int(rng.integers(0, 1 << 32))
    made: list[list[bytes]] = []
    number = 0
    for size in sizes:
        routes = [f"/{(n * factor + offset) & 0xFFFF_FFFF:08x}/admin.php" for n in range(number, number + size)]
        number += size
        made.append(
            [
                encode_attributes(
                    field,
                    (
                        ("http.request.method", "GET"),
                        ("http.response.status_code", 404),
                        ("http.route", f"/scan-{event}{route}"),
                        ("url.scheme", "https"),
                    ),
                )
                for route in routes
            ]
        )
    return made


def _scanned(attributes: Attributes, points: list[bytes]) -> Instance:
    """One step of an explosion: each route was called once and never again."""
    size = len(points)
    return Instance(
        shape=ResourceShape(attributes, [duration_metric(points)], SCOPE, SCOPE_VERSION),
        request_shares=(0.0,) * size,
        medians_s=(0.004,) * size,
        bodies=(),
        user_shares=(),
        errors=(False,) * size,
        active=0,
    )


def _replaced(attributes: Attributes, seed: int, seat: int, generation: int) -> Attributes:
    service = str(dict(attributes)["service.name"])
    pod = names.next_pod_name(service, np.random.default_rng([seed, 3, seat, generation]))
    return tuple((key, pod if key in ("service.instance.id", "k8s.pod.name") else value) for key, value in attributes)


class HttpValues:
    """State of the series of one payload; see the module."""

    def __init__(self, rng: np.random.Generator, interval_s: float) -> None:
        self._rng, self._interval_s = rng, interval_s
        self._laws: list[Instance] = []
        self._durations, self._bodies = _Histograms(DURATION_BOUNDS), _Histograms(BODY_BOUNDS)
        self._users: Ints = np.zeros(0, np.int64)

    def regroup(self, laws: Sequence[Instance], kept: Sequence[int]) -> None:
        """Carry over what stays; the rest begins anew."""
        old, self._laws = self._laws, list(laws)
        fresh = self._durations.carry(_lengths(old, "medians_s"), _lengths(laws, "medians_s"), kept)
        self._bodies.carry(_lengths(old, "bodies"), _lengths(laws, "bodies"), kept)
        self._users, new_users = carried(self._users, _lengths(old, "user_shares"), _lengths(laws, "user_shares"), kept)
        self._users[new_users] = 1
        self._medians_s = np.array([median for one in laws for median in one.medians_s])
        self._shares = np.array([share for one in laws for share in one.request_shares])
        self._errors = np.array([error for one in laws for error in one.errors], np.bool_)
        self._chances = _cumulative(self._shares)
        self._user_chances = _cumulative(np.array([share for one in laws for share in one.user_shares]))
        self._serving = sum(1 for one in laws if one.active)
        self._body_of = _body_places(laws, len(self._medians_s))
        self._active_at, self._users_at = _number_places(laws)
        self._numbers = np.zeros(len(self._active_at) + len(self._users_at), np.int64)
        self._happen(np.flatnonzero(fresh))

    def reset(self, units: Sequence[int]) -> None:
        """Counters to zero, and one request of each series."""
        kept = list(range(len(self._laws)))
        for unit in units:
            kept[unit] = -1
        self.regroup(self._laws, kept)

    def tick(self, mood: Mood) -> tuple[Words, dict[int, HistogramValues]]:
        """Requests happen; see the module."""
        rng = self._rng
        requests = _REQUESTS_PER_INSTANCE_S * self._serving * self._interval_s * mood.activity
        chances = self._chances
        if mood.error_burst:
            chances = _cumulative(np.where(self._errors, self._shares * _BURST, self._shares))
        if self._serving:
            self._happen(np.searchsorted(chances, rng.random(rng.poisson(requests)), side="right"))
        if len(self._users):
            calls = np.searchsorted(self._user_chances, rng.random(rng.poisson(requests)), side="right")
            self._users += np.bincount(calls, minlength=len(self._users))
        self._numbers[self._active_at] = rng.poisson(4.0, len(self._active_at))
        self._numbers[self._users_at] = self._users
        return (
            self._numbers.view(np.uint64),
            {part.buckets: part.values() for part in (self._durations, self._bodies)},
        )

    def _happen(self, series: Ints) -> None:
        """Requests happen, each on the series given."""
        took_s = self._medians_s[series] * np.exp(_LATENCY_SIGMA * self._rng.standard_normal(len(series)))
        self._durations.record(series, took_s)
        bodies = self._body_of[series]
        bodies = bodies[bodies >= 0]
        sizes = np.rint(_BODY_MEDIAN_BYTES * np.exp(_BODY_SIGMA * self._rng.standard_normal(len(bodies))))
        self._bodies.record(bodies, sizes)


class _Histograms:
    """Cumulative state of histograms with the same bounds."""

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = np.array(bounds)
        self.buckets = len(bounds) + 1
        self._counts = np.zeros((0, self.buckets), np.uint64)
        self._sums = np.zeros(0)

    def carry(self, old: list[int], lengths: list[int], kept: Sequence[int]) -> npt.NDArray[np.bool_]:
        """As `carried`; returns which rows are new."""
        self._counts, fresh = carried(self._counts, old, lengths, kept)
        self._sums, _ = carried(self._sums, old, lengths, kept)
        return fresh

    def record(self, series: Ints, values: _Floats) -> None:
        # A bound belongs to the bucket below it.
        bucket = np.searchsorted(self._bounds, values, side="left")
        np.add.at(self._counts.reshape(-1), series * self.buckets + bucket, np.uint64(1))
        self._sums += np.bincount(series, weights=values, minlength=len(self._sums))

    def values(self) -> HistogramValues:
        return HistogramValues(self._counts, self._sums)


def _lengths(laws: Sequence[Instance], field: str) -> list[int]:
    return [len(getattr(one, field)) for one in laws]


def _cumulative(weights: _Floats) -> _Floats:
    """Upper ends of the intervals of [0, 1) that belong to each weight; beyond the last with one it is above 1."""
    total = float(weights.sum()) if len(weights) else 0.0
    if not total:
        return np.full(len(weights), 2.0)
    ends = np.cumsum(weights) / total
    ends[np.flatnonzero(weights)[-1] :] = 2.0
    return ends


def _body_places(laws: Sequence[Instance], series: int) -> Ints:
    """For each duration series the place of its body size series, or -1."""
    places = np.full(series, -1, np.int64)
    at = body = 0
    for instance in laws:
        own = np.array(instance.bodies, np.int64)
        places[at + own] = np.arange(body, body + len(own))
        body += len(own)
        at += len(instance.medians_s)
    return places


def _number_places(laws: Sequence[Instance]) -> tuple[Ints, Ints]:
    """Places among the number points of active requests and of user requests."""
    active: list[int] = []
    users: list[int] = []
    at = 0
    for instance in laws:
        active += range(at, at + instance.active)
        at += instance.active
        users += range(at, at + len(instance.user_shares))
        at += len(instance.user_shares)
    return np.array(active, np.int64), np.array(users, np.int64)
