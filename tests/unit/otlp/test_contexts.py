"""Attributes are taken out of a point's key as protobuf reads them, whatever the key before it looked like."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.metrics.v1.metrics_pb2 import HistogramDataPoint, NumberDataPoint

from phoenix.otlp.contexts import KnownParts

NAMES = st.sampled_from(["a", "b", "cc", "dd", "phoenix.x"])
PAIRS = st.lists(st.tuples(NAMES, st.sampled_from(["", "x", "yy", "zzz", "long" * 40])), max_size=4)
POINTS = st.tuples(st.booleans(), PAIRS)


@settings(deadline=None, max_examples=150)
@given(st.lists(POINTS, max_size=12))
def test_keys_of_one_length_are_taken_apart_each_in_its_own_way(
    points: list[tuple[bool, list[tuple[str, str]]]],
) -> None:
    known = KnownParts()
    for histogram, pairs in points:
        point = HistogramDataPoint() if histogram else NumberDataPoint()
        for name, value in pairs:
            point.attributes.add(key=name).value.string_value = value
        tag = (9 if histogram else 7) << 3 | 2
        parts = known.plain(point.SerializeToString(), tag)
        names = [name for name, _ in pairs]
        plain = len(set(names)) == len(names) and "phoenix.x" not in names
        if plain and all(len(value) < 100 for _, value in pairs):
            assert parts is not None
            assert [(part.key, part.value) for part in parts] == pairs
        else:
            assert parts is None


def test_a_key_with_more_than_attributes_or_cut_short_is_not_plain() -> None:
    known, point = KnownParts(), NumberDataPoint()
    point.attributes.add(key="a").value.string_value = "xyz"
    key = point.SerializeToString()
    assert known.plain(key, 0x3A) is not None
    assert known.plain(key, 0x4A) is None
    assert known.plain(key[:-1], 0x3A) is None
    assert known.plain(key + b"\x40\x01", 0x3A) is None
    assert known.plain(key + b"\x3a", 0x3A) is None
