"""Runs of points of one length: read together as they would be read one by one."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from phoenix.otlp import even
from phoenix.otlp.identity import PointIdentity
from phoenix.otlp.scan import Scanner

HASHES = st.integers(0, 2**64 - 1)
KEYS = st.tuples(st.one_of(HASHES, st.sampled_from([0, 1, 2**63])), st.one_of(HASHES, st.integers(0, 3)))


@settings(deadline=None, max_examples=60)
@given(st.lists(st.lists(KEYS, max_size=200), max_size=6))
def test_keys_agree_with_a_dict(batches: list[list[tuple[int, int]]]) -> None:
    table, naive = even.EvenKeys(), dict[tuple[int, int], int]()
    for batch in batches:
        keys = np.array(batch, np.uint64).reshape(-1, 2).T
        found = table.find(keys)
        assert found.tolist() == [naive.get(key, -1) for key in batch]
        fresh = found < 0
        # One key has one slot, however often it is given.
        slots = np.array([sum(key) % 1_000_003 for key in batch], np.int64)
        added = table.add(keys[:, fresh], slots[fresh])
        assert added == len(set(batch) - set(naive))
        naive.update({key: sum(key) % 1_000_003 for key in batch})
        assert table.find(keys).tolist() == [naive[key] for key in batch]


def test_digests_tell_apart_what_differs_in_high_bits_of_two_words() -> None:
    # Multiplication alone would let such differences cancel out.
    rows = [bytearray(b"a" * 20) for _ in range(4)]
    rows[1][7] ^= 0x40
    rows[2][15] ^= 0x40
    rows[3][7] ^= 0x40
    rows[3][15] ^= 0x40
    found = even.digests(b"".join(rows), 0, 20, 4, 20)
    assert len(set(found[0].tolist())) == 4
    assert len(set(found[1].tolist())) == 4


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"\x0a\x02xy" * 16, (4, 2)),
        (b"\x0a\x02xy" * 15, (0, 0)),  # too few
        (b"\x0a\x02xy" * 15 + b"\x0a\x01xy", (0, 0)),  # another length
        (b"\x0a\x02xy" * 15 + b"\x12\x02xy", (0, 0)),  # another field
        (b"\x0a\x02xy" * 16 + b"z", (0, 0)),  # something behind
        (b"\x0a\xc8\x01" + b"x" * 200, (0, 0)),
        ((b"\x0a\xc8\x01" + b"x" * 200) * 20, (203, 3)),
    ],
)
def test_even_length(data: bytes, expected: tuple[int, int]) -> None:
    assert even.even_length(data, 0, len(data)) == expected


def request(names: list[str], time_unix_nano: int, values: list[float]) -> bytes:
    built = ExportMetricsServiceRequest()
    metric = built.resource_metrics.add().scope_metrics.add().metrics.add(name="m")
    metric.sum.aggregation_temporality = 2
    for name, value in zip(names, values, strict=True):
        point = metric.sum.data_points.add(start_time_unix_nano=1, time_unix_nano=time_unix_nano, as_double=value)
        point.attributes.add(key="user").value.string_value = name
    return built.SerializeToString()


@pytest.mark.parametrize("seed", range(8))
def test_shuffled_runs_with_newcomers_and_odd_lengths_read_as_they_are_written(seed: int) -> None:
    rng = random.Random(seed)
    ids: dict[str, int] = {}

    def intern(point: PointIdentity) -> int:
        (part,) = point.parts
        return ids.setdefault(str(part.value), len(ids))

    scanner = Scanner(intern)
    for tick in range(6):
        names = [f"user-{number:05d}" for number in range(rng.randrange(16, 60))]
        names += [f"new-{tick}-{number}" for number in range(rng.choice([0, 0, 3]))]  # breaks the run
        names += rng.sample(names, 2)  # the same series twice in a request
        rng.shuffle(names)
        values = [rng.random() for _ in names]
        data = request(names, 10**9 + tick, values)
        scan = scanner.scan(data)
        by_place: list[tuple[int, int, float]] = []
        for points in scan.points:
            found = points.layout.values(scan.words, scan.octets, points.at)
            by_place += zip(points.at.tolist(), points.slots.tolist(), found.tolist(), strict=True)
        by_place.sort()
        assert not scan.odd
        assert [(slot, value) for _, slot, value in by_place] == [
            (ids[name], value) for name, value in zip(names, values, strict=True)
        ]
