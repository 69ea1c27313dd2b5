"""The scanner against naive parsing: same streams, times, values and bytes, whatever the layout."""

from __future__ import annotations

import math
import random
from collections import Counter
from typing import Any

import numpy as np
import pytest
from google.protobuf.message import DecodeError
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest as Request

from phoenix.otlp.errors import MalformedPayload
from phoenix.otlp.identity import PointIdentity, stream_key
from phoenix.otlp.scan import Scan, Scanner
from tests.unit.otlp.payloads import START, key_values, requests
from tests.unit.otlp.truth import own_bytes, points


class Interned:
    """An `intern` that gives one id a distinct identity, all of it."""

    def __init__(self) -> None:
        self.ids: dict[Any, int] = {}
        self.points: list[PointIdentity] = []

    def __call__(self, point: PointIdentity) -> int:
        key = (stream_key(point), point.bounds, point.recorded, point.own_bytes)
        if key not in self.ids:
            self.ids[key] = len(self.points)
            self.points.append(point)
        return self.ids[key]


def rows(scan: Scan) -> list[tuple[int, int, float | None]]:
    """(id, time, value or count) of every point."""
    found: list[tuple[int, int, float | None]] = []
    for part in scan.points:
        layout = part.layout
        values = (
            layout.counts(scan.words, part.at) if layout.histogram else layout.values(scan.words, scan.octets, part.at)
        )
        found += zip(part.slots.tolist(), part.times.tolist(), values.tolist(), strict=True)
    found += [(p.slot, p.time, p.value if p.count is None else p.count) for p in scan.odd]
    return [(slot, time, None if value is None or math.isnan(value) else value) for slot, time, value in found]


def check(bodies: list[bytes], **options: int) -> None:
    """Scan all bodies with one scanner and compare with naive parsing: ids and streams one to one, same readings."""
    interned = Interned()
    scanner = Scanner(interned, **options)
    by_stream: dict[Any, bytes] = {}
    for body in bodies:
        scan = scanner.scan(body)
        true = list(points(body))
        assert len(scan) == len(true)
        ours, theirs = Counter[Any](), Counter[Any]()
        for slot, time, value in rows(scan):
            point = interned.points[slot]
            ours[stream_key(point), point.bounds, time, value] += 1
        for seen in true:
            value = seen.value[0] if isinstance(seen.value, tuple) else seen.value
            key = by_stream.setdefault(seen.stream, b"")
            theirs[seen.stream, seen.bounds, seen.time, None if value is None else float(value)] += 1
        mapping = match(ours, theirs)
        for stream, key in mapping.items():
            assert by_stream[stream] in (b"", key), "a stream changed its id"
            by_stream[stream] = key
        owned = sum(interned.points[slot].own_bytes for slot in scan.slots_and_times()[0].tolist())
        assert scan.own_bytes + owned == own_bytes(body)
        assert scan.size_bytes == len(body)
    known = [key for key in by_stream.values() if key]
    assert len(set(known)) == len(known), "two streams share an id"


def match(ours: Counter[Any], theirs: Counter[Any]) -> dict[Any, bytes]:
    """stream → our key, where their readings are the same; fails when the readings differ as a whole."""
    mine: dict[bytes, Counter[Any]] = {}
    for (key, *rest), number in ours.items():
        mine.setdefault(key, Counter())[tuple(rest)] += number
    true: dict[Any, Counter[Any]] = {}
    for (stream, *rest), number in theirs.items():
        true.setdefault(stream, Counter())[tuple(rest)] += number
    left = sorted((sorted(map(repr, readings.items())) for readings in mine.values()), key=repr)
    right = sorted((sorted(map(repr, readings.items())) for readings in true.values()), key=repr)
    assert left == right
    unique = Counter(repr(sorted(map(repr, readings.items()))) for readings in true.values())
    keyed = {repr(sorted(map(repr, readings.items()))): key for key, readings in mine.items()}
    return {
        stream: keyed[text]
        for stream, readings in true.items()
        if unique[text := repr(sorted(map(repr, readings.items())))] == 1
    }


@settings(max_examples=70, deadline=None)
@given(st.lists(requests(), min_size=1, max_size=3))
def test_any_payload_reads_as_naive_parsing_does(made: list[Request]) -> None:
    check([request.SerializeToString() for request in made for _ in range(2)])


@settings(max_examples=25, deadline=None)
@given(requests(), requests())
def test_merged_messages_read_as_protobuf_merges_them(first: Request, second: Request) -> None:
    # Protobuf: concatenated messages merge; repeated parts follow each other, here also out of order inside a resource.
    check([first.SerializeToString() + second.SerializeToString()])


@settings(max_examples=25, deadline=None)
@given(requests())
def test_forgetting_slices_changes_no_identity(request_: Request) -> None:
    check([request_.SerializeToString()] * 4, max_slices=1)


@settings(max_examples=150, deadline=None)
@given(requests(), st.randoms(use_true_random=False))
def test_broken_bytes_are_refused_or_read_as_protobuf_reads_them(request_: Request, rnd: random.Random) -> None:
    body = bytearray(request_.SerializeToString())
    for _ in range(min(len(body), 2)):
        body[rnd.randrange(len(body))] = rnd.randrange(256)
    broken = bytes(body[: rnd.randrange(len(body) + 1)] if rnd.random() < 0.5 else body)
    scanner = Scanner(Interned())
    scanner.scan(request_.SerializeToString())  # what it knows of whole payloads must not make it accept broken ones
    try:
        true = list(points(broken))
    except DecodeError:
        with pytest.raises(MalformedPayload):
            scanner.scan(broken)
        return
    scan = scanner.scan(broken)
    assert sorted(scan.slots_and_times()[1].view(np.uint64).tolist()) == sorted(seen.time for seen in true)


def counters(values: list[float], *, first: int = 0) -> Request:
    request = Request()
    metric = request.resource_metrics.add().scope_metrics.add().metrics.add(name="hits")
    metric.sum.aggregation_temporality, metric.sum.is_monotonic = 2, True
    for index, value in enumerate(values):
        point = metric.sum.data_points.add(start_time_unix_nano=START, time_unix_nano=START + 5, as_double=value)
        point.attributes.extend(key_values([("route", f"/r{first + index}"), ("status", 200)]))
    return request


def test_constants_by_hand() -> None:
    # Three routes, one status: 3 streams, values 1, 2, 3 at START + 5.
    interned = Interned()
    scan = Scanner(interned).scan(counters([1.0, 2.0, 3.0]).SerializeToString())
    assert [(len(scan), len(interned.points)), rows(scan)] == [(3, 3), [(i, START + 5, i + 1.0) for i in range(3)]]
    assert interned.points[1].attributes == (("route", "/r1"), ("status", 200))
    assert interned.points[1].metric.monotonic
    # Second layout by the same metric: one integer point without start time, and one whose attributes come reversed.
    other = counters([7.0])
    point = other.resource_metrics[0].scope_metrics[0].metrics[0].sum.data_points.add(time_unix_nano=9, as_int=-4)
    point.attributes.extend(key_values([("status", 200), ("route", "/r0")]))
    scanner = Scanner(interned)
    assert rows(scanner.scan(other.SerializeToString())) == [(0, START + 5, 7.0), (0, 9, -4.0)]


def test_a_shuffled_payload_needs_no_decoding() -> None:
    interned = Interned()
    scanner = Scanner(interned)
    request = counters([float(value) for value in range(50)])
    scanner.scan(request.SerializeToString())
    data = request.resource_metrics[0].scope_metrics[0].metrics[0].sum
    shuffled = list(data.data_points)
    random.Random(1).shuffle(shuffled)
    del data.data_points[:]
    data.data_points.extend(shuffled)

    def refuse(point: PointIdentity) -> int:
        raise AssertionError(f"decoded again: {point}")

    scanner._intern = refuse
    scan = scanner.scan(request.SerializeToString())
    assert sorted(rows(scan)) == [(i, START + 5, float(i)) for i in range(50)]


@settings(max_examples=60, deadline=None)
@given(requests(), st.randoms(use_true_random=False))
def test_repeated_payloads_read_as_if_they_were_new(request_: Request, rnd: random.Random) -> None:
    bodies = [request_.SerializeToString()] * 2
    for _ in range(3):
        for resource in request_.resource_metrics:
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    change(metric, rnd)
        bodies.append(request_.SerializeToString())
    check(bodies)


def change(metric: Any, rnd: random.Random) -> None:
    """New times and values, the same length; now and then something that is identity."""
    kind = metric.WhichOneof("data")
    for point in getattr(metric, kind).data_points if kind else ():
        point.time_unix_nano = point.time_unix_nano and START + rnd.randrange(100)
        if kind in ("gauge", "sum") and (value := point.WhichOneof("value")):
            setattr(point, value, rnd.randrange(1, 1000))
        if kind == "histogram":
            point.count = point.count and rnd.randrange(1, 99)
            point.bucket_counts[:] = [rnd.randrange(99) for _ in point.bucket_counts]
            if point.HasField("min"):
                point.min, point.max = rnd.random(), rnd.random()
        if rnd.random() < 0.05:
            for pair in point.attributes:
                if len(pair.value.string_value) == 1 and not pair.key.startswith("phoenix."):
                    pair.value.string_value = rnd.choice("xyz")


def test_a_repeat_is_not_decoded_and_a_change_of_one_letter_is_seen() -> None:
    interned = Interned()
    scanner = Scanner(interned)
    bodies = [counters([float(tick + index) for index in range(30)]).SerializeToString() for tick in range(5)]
    for body in bodies[:2]:
        scanner.scan(body)
    scanner._points = None  # type: ignore[assignment]  # a repeat does not come as far as points
    assert rows(scanner.scan(bodies[2])) == [(i, START + 5, 2.0 + i) for i in range(30)]
    assert rows(scanner.scan(bodies[3])) == [(i, START + 5, 3.0 + i) for i in range(30)]
    del scanner._points
    other = bodies[4].replace(b"/r7", b"/rX")
    found = rows(scanner.scan(other))
    assert [slot for slot, _, _ in found] == [*range(7), 30, *range(8, 30)]
    assert interned.points[30].attributes[0] == ("route", "/rX")


def test_a_known_key_behind_another_head_is_not_misread() -> None:
    # Same key bytes at the same offset, but the time is given twice, not start and time: protobuf's last wins.
    scanner = Scanner(Interned())
    body = counters([1.0]).SerializeToString()
    assert rows(scanner.scan(body)) == [(0, START + 5, 1.0)]
    twice = body.replace(b"\x11" + START.to_bytes(8, "little"), b"\x19" + (3).to_bytes(8, "little"))
    assert rows(scanner.scan(twice)) == [(0, START + 5, 1.0)]
    reversed_ = body.replace(b"\x11" + START.to_bytes(8, "little"), b"\x59" + START.to_bytes(8, "little"))
    assert rows(scanner.scan(reversed_)) == [(0, START + 5, 1.0)]


@pytest.mark.parametrize("body", [b"\x0a", b"\x0a\x05abc", b"\xff" * 12, b"hello world", b"{}"])
def test_malformed_bytes_are_named_so(body: bytes) -> None:
    with pytest.raises(MalformedPayload, match="OTLP"):
        Scanner(Interned()).scan(body)


def test_nothing_in_nothing_out() -> None:
    slots, times = Scanner(Interned()).scan(b"").slots_and_times()
    assert (len(slots), len(times)) == (0, 0)
