"""Signals: answers to PromQL-like queries over what arrived, one set of values for each window.

Meaning, for a window [start, end):

- A series is what a Prometheus-type backend would have: translated name and labels; histograms have `_count`, `_sum`
  and `_bucket` (label `le`), summaries `_count`, `_sum` and the bare name (label `quantile`).
- `metric` without rate: the series' last value in the window. There is no lookback: a series that sent nothing in the
  window has no value, because a backend that still shows it would hide its loss.
- `rate(metric[d])`: Prometheus's rate with its extrapolation and its treatment of resets, over [end - d, end). (The
  range is closed on the left and open on the right, unlike Prometheus's, so that it is made of whole windows.) Two
  points at least. Of series with delta temporality it is the sum of their points in the range, divided by d.
- Of points of one series with one time stamp the last to arrive counts, as in the Collector's prometheus exporter.
- Late points, points without a recorded value, NaN and infinities take no part.

Groups are keyed `label=value,…`, sorted by label; a label that a series has not is left out of its key, as in PromQL;
commas and backslashes in values are escaped with a backslash. Owned by one thread.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from phoenix.meter.columns import Column
from phoenix.meter.history import History, Vector
from phoenix.meter.queries import AskedQuery, Queries
from phoenix.meter.registry import Ids, NewSeries
from phoenix.otlp.identity import format_bound
from phoenix.otlp.model import MetricType, Temporality
from phoenix.otlp.repeats import Points
from phoenix.otlp.scan import OddPoint, Scan
from phoenix.otlp.signalquery import Aggregation, Signal
from phoenix.promql.vectors import Range

_NONE = -1
_REMEMBERED_NAMES = 2_000
_NUMBERS = (MetricType.GAUGE, MetricType.SUM)


@dataclass(slots=True)
class _Answer:
    """One signal and what is known of its metric."""

    name: str
    signal: Signal
    member_group: Column[np.int64] = field(default_factory=lambda: Column(np.int64))
    groups: dict[str, int] = field(default_factory=dict)
    labels: set[str] = field(default_factory=set)
    """labels of the metric's series, selected or not"""

    def place(self, member: int, labels: Mapping[str, str]) -> None:
        """Put a new member into its group, if it is selected."""
        self.member_group.extend(member + 1, _NONE)
        self.labels |= labels.keys()
        if self.signal.selects(labels):
            key = ",".join(f"{label}={_escaped(labels[label])}" for label in self.signal.by if label in labels)
            self.member_group[member] = self.groups.setdefault(key, len(self.groups))


@dataclass(frozen=True, slots=True)
class Answers:
    """Values by signal and group, and why a signal has none."""

    values: dict[str, dict[str, float]]
    problems: dict[str, str]


class Signals:
    """All signals of one variant: told of new series and of scans, asked once a window, in order."""

    def __init__(
        self,
        signals: Iterable[tuple[str, Signal]],
        queries: Sequence[AskedQuery] = (),
        *,
        window_ns: int,
        elsewhere: bool = False,
    ) -> None:
        """`elsewhere`: a Prometheus answers the queries; `points` of each window are kept for it instead."""
        self._answers = [_Answer(name, signal) for name, signal in signals]
        self._by_metric: dict[str, list[_Answer]] = {}
        for answer in self._answers:
            self._by_metric.setdefault(answer.signal.metric, []).append(answer)
        ranges = [round(answer.signal.rate_s * 1e9) for answer in self._answers if answer.signal.rate_s]
        reach_ns = 0 if elsewhere else Queries.range_ns(queries, window_ns)
        self._history = History(max(*ranges, window_ns, reach_ns))
        self.points: dict[int, Range] | None = {} if elsewhere else None
        """By start of each answered window, for its taker to remove."""
        self._queries = Queries(queries, self._history, window_ns=window_ns) if queries else None
        # By slot, the first member of each part that it has; -1 or beyond the end: nobody asked.
        self._columns = {part: Column(np.int64) for part in ("value", "count", "sum", "bucket", "quantile")}
        self._buckets = Column(np.int64)
        """buckets that a slot's bounds make; a point with another number of counts is broken and gives no buckets"""
        self._members: dict[tuple[int, str, tuple[float, ...]], int] = {}
        self._delta = Column(np.bool_)
        self._types: dict[str, MetricType] = {}

    def enroll(self, series: NewSeries) -> None:
        """Make members of a new slot where a signal asks for them."""
        if not self._answers and self._queries is None:
            return
        if len(self._types) < _REMEMBERED_NAMES:
            self._types[series.family] = series.metric.type
        for part, member in self._first_members(series).items():
            column = self._columns[part]
            column.extend(series.slot + 1, _NONE)
            column[series.slot] = member
            if part == "bucket":
                self._buckets.extend(series.slot + 1, 0)
                self._buckets[series.slot] = len(series.bounds) + 1

    def _first_members(self, series: NewSeries) -> dict[str, int]:
        if not series.recorded:
            return {}
        family, type_ = series.family, series.metric.type
        if type_ in _NUMBERS:
            return self._member(series, family, "value", [None], "")
        found = self._member(series, f"{family}_count", "count", [None], "")
        found |= self._member(series, f"{family}_sum", "sum", [None], "")
        if type_ is MetricType.HISTOGRAM:
            bounds = [*series.bounds, float("inf")]
            found |= self._member(series, f"{family}_bucket", "bucket", bounds, "le")
        elif type_ is MetricType.SUMMARY:
            found |= self._member(series, family, "quantile", list(series.bounds), "quantile")
        return found

    def _member(
        self, series: NewSeries, name: str, part: str, bounds: Iterable[float | None], bound_label: str
    ) -> dict[str, int]:
        """Members of one part, one a bound, with ids in a row; returns {part: the first's id}, or nothing unasked."""
        answers, queries = self._by_metric.get(name, ()), self._queries
        if queries is not None and not queries.any_name and name not in queries.names:
            queries = None
        if not answers and queries is None:
            return {}
        key = (series.unit, part, series.bounds if bound_label else ())
        first = self._members.get(key)
        if first is None:
            first = self._members[key] = len(self._delta)
            for bound in bounds:
                member = self._delta.append(series.metric.temporality is Temporality.DELTA)
                extra = {} if bound is None else {bound_label: format_bound(bound)}
                for answer in answers:
                    answer.place(member, {**series.labels, **extra})
                if queries is not None:
                    queries.place(member, name, {**series.labels, **extra})
        return {part: first}

    def take(self, scan: Scan, from_ns: int, before_ns: int) -> None:
        """Keep the values that signals ask for, of points with from <= time < before (the others are not counted)."""
        if not self._members:
            return
        for points in scan.points:
            self._take_points(scan, points, from_ns, before_ns)
        for odd in scan.odd:
            if from_ns <= odd.time < before_ns:
                self._take_odd(odd)

    def _take_points(self, scan: Scan, points: Points, from_ns: int, before_ns: int) -> None:
        on_time = (points.times >= from_ns) & (points.times < before_ns)
        layout = points.layout

        def wanted(part: str, whole: npt.NDArray[np.bool_] = on_time) -> tuple[Ids, Ids, Ids] | None:
            members = _looked_up(self._columns[part], points.slots)
            if members is None:
                return None
            chosen = np.flatnonzero((members >= 0) & whole)
            return (members[chosen], points.times[chosen], points.at[chosen]) if len(chosen) else None

        if not layout.histogram:
            if found := wanted("value"):
                self._history.add(found[0], found[1], layout.values(scan.words, scan.octets, found[2]))
            return
        if found := wanted("count"):
            self._history.add(found[0], found[1], layout.counts(scan.words, found[2]))
        if found := wanted("sum"):
            self._history.add(found[0], found[1], layout.sums(scan.words, found[2]))
        expected = _looked_up(self._buckets, points.slots)
        if expected is not None and (found := wanted("bucket", on_time & (expected == layout.bucket_count))):
            buckets = layout.cumulative_buckets(scan.words, found[2])
            members = found[0][:, None] + np.arange(layout.bucket_count)[None, :]
            self._history.add(members.ravel(), np.repeat(found[1], layout.bucket_count), buckets.ravel())

    def _take_odd(self, point: OddPoint) -> None:
        def first(part: str) -> int:
            column = self._columns[part]
            return int(column[point.slot]) if point.slot < len(column) else _NONE

        numbers = (("value", point.value), ("count", point.count), ("sum", point.sum))
        rows = [(first(part), value) for part, value in numbers if value is not None]
        if point.slot < len(self._buckets) and len(point.buckets) == self._buckets[point.slot]:
            rows += [(first("bucket") + index, value) for index, value in enumerate(point.buckets)]
        if (quantile := first("quantile")) >= 0:
            rows += [(quantile + index, value) for index, value in enumerate(point.quantiles)]
        rows = [(member, value) for member, value in rows if member >= 0]
        if rows:
            members, values_ = zip(*rows, strict=True)
            self._history.add(
                np.array(members, np.int64), np.full(len(rows), point.time, np.int64), np.array(values_, float)
            )

    def answer(self, start_ns: int, end_ns: int) -> Answers:
        """Values of all signals for the window [start, end)."""
        answers = Answers({}, {})
        if not self._answers and self._queries is None:
            return answers
        self._history.settle(end_ns)
        vectors: dict[float | None, Vector] = {None: self._history.last(start_ns, end_ns)}
        for answer in self._answers:
            rate_s = answer.signal.rate_s
            if rate_s not in vectors:
                assert rate_s is not None
                vectors[rate_s] = self._history.rate(round(rate_s * 1e9), end_ns, self._delta.all)
            values = _grouped(answer, vectors[rate_s], len(self._delta))
            answers.values[answer.name] = values
            if problem := self._problem(answer, values):
                answers.problems[answer.name] = problem
        if self._queries is not None and self.points is not None:
            self.points[start_ns] = self._queries.points(start_ns, end_ns)
            answers.problems.update(self._queries.problems())
        elif self._queries is not None:
            found, problems = self._queries.answer(end_ns)
            answers.values.update(found)
            answers.problems.update(problems)
        return answers

    def _problem(self, answer: _Answer, values: Mapping[str, float]) -> str:
        signal = answer.signal
        labels = ", ".join(sorted(answer.labels)[:20]) or "none"
        missing = [label for label in signal.by if label not in answer.labels]
        if not len(answer.member_group):
            return self._unseen(signal.metric)
        if missing:
            return f"no series of {signal.metric} has the label {', '.join(missing)}; its labels are {labels}"
        if not answer.groups:
            matchers = ", ".join(map(str, signal.matchers))
            return f"no series of {signal.metric} matches {{{matchers}}}; its labels are {labels}"
        if self._history.shortened:
            return f"too many points to keep for {signal}: shorten its range or match fewer series"
        if values:
            return ""
        if signal.rate_s:
            return f"no series of {signal.metric} has two points within {signal.rate_s:g}s of the window's end"
        return f"no series of {signal.metric} had a value in this window"

    def _unseen(self, metric: str) -> str:
        type_ = self._types.get(metric)
        if type_ in (MetricType.HISTOGRAM, MetricType.EXPONENTIAL_HISTOGRAM):
            return f"metric {metric} is a histogram: ask for {metric}_count, {metric}_sum or {metric}_bucket"
        near = difflib.get_close_matches(metric, self._types, n=3)
        return f"metric {metric} was not seen" + (f"; there is {', '.join(near)}" if near else "")


def _grouped(answer: _Answer, vector: Vector, members: int) -> dict[str, float]:
    answer.member_group.extend(members, _NONE)
    groups = answer.member_group.all[vector.members]
    chosen = groups >= 0
    groups, values = groups[chosen], vector.values[chosen]
    counts = np.bincount(groups, minlength=len(answer.groups))
    numbers: npt.NDArray[np.float64] = counts.astype(np.float64)
    if answer.signal.aggregation is not Aggregation.COUNT:
        numbers = np.bincount(groups, values, minlength=len(answer.groups)).astype(np.float64)
    if answer.signal.aggregation is Aggregation.AVG:
        numbers = numbers / np.maximum(counts, 1)
    found = {key: float(numbers[index]) for key, index in answer.groups.items() if counts[index]}
    return {key: value for key, value in sorted(found.items()) if np.isfinite(value)}


def _looked_up(column: Column[np.int64], slots: Ids) -> Ids | None:
    """Elements of slots, -1 beyond the column's end; None if nobody asked for any."""
    if not len(column):
        return None
    known = column.all
    if int(slots.max()) < len(known):
        return known[slots]
    found: Ids = np.where(slots < len(known), known[np.minimum(slots, len(known) - 1)], _NONE)
    return found


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace(",", "\\,")
