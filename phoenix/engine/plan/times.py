"""Times that processors set by rule: to each other, and truncated to multiples of a duration.

`datapoint.time` and `start_time` may be set to either of them, as it is or by `TruncateTime`. Which of it is done to a
point depends on its identity, and is told by running the processor once on points with times from which every such
rule leads to another result.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from phoenix.engine.component import Work
from phoenix.engine.data import Metrics
from phoenix.engine.plan.shape import Shape, starts_with_time
from phoenix.engine.plan.trace import numbered, numbers_of, points_of_request
from phoenix.otlp.layout import Offsets
from phoenix.otlp.repeats import words_of

ZERO_TIME_UNIX_NANO = -62_135_596_800_000_000_000
"""Go truncates relative to year 1, not to 1970; the two differ for lengths that do not divide a day."""
_ABOUT_NS = 1_600_000_000 * 10**9
_MOST_NS = 1 << 60
Rule = tuple[str, int]
"""What a time is set to: one of the point's times as it came, and the duration it is truncated to (0: it is not)."""


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
    return None if found is None else law(found, *_places(shape))


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


def law(found: Mapping[int, tuple[Rule, Rule]], times: Offsets, starts: Offsets) -> TimeLaw | None:
    """The rules for points that have their times at these places, by number; starts of -1: there is none."""
    changes: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for number, (time_at, start_at) in enumerate(zip(times.tolist(), starts.tolist(), strict=True)):
        for target, own, rule in zip((time_at, start_at), ("time", "start"), found.get(number, ()), strict=False):
            name, length = rule
            if rule == (own, 0):
                continue
            source = time_at if name == "time" else start_at
            if target < 0 or source < 0:
                return None  # the point would get, or lose, a field
            changes[length].append((target, source))
    arrays = {length: np.array(rows, np.int64).T.copy() for length, rows in changes.items()}
    return TimeLaw(tuple(Change(targets, sources, length) for length, (targets, sources) in arrays.items()))


def _places(shape: Shape) -> tuple[Offsets, Offsets]:
    """Places of the time and of the start time, or -1, of each point by its number."""
    times, starts = np.full(shape.points, -1, np.int64), np.full(shape.points, -1, np.int64)
    for lane in shape.lanes:
        times[lane.number] = lane.at + lane.layout.time
        if starts_with_time(lane.layout):
            starts[lane.number] = lane.at + 1
    return times, starts
