"""Plans by series: for payloads whose shape is new because some of their series are.

What becomes of a series is learned once (`outcomes`); from that, and from where the points of a payload are (`rows`),
a template for this payload is put together (`arrange`), without running a processor. New series are learned on the way,
unless they are most of a payload. The first payloads are also run, and what was put together is only believed if it
was the same.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from phoenix.engine.component import Work
from phoenix.engine.errors import ConsumeError
from phoenix.engine.plan.arrange import arrange
from phoenix.engine.plan.outcomes import Outcomes
from phoenix.engine.plan.rows import Rows, Series
from phoenix.engine.plan.shape import starts_with_time
from phoenix.engine.plan.template import Template
from phoenix.engine.plan.times import TimeLaw, law
from phoenix.engine.plan.trace import Untraceable

_LEARNED_AT_ONCE = 0.5
"""Share of a payload's points that may be new series; of more, so many are learned while it goes the ordinary way."""
_LEAST_LEARNED = 64
_MOST_FAILURES = 3
_CHECKED = 2
_MOST_LAYOUTS = 255
log = logging.getLogger(__name__)


def steps_allow(works: Sequence[Work]) -> bool:
    """Whether the processors treat each series by itself, in an order in which plans by series are right.

    Points are changed and dropped first, then perhaps put together, then perhaps merged.
    """
    if not all(work.steps for work in works):
        return False
    order = ["points", "compact", "merge"]
    steps = [order.index(step.how) for work in works for step in work.steps]
    return steps == sorted(steps) and steps.count(1) <= 1 and steps.count(2) <= 1


@dataclass(frozen=True, slots=True)
class Planned:
    """What is done to a payload: its times are set, then the template applied."""

    law: TimeLaw
    timed: bytes
    """the payload with its times set"""
    template: Template
    settled: bool
    """whether it is right for all payloads of its shape"""


class BySeries:
    """The plans by series of some processors. Not thread-safe.

    Args:
        works: of the processors in order, with a state of their own: they are run on made-up requests.
    """

    def __init__(self, works: Sequence[Work]) -> None:
        self._series = Series()
        self._outcomes = Outcomes(works)
        self._generation = 0
        self._failures = 0
        self._agreed = 0
        self.learning = False
        """whether the last payload had series that were not all learned: a later one like it may be planned"""

    @property
    def believed(self) -> bool:
        """Whether it was what the processors gave so often that it is used, and was not given up since."""
        return self._agreed >= _CHECKED and self._failures < _MOST_FAILURES

    def compare(self, put_together: object, ran: object) -> None:
        """Told both results, and counts of points, for a payload that was also run."""
        if put_together == ran:
            self._agreed += 1
        else:
            log.warning("a plan by series gave another result than its processors; it is not used")
            self._failures = _MOST_FAILURES

    def plan(self, data: bytes) -> Planned | None:
        """What to do with a payload; None: it must be run."""
        self.learning = False
        if self._failures >= _MOST_FAILURES:
            return None
        rows = self._series.read(data)
        if self._generation != self._series.generation:
            self._generation = self._series.generation
            self._outcomes.clear()
        if rows is None or len(rows.layouts) > _MOST_LAYOUTS or not self._all_known(data, rows):
            return None
        times = self._law(rows)
        timed = times.apply(data) if times else None
        if times is None or timed is None:
            return None
        made = arrange(timed, rows, self._outcomes)
        return None if made is None else Planned(times, timed, made.template, made.settled)

    def _all_known(self, data: bytes, rows: Rows) -> bool:
        """Learn what is new; whether all is known now."""
        new = self._outcomes.unknown(rows, self._series.count)
        if not new:
            return True
        most = max(_LEAST_LEARNED, int(len(rows) * _LEARNED_AT_ONCE))
        try:
            self._outcomes.learn(data, rows, new[:most])
        except (Untraceable, ConsumeError, ArithmeticError, ValueError) as error:
            self._failures += 1
            log.debug("%d series cannot be planned: %s", len(new), error)
            return False
        self.learning = len(new) > most
        return not self.learning

    def _law(self, rows: Rows) -> TimeLaw | None:
        """How the times of a payload are set."""
        rules = self._outcomes.rules
        if len(rules) == 1:
            return TimeLaw(())
        rule = self._outcomes.rule[rows.series]
        times = rows.at + np.array([one.time for one in rows.layouts])[rows.layout]
        starting = np.array([starts_with_time(one) for one in rows.layouts])[rows.layout]
        starts = np.where(starting, rows.at + 1, -1)
        return law(rules, rule, times, starts)
