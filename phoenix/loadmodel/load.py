"""A load that can be sent: the payloads of one tick after another. Pure; the clock is an argument.

Every tick some modelled requests happen: each falls on a series by its share, takes a lognormal time and, where it has
one, a lognormal body; the cumulative counters, sums and buckets grow by what happened. One request per histogram series
has happened before the first tick, so that every series exists from then on. Requests of `app.user.requests` are drawn
apart: its sum is not that of the histograms' counts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from phoenix.loadmodel.emitter import Emitter
from phoenix.loadmodel.expected import ACTIVE_METHODS, BODY_BOUNDS, DURATION_BOUNDS, Expected, expected
from phoenix.loadmodel.series import Instance, instances
from phoenix.otlp.encode import HistogramValues, Template

_REQUESTS_PER_INSTANCE_S = 50.0
_LATENCY_SIGMA, _BODY_SIGMA, _BODY_MEDIAN_BYTES = 0.8, 1.2, 700.0
_MAX_PAYLOAD_BYTES = 4 << 20
_Floats = npt.NDArray[np.float64]
_Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Payload:
    """One export request of a tick."""

    data: bytes
    points: int


class Load:
    """All series of an emitter, and their state. Not thread-safe: one `tick` at a time.

    Args:
        emitter: already scaled.
        seed: same emitter, seed, interval, start and tick times: same bytes.
        interval_s: time between ticks; decides how many requests happen in one.

    Raises:
        LoadModelError: the load is too large to hold.
    """

    def __init__(self, emitter: Emitter, *, seed: int, interval_s: float) -> None:
        self.expected: Expected = expected(emitter)
        every = list(instances(emitter, seed))
        self._parts = [
            _Part(group, interval_s, np.random.default_rng([seed, 2, place]))
            for place, group in enumerate(_grouped(every))
        ]
        self.points = sum(part.template.points for part in self._parts)

    @property
    def payload_points(self) -> tuple[int, ...]:
        """Points of each payload of a tick."""
        return tuple(part.template.points for part in self._parts)

    def start(self, start_unix_nano: int) -> None:
        """Set the start time of every cumulative series: when the modelled processes started."""
        for part in self._parts:
            part.template.set_start(start_unix_nano)

    def tick(self, time_unix_nano: int) -> list[Payload]:
        """Let one interval happen and encode it; each series has its place in the same payload every time."""
        return [Payload(part.tick(time_unix_nano), part.template.points) for part in self._parts]


def _grouped(every: list[Instance]) -> list[list[Instance]]:
    """Whole instances to payloads of a few MiB: the engine aggregates within a resource of one request only."""
    groups: list[list[Instance]] = []
    size = _MAX_PAYLOAD_BYTES
    for instance in every:
        own = Template([instance.shape]).size_bytes
        if size + own > _MAX_PAYLOAD_BYTES:
            groups.append([])
            size = 0
        groups[-1].append(instance)
        size += own
    return groups


class _Part:
    """One payload: its template and the state of its series."""

    def __init__(self, group: list[Instance], interval_s: float, rng: np.random.Generator) -> None:
        self.template = Template([instance.shape for instance in group])
        self._rng = rng
        self._requests = _REQUESTS_PER_INSTANCE_S * len(group) * interval_s
        self._chances = _cumulative([share for instance in group for share in instance.request_shares])
        self._medians_s = np.array([median for instance in group for median in instance.medians_s])
        series = len(self._medians_s)
        self._body_of = _body_places(group, series)
        bodies = int((self._body_of >= 0).sum())
        self._durations = _Histograms(series, DURATION_BOUNDS)
        self._bodies = _Histograms(bodies, BODY_BOUNDS)
        self._users = np.zeros(sum(len(instance.user_shares) for instance in group), np.int64)
        self._user_chances = _cumulative([share for instance in group for share in instance.user_shares])
        self._active_at, self._users_at = _number_places(group)
        self._numbers = np.zeros(self.template.number_points, np.int64)
        self._users += 1
        self._happen(np.arange(series))

    def tick(self, time_unix_nano: int) -> bytes:
        rng = self._rng
        self._happen(np.searchsorted(self._chances, rng.random(rng.poisson(self._requests)), side="right"))
        if len(self._users):
            calls = np.searchsorted(self._user_chances, rng.random(rng.poisson(self._requests)), side="right")
            self._users += np.bincount(calls, minlength=len(self._users))
        self._numbers[self._active_at] = rng.poisson(4.0, len(self._active_at))
        self._numbers[self._users_at] = self._users
        return self.template.encode(
            time_unix_nano,
            self._numbers.view(np.uint64),
            {part.buckets: part.values() for part in (self._durations, self._bodies)},
        )

    def _happen(self, series: _Ints) -> None:
        """Requests happen, each on the series given."""
        took_s = self._medians_s[series] * np.exp(_LATENCY_SIGMA * self._rng.standard_normal(len(series)))
        self._durations.record(series, took_s)
        bodies = self._body_of[series]
        bodies = bodies[bodies >= 0]
        sizes = np.rint(_BODY_MEDIAN_BYTES * np.exp(_BODY_SIGMA * self._rng.standard_normal(len(bodies))))
        self._bodies.record(bodies, sizes)


class _Histograms:
    """Cumulative state of n histograms with the same bounds."""

    def __init__(self, count: int, bounds: tuple[float, ...]) -> None:
        self._bounds = np.array(bounds)
        self.buckets = len(bounds) + 1
        self._counts = np.zeros((count, self.buckets), np.uint64)
        self._sums = np.zeros(count)

    def record(self, series: _Ints, values: _Floats) -> None:
        # A bound belongs to the bucket below it.
        bucket = np.searchsorted(self._bounds, values, side="left")
        np.add.at(self._counts.reshape(-1), series * self.buckets + bucket, np.uint64(1))
        self._sums += np.bincount(series, weights=values, minlength=len(self._sums))

    def values(self) -> HistogramValues:
        return HistogramValues(self._counts, self._sums)


def _cumulative(weights: list[float]) -> _Floats:
    """Upper ends of the intervals of [0, 1) that belong to each weight; the last is above 1."""
    if not weights:
        return np.empty(0)
    ends = np.cumsum(np.array(weights))
    ends /= ends[-1]
    ends[-1] = 2.0
    return ends


def _body_places(group: list[Instance], series: int) -> _Ints:
    """For each duration series the place of its body size series, or -1."""
    places = np.full(series, -1, np.int64)
    at = body = 0
    for instance in group:
        for place in instance.bodies:
            places[at + place] = body
            body += 1
        at += len(instance.medians_s)
    return places


def _number_places(group: list[Instance]) -> tuple[_Ints, _Ints]:
    """Places among the number points of active requests and of user requests."""
    active: list[int] = []
    users: list[int] = []
    at = 0
    for instance in group:
        active += range(at, at + len(ACTIVE_METHODS))
        at += len(ACTIVE_METHODS)
        users += range(at, at + len(instance.user_shares))
        at += len(instance.user_shares)
    return np.array(active, np.int64), np.array(users, np.int64)
