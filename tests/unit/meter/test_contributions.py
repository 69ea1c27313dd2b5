"""What would vanish without a label: held to counting label sets by hand, at a size where pages fill and widen."""

from __future__ import annotations

import random
from collections.abc import Mapping

import numpy as np

from phoenix.meter.contributions import Contributions, rank
from phoenix.meter.registry import NewSeries
from phoenix.otlp.identity import MetricIdentity
from phoenix.otlp.model import MetricType
from phoenix.samples.model import ContributionRow

_METRIC = MetricIdentity((), "", "", (), "m", "", MetricType.GAUGE)


def fill(label_sets: list[Mapping[str, str]]) -> Contributions:
    one = Contributions()
    for unit, labels in enumerate(label_sets):
        one.enroll(NewSeries(unit, unit, True, _METRIC, "m", labels, (), True))
    return one


def ranked(one: Contributions, seen: list[bool]) -> dict[str, ContributionRow]:
    number = len(seen)
    frozen = one.freeze(np.array(seen), np.ones(number, np.int64), np.full(number, -1, np.int64))
    return {row.label: row for row in rank(frozen)}


def label_sets(number: int) -> list[Mapping[str, str]]:
    """All different; a label more from the middle on."""
    pick = random.Random(11)
    found: dict[tuple[tuple[str, str], ...], Mapping[str, str]] = {}
    while len(found) < number:
        labels = {"pod": f"p{pick.randrange(number // 4)}", "code": str(pick.randrange(5)), "job": "j"}
        if len(found) > number // 2:
            labels["zone"] = str(pick.randrange(3))
        found[tuple(sorted(labels.items()))] = labels
    return list(found.values())


def test_rows_are_what_counting_by_hand_gives() -> None:
    sets = label_sets(9_000)
    seen = [bool(at % 7) for at in range(len(sets))]
    rows = ranked(fill(sets), seen)
    live = [labels for labels, here in zip(sets, seen, strict=True) if here]
    assert rows[""].series == len(live)
    for label in ("pod", "code", "zone"):
        without = {tuple(sorted((k, v) for k, v in labels.items() if k != label)) for labels in live}
        assert (rows[label].series, rows[label].values) == (
            len(live) - len(without),
            len({labels[label] for labels in live if label in labels}),
        )
    assert "job" not in rows  # nothing would vanish


def test_what_was_frozen_stays_while_more_comes() -> None:
    sets = label_sets(3_000)
    one = fill(sets)
    number = len(sets)
    frozen = one.freeze(np.ones(number, np.bool_), np.ones(number, np.int64), np.full(number, -1, np.int64))
    before = rank(frozen)
    for unit in range(number, 2 * number):
        one.enroll(NewSeries(unit, unit, True, _METRIC, "m", {"other": str(unit)}, (), True))
    assert rank(frozen) == before
