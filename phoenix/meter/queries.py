"""PromQL over what arrived: each query asked once a window, at its end, of one variant's series.

The instant is a millisecond before the window's end, so that its ranges hold whole windows. A series has a value if it
sent a point within the window: Prometheus's lookback of five minutes would hide a loss for as long. What a recording
rule records is there for the queries after it, in the same window, as in one rule group.
Bounded: `MAX_SERIES` values a query; beyond that it has a problem instead of values. Owned by one thread.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from phoenix.meter.history import Floats, History
from phoenix.meter.registry import Ids
from phoenix.promql.errors import PromqlError
from phoenix.promql.evaluate import Instant, evaluate, reach_ms
from phoenix.promql.syntax import Expr, Selector, selectors
from phoenix.promql.usage import Needs, needs
from phoenix.promql.vectors import NAME, Labels, Range, Vector, range_of

MAX_SERIES = 5_000
_MS = 1_000_000


@dataclass(frozen=True, slots=True)
class AskedQuery:
    """A query the meter answers. `record`: name under which the answer is there for later ones, with `labels`."""

    name: str
    expr: Expr
    record: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Chosen:
    """Members that a selector selects, of the first `checked` known."""

    members: list[int] = field(default_factory=list)
    checked: int = 0


class Queries:
    """All queries of one variant: told of members as they appear, asked once a window, in order."""

    def __init__(self, asked: Iterable[AskedQuery], history: History, *, window_ns: int) -> None:
        self._asked = list(asked)
        self._needs: dict[str, Needs] = {query.name: needs(query.expr) for query in self._asked}
        self._history = history
        self._lookback_ms = window_ns // _MS - 1
        self._labels: dict[int, Labels] = {}
        self._order: list[int] = []
        self._by_name: dict[str, set[str]] = {}
        self._chosen: dict[tuple[str, tuple[object, ...]], _Chosen] = {}
        self._recorded: dict[Labels, tuple[list[int], list[float]]] = {}
        parts = [part for query in self._asked for part in selectors(query.expr)]
        self.names = {part.name for part in parts if part.name}
        self.any_name = any(not part.name for part in parts)

    @staticmethod
    def range_ns(asked: Iterable[AskedQuery], window_ns: int) -> int:
        """How much history the queries need, nanoseconds."""
        return max((reach_ms(query.expr, window_ns // _MS) * _MS + window_ns for query in asked), default=0)

    def place(self, member: int, name: str, labels: Mapping[str, str]) -> None:
        """A new member: one series of the metric `name`."""
        self._labels[member] = Labels({**labels, NAME: name})
        self._order.append(member)
        self._by_name.setdefault(name, set()).update(labels)

    def points(self, start_ns: int, end_ns: int) -> Range:
        """Every point with start <= time < end of the series that queries read, for somebody else to answer them."""
        members, times, values = self._history.between(np.array(self._order, np.int64), start_ns, end_ns)
        return self._range_of(members, times, values)

    def problems(self) -> dict[str, str]:
        """Of each query what it names that nothing here has, where somebody else answers them."""
        recorded = {query.record for query in self._asked if query.record}
        found = ((query.name, self._problem(query.name, recorded)) for query in self._asked)
        return {name: problem for name, problem in found if problem}

    def answer(self, end_ns: int) -> tuple[dict[str, dict[str, float]], dict[str, str]]:
        """Values by query and group, and why a query has none or cannot be trusted to be whole."""
        values: dict[str, dict[str, float]] = {}
        problems: dict[str, str] = {}
        at_ms = end_ns // _MS - 1
        now = Instant(self, at_ms, self._lookback_ms)
        for query in self._asked:
            try:
                vector = evaluate(query.expr, now)
            except PromqlError as error:
                values[query.name], problems[query.name] = {}, str(error)
                continue
            if len(vector.labels) > MAX_SERIES:
                values[query.name] = {}
                problems[query.name] = f"{len(vector.labels)} series, more than {MAX_SERIES}: aggregate it"
                continue
            values[query.name] = {group(labels): value for labels, value in vector.items()}
            if problem := self._problem(query.name, {labels.map[NAME] for labels in self._recorded}):
                problems[query.name] = problem
            if query.record:
                self._record(query, vector, at_ms)
        self._forget(at_ms - self._history.range_ns // _MS)
        return values, problems

    def _problem(self, name: str, recorded: set[str]) -> str:
        """Metrics and labels the query names that nothing here has."""
        wanted = self._needs[name]
        known = self._by_name.keys() | recorded
        if gone := sorted(wanted.metrics - known):
            return f"metric {', '.join(gone)} was not seen"
        there = (
            set().union(*(self._by_name.get(metric, set()) for metric in wanted.metrics)) if wanted.metrics else None
        )
        if there is None or wanted.metrics - self._by_name.keys():
            return ""
        if missing := sorted(wanted.labels - there):
            return f"no series of {', '.join(sorted(wanted.metrics))} has the label {', '.join(missing)}"
        return ""

    def _record(self, query: AskedQuery, vector: Vector, at_ms: int) -> None:
        for labels, value in vector.items():
            key = Labels({**labels.map, **query.labels, NAME: query.record})
            times, numbers = self._recorded.setdefault(key, ([], []))
            times.append(at_ms)
            numbers.append(value)

    def _forget(self, before_ms: int) -> None:
        for labels, (times, numbers) in list(self._recorded.items()):
            old = sum(time < before_ms for time in times)
            del times[:old], numbers[:old]
            if not times:
                del self._recorded[labels]

    def select(self, selector: Selector, first_ms: int, last_ms: int) -> Range:
        """See `phoenix.promql.vectors.Store`."""
        recorded = [
            (labels, *_within(times, numbers, first_ms, last_ms))
            for labels, (times, numbers) in self._recorded.items()
            if selector.selects(labels.map)
        ]
        if recorded:
            return range_of(recorded)
        return self._range_of(*self._history.between(self._members(selector), first_ms * _MS, (last_ms + 1) * _MS))

    def _range_of(self, members: Ids, times: Ids, values: Floats) -> Range:
        if not len(members):
            return Range([], np.zeros(1, np.int64), times, values)
        starts = np.flatnonzero(np.concatenate([[True], members[1:] != members[:-1], [True]]))
        return Range([self._labels[at] for at in members[starts[:-1]].tolist()], starts, times // _MS, values)

    def _members(self, selector: Selector) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        chosen = self._chosen.setdefault((selector.name, selector.matchers), _Chosen())
        for member in self._order[chosen.checked :]:
            if selector.selects(self._labels[member].map):
                chosen.members.append(member)
        chosen.checked = len(self._order)
        return np.array(chosen.members, np.int64)


def _within(times: list[int], numbers: list[float], first: int, last: int) -> tuple[list[int], list[float]]:
    kept = [at for at, time in enumerate(times) if first <= time <= last]
    return [times[at] for at in kept], [numbers[at] for at in kept]


def group(labels: Labels) -> str:
    """`label=value,…`, sorted; commas and backslashes in values are escaped with a backslash."""
    return ",".join(f"{name}={_escaped(value)}" for name, value in sorted(labels.map.items()))


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace(",", "\\,")
