"""Counts known beforehand, against the wire and against sums done by hand."""

from __future__ import annotations

import re
from typing import Any

import pytest

from phoenix.loadmodel.emitter import Emitter
from phoenix.loadmodel.errors import LoadModelError
from phoenix.loadmodel.expected import Expected, expected, expected_active_series, expected_streams
from phoenix.loadmodel.load import Load
from tests.unit.loadmodel.naive import Labels, points, series

TICK = 1_700_000_000_000_000_000


def payloads(otlp: dict[str, Any], scale: float = 1.0, seed: int = 7) -> list[bytes]:
    load = Load(Emitter.from_json(otlp).scaled(scale), seed=seed, interval_s=1.0)
    return [payload.data for payload in load.tick(TICK)]


@pytest.mark.parametrize("seed", [1, 7])
@pytest.mark.parametrize(
    ("otlp", "scale"),
    [
        ({"size": "S"}, 1.0),
        ({"size": "S"}, 0.5),
        ({"size": "S", "rawPaths": 0}, 1.0),
        ({"size": "S", "users": 0}, 1.0),
        ({"size": "S", "services": 1, "instances": 1, "routes": 1, "users": 1, "rawPaths": 1}, 1.0),
        ({"size": "S", "services": 45, "instances": 1, "routes": 2, "users": 100, "rawPaths": 3}, 1.0),
        ({"size": "S", "services": 2, "instances": 3, "routes": 25, "users": 7, "rawPaths": 2, "zipf": 2.0}, 2.0),
        ({"size": "S", "services": 4, "instances": 5, "routes": 3, "users": 30, "rawPaths": 9, "zipf": 0.3}, 1.0),
    ],
)
def test_the_wire_has_what_was_expected(otlp: dict[str, Any], scale: float, seed: int) -> None:
    sent = list(points(payloads(otlp, scale, seed)))
    identities = {point.identity for point in sent}
    assert len(identities) == len(sent) == expected_streams(otlp, scale=scale)
    assert len(series(sent)) == expected_active_series(otlp, scale=scale)


def test_one_service_by_hand() -> None:
    # One route, /c with GET (0.8) and POST (0.2); an instance has seen 300 requests. Expected requests by status:
    #   GET  240 × 0.92, 0.04, 0.02, 0.01, 0.007, 0.003 = 220.8, 9.6, 4.8, 2.4, 1.68, 0.72   five are at least one
    #   POST  60 ×   "                                  =  55.2, 2.4, 1.2, 0.6, …            three
    # 8 durations (17 series each), 3 body sizes (18 each), 3 active requests.
    otlp = {"services": 1, "instances": 1, "routes": 1, "users": 0, "rawPaths": 0}
    assert expected_streams(otlp) == 8 + 3 + 3
    assert expected_active_series(otlp) == 8 * 17 + 3 * 18 + 3 == 193


def test_two_services_by_hand() -> None:
    # zipf 1: routes 2/3 and 1/3. Requests at one instance of the templated service:
    #   /c      GET 160: 147.2, 6.4, 3.2, 1.6, 1.12, 0.48  5    POST 40: 36.8, 1.6, 0.8  2
    #   /c/{id} GET  80: 73.6, 3.2, 1.6, 0.8               3    PUT  20: 18.4, 0.8       1      11, 3 with a body
    # The other service has two ids, 2/3 and 1/3 of its second route:
    #   /c      as above                                   7
    #   /c/1    GET 53.3: 49.1, 2.13, 1.07, 0.53           3    PUT 13.3: 12.3, 0.53     1
    #   /c/2    GET 26.7: 24.5, 1.07, 0.53                 2    PUT  6.7:  6.1, 0.27     1      14, 4 with a body
    # Three users, two routes each (8, 8 and 4 before the cap of 2).
    otlp = {"services": 2, "instances": 1, "routes": 2, "users": 3, "rawPaths": 2, "zipf": 1.0}
    assert expected_streams(otlp) == 25 + 7 + 6 + 6
    assert expected_active_series(otlp) == 25 * 17 + 7 * 18 + 6 + 6 == 563


@pytest.mark.parametrize(
    ("size", "counts"),
    [
        ("S", Expected(duration=1104, body_size=68, active_requests=36, user_requests=1294)),
        ("M", Expected(duration=8400, body_size=608, active_requests=144, user_requests=11044)),
        ("L", Expected(duration=78850, body_size=12670, active_requests=600, user_requests=102340)),
    ],
)
def test_sizes_are_what_the_catalogue_says(size: str, counts: Expected) -> None:
    assert expected(Emitter.from_json({"size": size})) == counts
    named = {"S": 1_200, "M": 9_200, "L": 92_000}[size]
    assert counts.points_before_users == pytest.approx(named, rel=0.01)


def test_http_lean_has_a_fifth_of_the_series_and_keeps_every_request() -> None:
    def lean(labels: Labels) -> Labels:
        """What the template does to a point: ids, status classes, no user."""
        kept = dict(labels)
        kept.pop("user.id", None)
        if "http.route" in kept:
            kept["http.route"] = re.sub(r"/\d+(?=/|$)", "/{id}", kept["http.route"])
        if "http.response.status_code" in kept:
            kept["http.response.status_code"] = kept["http.response.status_code"][0] + "xx"
        return tuple(sorted(kept.items()))

    sent = list(points(payloads({"size": "S"})))
    left = series(sent, lean)
    assert 0.75 <= 1 - len(left) / len(series(sent)) <= 0.80
    assert not any(re.search(r"/\d{4}", str(one)) for one in left), "no raw id outlives the pattern"


def test_every_fault_of_an_emitter_is_named() -> None:
    with pytest.raises(LoadModelError) as caught:
        Emitter.from_json({"model": "M9", "size": "XS", "services": 0, "users": 1.5, "zipf": -1, "raw_paths": True})
    assert [fault.split(":")[0] for fault in caught.value.faults] == [
        "otlp.model",
        "otlp.size",
        "otlp.services",
        "otlp.users",
        "otlp.rawPaths",
        "otlp.zipf",
    ]
    with pytest.raises(LoadModelError, match="object"):
        Emitter.from_json([])
    with pytest.raises(LoadModelError, match="scale"):
        Emitter.from_json({}).scaled(float("nan"))


@pytest.mark.parametrize(
    "otlp", [{"users": 10**12}, {"routes": 1_000, "rawPaths": 51}, {"services": 10**9}, {"instances": 10**9}]
)
def test_a_load_too_large_to_hold_is_refused_at_once(otlp: dict[str, Any]) -> None:
    with pytest.raises(LoadModelError, match="at most"):
        expected_streams(otlp)
