"""The identity table: exact, whatever the keys are, and as small as it says."""

from __future__ import annotations

import random

from xxhash import xxh3_128_intdigest

from phoenix.meter.identities import IdentityTable

MANY = 200_000


def digest(number: int) -> int:
    return xxh3_128_intdigest(number.to_bytes(8, "little"))


def test_two_hundred_thousand_are_counted_exactly_in_24_bytes_each() -> None:
    table = IdentityTable()
    for number in range(MANY):
        assert table.add(digest(number)) == number
        if number % 1000 == 0:  # at every size, a page to begin with apart: growing never holds more
            assert table.nbytes <= 24 * number + (1 << 18)
    assert len(table) == MANY
    assert table.nbytes <= 24 * MANY
    again = random.Random(7).sample(range(MANY), 20_000)
    assert [table.add(digest(number)) for number in again] == again
    assert len(table) == MANY


def test_keys_that_meet_in_one_place_stay_apart() -> None:
    # The first half of a digest decides the place: all of these want the same, the last one of its segment.
    table, keys = IdentityTable(), [((1 << 64) - 1) << 64 | number for number in range(500)]
    assert [table.add(key) for key in keys] == list(range(500))
    assert [table.add(key) for key in reversed(keys)] == list(reversed(range(500)))


def test_keys_that_differ_in_one_half_only_are_two() -> None:
    table = IdentityTable()
    keys = [0, 1, 1 << 64, 1 << 64 | 1, (1 << 128) - 1, (1 << 127), (1 << 63)]
    assert [table.add(key) for key in keys * 2] == [*range(len(keys))] * 2
