"""Times that processors set by rule: to each other, and truncated to multiples of a duration.

`datapoint.time` and `start_time` may be set to either of them, as it is or by `TruncateTime`. Which of it is done to a
point depends on its identity, and is told by running the processor once on points with times from which every such
rule leads to another result.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from phoenix.engine.component import Work
from phoenix.engine.data import Metrics
from phoenix.engine.ottl.zones import ZERO_TIME_UNIX_NANO
from phoenix.engine.plan.shape import Shape, starts_with_time
from phoenix.engine.plan.trace import numbered, numbers_of, points_of_request
from phoenix.otlp.layout import Offsets
from phoenix.otlp.repeats import words_of

_ABOUT_NS = 1_600_000_000 * 10**9
_MOST_NS = 1 << 60
Rule = tuple[str, int]
"""What a time is set to: one of the point's times as it came, and the duration it is truncated to (0: it is not)."""


KEPT: tuple[Rule, Rule] = (("time", 0), ("start", 0))
"""Both times stay as they are."""


@dataclass(frozen=True, slots=True)
class Change:
    """Words that are set: places of shape (n,); `step_ns` 0: not truncated."""

    target: Offsets
    source: Offsets
    step_ns: int


@dataclass(frozen=True, slots=True)
class TimeLaw:
    """What is done to the times of the payloads of one shape."""

    changes: tuple[Change, ...]

    def apply(self, data: bytes) -> bytes | None:
        """The payload with its times set; None: a time is beyond what is worked on here."""
        if not self.changes:
            return data
        out = bytearray(data)
        before, after = words_of(data), words_of(out)
        for change in self.changes:
            times = before[change.source]
            if (times.view(np.int64) <= 0).any():
                return None
            if change.step_ns:
                times = times - (times + np.uint64(-ZERO_TIME_UNIX_NANO % change.step_ns)) % np.uint64(change.step_ns)
                if not times.all():
                    return None
            after[change.target] = times
        return bytes(out)


def aligned(durations_ns: frozenset[int]) -> int | None:
    """A time that truncating to any of the durations leaves as it is; None: they have none that is small enough."""
    step = _step(durations_ns)
    return None if step is None else _ABOUT_NS - (_ABOUT_NS - ZERO_TIME_UNIX_NANO) % step


def law_of(work: Work, data: bytes, shape: Shape) -> TimeLaw | None:
    """What the work does to the times of payloads of a shape; None if it cannot be told.

    Args:
        work: with durations; run on a copy.
        data: a payload of the shape.
        shape: its shape.
    """
    found = rules_of(work, data)
    if found is None:
        return None
    rules = list({KEPT, *found.values()})
    index = {rule: place for place, rule in enumerate(rules)}
    which = np.array([index[found.get(number, KEPT)] for number in range(shape.points)], np.int64)
    return law(rules, which, *_places(shape))


def rules_of(work: Work, data: bytes) -> dict[int, tuple[Rule, Rule]] | None:
    """What the work sets time and start time of each of a payload's points to, by number; None: it cannot be told."""
    durations = work.durations_ns or frozenset()
    base, step = aligned(durations), _step(durations)
    if base is None or step is None:
        return None
    time, start = base - 1, base - step - 1
    results: dict[int, Rule] = {time: ("time", 0), start: ("start", 0)}
    for length in durations:
        if length > 1:
            results[base - length], results[base - step - length] = ("time", length), ("start", length)
    left = work.do(Metrics.of(numbered(data, time=time, start=start)))
    found: dict[int, tuple[Rule, Rule]] = {}
    for point, _ in points_of_request(left.message()) if left else ():
        rule = results.get(point.time_unix_nano), results.get(point.start_time_unix_nano or start)
        for number in numbers_of(point):
            if rule[0] is None or rule[1] is None or found.setdefault(number, (rule[0], rule[1])) != rule:
                return None
    return found


def _step(durations_ns: frozenset[int]) -> int | None:
    """A multiple of all durations, and more than any."""
    step = math.lcm(*(length for length in durations_ns if length > 1)) * 2
    return step if step < _MOST_NS else None


def law(rules: Sequence[tuple[Rule, Rule]], which: Offsets, times: Offsets, starts: Offsets) -> TimeLaw | None:
    """The law for points of which each has a rule.

    Args:
        rules: what time and start time are set to.
        which: index of each point's rule, shape (n,).
        times: places of times, shape (n,).
        starts: places of start times, -1: there is none.
    """
    changes: dict[int, list[tuple[Offsets, Offsets]]] = defaultdict(list)
    for index in np.unique(which).tolist():
        chosen = which == index
        for targets, own, (name, length) in ((times, "time", rules[index][0]), (starts, "start", rules[index][1])):
            if (name, length) == (own, 0):
                continue
            target, source = targets[chosen], (times if name == "time" else starts)[chosen]
            if (target < 0).any() or (source < 0).any():
                return None  # the point would get, or lose, a field
            changes[length].append((target, source))
    made = {length: [np.concatenate(side) for side in zip(*pairs, strict=True)] for length, pairs in changes.items()}
    return TimeLaw(tuple(Change(targets, sources, length) for length, (targets, sources) in made.items()))


def _places(shape: Shape) -> tuple[Offsets, Offsets]:
    """Places of the time and of the start time, or -1, of each point by its number."""
    times, starts = np.full(shape.points, -1, np.int64), np.full(shape.points, -1, np.int64)
    for lane in shape.lanes:
        times[lane.number] = lane.at + lane.layout.time
        if starts_with_time(lane.layout):
            starts[lane.number] = lane.at + 1
    return times, starts
