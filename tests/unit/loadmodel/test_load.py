"""Ticks of a load as they are on the wire."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise

import pytest
import xxhash
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import HistogramDataPoint

from phoenix.loadmodel.emitter import Emitter
from phoenix.loadmodel.load import Load
from tests.unit.loadmodel.naive import Labels, Point, points

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND
OTLP = {"services": 3, "instances": 2, "routes": 4, "users": 40, "rawPaths": 6}


def ticks(count: int, seed: int = 7, otlp: dict[str, object] = OTLP) -> list[list[bytes]]:  # type: ignore[assignment]
    load = Load(Emitter.from_json(otlp), seed=seed, interval_s=1.0)
    load.start(START)
    return [[payload.data for payload in load.tick(START + tick * SECOND)] for tick in range(1, count + 1)]


def by_identity(payloads: list[bytes]) -> dict[object, Point]:
    return {point.identity: point for point in points(payloads)}


def test_same_seed_same_bytes() -> None:
    def digest(seed: int) -> str:
        return xxhash.xxh64_hexdigest(b"".join(data for tick in ticks(3, seed) for data in tick))

    assert digest(7) == digest(7)
    assert digest(7) != digest(8)


def test_streams_live_from_the_first_tick_to_the_last_and_counters_grow() -> None:
    seen = [by_identity(payloads) for payloads in ticks(5)]
    assert all(tick.keys() == seen[0].keys() for tick in seen)
    grown = 0
    for before, after in pairwise(seen):
        for identity, point in after.items():
            old, new = before[identity].value, point.value
            if isinstance(new, HistogramDataPoint):
                assert isinstance(old, HistogramDataPoint)
                assert all(a <= b for a, b in zip(old.bucket_counts, new.bucket_counts, strict=True))
                assert new.count == sum(new.bucket_counts) >= 1
                assert old.sum <= new.sum
                grown += new.count > old.count
            elif point.metric == "app.user.requests":
                assert 1 <= old.as_int <= new.as_int
    assert grown > 50


def test_every_point_of_a_tick_has_its_time_and_the_start_of_the_load() -> None:
    for number, payloads in enumerate(ticks(3), 1):
        assert {point.value.time_unix_nano for point in points(payloads)} == {START + number * SECOND}
        assert {point.value.start_time_unix_nano for point in points(payloads)} == {START}


def test_metrics_are_of_the_kinds_sdks_send() -> None:
    request = ExportMetricsServiceRequest.FromString(ticks(1)[0][0])
    metrics = {m.name: m for r in request.resource_metrics for s in r.scope_metrics for m in s.metrics}
    duration = metrics["http.server.request.duration"]
    assert (duration.unit, duration.histogram.aggregation_temporality) == ("s", 2)
    assert len(duration.histogram.data_points[0].explicit_bounds) == 14
    assert metrics["http.server.request.body.size"].unit == "By"
    active = metrics["http.server.active_requests"].sum
    assert not active.is_monotonic
    users = metrics["app.user.requests"].sum
    assert users.is_monotonic
    for point in (*active.data_points, *users.data_points):
        assert point.WhichOneof("value") == "as_int"
    status = next(a for a in duration.histogram.data_points[0].attributes if a.key == "http.response.status_code")
    assert status.value.WhichOneof("value") == "int_value"


def test_body_sizes_go_with_the_requests_that_have_a_body() -> None:
    seen = by_identity(ticks(4)[-1])
    counts: dict[str, dict[tuple[Labels, Labels], int]] = defaultdict(dict)
    for point in seen.values():
        if isinstance(point.value, HistogramDataPoint):
            counts[point.metric][point.resource, point.labels] = point.value.count
    bodies = counts["http.server.request.body.size"]
    assert bodies
    for identity, count in bodies.items():
        assert dict(identity[1])["http.request.method"] in ("POST", "PUT")
        assert count == counts["http.server.request.duration"][identity]


def test_raw_ids_are_in_the_routes_of_every_third_service_only() -> None:
    routes = defaultdict(set)
    for point in by_identity(ticks(1)[0]).values():
        if (route := dict(point.labels).get("http.route")) is not None:
            routes[dict(point.resource)["service.name"]].add(route)
    assert routes.keys() == {"checkout", "orders", "cart"}
    assert "/api/v1/carts/{id}" in routes["cart"]
    assert not any("{id}" in route for route in routes["orders"])
    assert sum(any(part.isdigit() for part in route.split("/")) for route in routes["orders"]) == 2 * 6


def test_a_resource_is_whole_in_one_payload_and_keeps_its_place() -> None:
    def places(payloads: list[bytes]) -> list[set[Labels]]:
        return [{point.resource for point in points([payload])} for payload in payloads]

    first, second = ticks(2, otlp={"size": "S", "services": 18, "rawPaths": 350, "users": 0})
    assert len(first) == 3
    assert places(first) == places(second)
    assert sum(map(len, places(first))) == 36
    assert all(len(payload) <= 4 << 20 for payload in first)


def test_resources_are_pods_with_names_of_their_own() -> None:
    resources = {point.resource for point in points(ticks(1)[0])}
    assert len(resources) == 6
    assert len({dict(resource)["service.instance.id"] for resource in resources}) == 6
    assert {dict(resource)["service.version"] for resource in resources} == {"1.14.2", "1.15.0"}


@pytest.mark.parametrize("interval_s", [0.1, 2.0])
def test_requests_a_second_do_not_depend_on_the_interval(interval_s: float) -> None:
    load = Load(Emitter.from_json(OTLP), seed=1, interval_s=interval_s)

    def total(tick: int) -> int:
        payloads = [payload.data for payload in load.tick(tick)]
        return sum(p.value.count for p in points(payloads) if p.metric == "http.server.request.duration")

    before = total(0)
    rounds = round(10 / interval_s)
    for tick in range(1, rounds):
        load.tick(tick)
    requests_s = (total(rounds) - before) / 10
    assert requests_s == pytest.approx(6 * 50, rel=0.1)
