"""Do rules and dashboards still answer the same? Every query, at the end of every window, on baseline and candidate.

Recording rules and panels: each value of the baseline must be there within the tolerance of `TOLERANCE`, and no series
may be new. Alerts: the same label sets must be active, and firing, in the same windows; their values are not compared.
What nobody can read is no agreement: such a query has no `alike`, and the criterion cannot be told.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from phoenix.analysis.model import AnalysisInput
from phoenix.analysis.signals import NAMED_GROUPS, SignalComparison
from phoenix.analysis.windows import Joined, listed
from phoenix.api.analysis import Analysis, QueryEngine, Signal
from phoenix.api.meter import MeteredQuery
from phoenix.api.results import FiringSpan, QueryResult
from phoenix.otlp.errors import QueryError
from phoenix.otlp.signalquery import parse_signal
from phoenix.promql.errors import PromqlError
from phoenix.promql.evaluate import check, refuse_range
from phoenix.promql.syntax import parse
from phoenix.promql.usage import Query, QueryKind, dashboard_queries, rule_queries

TOLERANCE = 0.01
"""Largest relative error of a value of a rule or panel."""
MAX_QUERIES = 1_000
_LABEL = re.compile(r"(?:^|,)([^=,]+)=(?:[^\\,]|\\.)*")
"""A label of a group and its value, in which commas and backslashes are escaped."""


def check_signal(query: str, *, whole: bool = False) -> bool:
    """Whether a signal is of the short language, which every window answers fastest; else it is PromQL.

    Args:
        query: the signal.
        whole: a real Prometheus answers, so that PromQL need not be of the built-in subset.

    Raises:
        QueryError: it is neither; the message says what is wrong.
    """
    try:
        parse_signal(query)
    except QueryError as short:
        try:
            expr = parse(query)
            if whole:
                refuse_range(expr)
            else:
                check(expr)
        except PromqlError as error:
            raise QueryError(f"{error}" if "(" in query else f"{short}") from error
        return False
    return True


def queries_of(analysis: Analysis, interval_s: float) -> list[Query]:
    """Every query of the rule files and dashboards of an analysis.

    Raises:
        PromqlError: a file is none of its kind, or there are too many queries.
    """
    whole = _whole(analysis)
    found = [query for file in analysis.rules for query in rule_queries(file.name, file.content, whole=whole)]
    for file in analysis.dashboards:
        found += dashboard_queries(file.name, file.content, interval_s=interval_s, whole=whole)
    if len(found) > MAX_QUERIES:
        msg = f"{len(found)} queries, more than {MAX_QUERIES}: leave dashboards out that do not matter here"
        raise PromqlError(msg)
    return found


def metered(analysis: Analysis, interval_s: float) -> tuple[list[Signal], list[MeteredQuery]]:
    """What a meter is to answer: signals of the short language, and everything else."""
    short = [] if _whole(analysis) else [signal for signal in analysis.signals if check_signal(signal.query)]
    rest = [MeteredQuery(name=one.name, query=one.query) for one in analysis.signals if one not in short]
    rest += [
        MeteredQuery(name=query.name, query=query.query, record=query.record, labels=dict(query.labels))
        for query in queries_of(analysis, interval_s)
        if not query.fault
    ]
    return short, rest


def _whole(analysis: Analysis) -> bool:
    """Whether a real Prometheus answers: what is judged says so; Auto stands for the built-in one."""
    return analysis.query_engine is QueryEngine.PROMETHEUS


def outside_subset(analysis: Analysis, interval_s: float) -> list[str]:
    """Names of the queries that only a real Prometheus can answer, in order.

    Raises:
        QueryError: a signal is no query at all.
        PromqlError: as `queries_of`.
    """
    found = []
    for signal in analysis.signals:
        check_signal(signal.query, whole=True)
        try:
            check_signal(signal.query)
        except QueryError:
            found.append(signal.name)
    embedded = analysis.model_copy(update={"query_engine": QueryEngine.EMBEDDED})
    return found + [query.name for query in queries_of(embedded, interval_s) if query.stands_for]


@dataclass(slots=True)
class QueryComparison:
    """One query, compared."""

    query: Query
    answer: SignalComparison
    windows: int = 0
    different: int = 0
    spans: list[FiringSpan] = field(default_factory=list)

    @property
    def values(self) -> int:
        """What could have been lost."""
        return self.windows if self.query.kind is QueryKind.ALERT else max(self.answer.values, len(self.answer.extra))

    @property
    def lost(self) -> int:
        """What was; a series too many counts as one."""
        if self.query.kind is QueryKind.ALERT:
            return self.different
        return min(self.values, self.answer.lost + len(self.answer.extra))

    @property
    def alike(self) -> bool | None:
        """None: cannot be told."""
        return None if self.query.fault else not self.lost

    def removed_labels(self) -> list[str]:
        """Labels in the groups that are missing which none of the groups that came instead has."""
        gone = _label_names(self.answer.missing)
        return sorted(gone - _label_names(self.answer.extra)) if self.answer.missing and self.answer.extra else []

    def reason(self) -> str:
        """Why it is not alike, or cannot be told."""
        if self.query.fault:
            return f"it cannot be read, so it counts as used: {self.query.fault}"
        if not self.lost:
            return self.query.note or ("" if self.values else "the baseline has no value for it")
        if self.query.kind is QueryKind.ALERT:
            text = f"it is told differently in {self.different} of {self.windows} windows"
            return "; ".join([text, *sorted(self.answer.problems)])
        parts = [self.answer.reason()] if self.answer.lost else []
        if removed := self.removed_labels():
            parts.insert(0, f"it depends on the label {', '.join(removed)}, which the candidate removed")
        elif self.answer.extra:
            parts.append(f"{len(self.answer.extra)} series are new ({listed(sorted(self.answer.extra), 3)})")
        return "; ".join(part for part in parts if part)

    def result(self) -> QueryResult:
        """The comparison as the status shows it."""
        shown = self.answer.result()
        return QueryResult(
            name=self.query.name,
            kind=self.query.kind.value,
            query=self.query.query,
            stands_for=self.query.stands_for,
            alike=self.alike,
            values=self.values,
            lost=self.lost,
            max_relative_error=None if self.query.kind is QueryKind.ALERT else shown.max_relative_error,
            missing=shown.missing,
            extra=shown.extra,
            removed_labels=self.removed_labels(),
            firing=self.spans[:NAMED_GROUPS] if self.different else [],
            reason=self.reason(),
        )


def _label_names(groups: Iterable[str]) -> set[str]:
    return {name for group in groups for name in _LABEL.findall(group)}


def compare_queries(inputs: AnalysisInput, joined: Joined, candidate: str) -> list[QueryComparison]:
    """Each query of the analysis' files, over the complete windows of all hosts."""
    found = []
    for query in queries_of(inputs.analysis, inputs.window_ns / 2e9):
        signal = Signal.model_construct(name=query.name, query=query.query, tolerance=TOLERANCE)
        found.append(comparison := QueryComparison(query, SignalComparison(signal)))
        if query.fault:
            continue
        for host in sorted(inputs.hosts):
            base, cand = joined.output[host, inputs.baseline.name], joined.output[host, candidate]
            for start in joined.complete:
                comparison.answer.add(base[start], cand[start])
            if query.kind is QueryKind.ALERT:
                _compare_alert(inputs, joined, host, candidate, comparison)
        comparison.answer.finish()
    return found


def _compare_alert(
    inputs: AnalysisInput, joined: Joined, host: str, candidate: str, comparison: QueryComparison
) -> None:
    timelines = []
    for variant in (inputs.baseline.name, candidate):
        output = joined.output[host, variant]
        active = [set(output[start].signals.get(comparison.query.name, ())) for start in joined.complete]
        timelines.append(_timeline(joined.complete, active, comparison.query.for_s))
        comparison.spans += _spans(variant, joined.complete, inputs.window_ns, timelines[-1])
    comparison.windows += len(joined.complete)
    comparison.different += sum(base != cand for base, cand in zip(*timelines, strict=True))


def _timeline(starts: Sequence[int], active: Sequence[set[str]], for_s: float) -> list[dict[str, bool]]:
    """For each window the groups that are active, and whether each fires: active for `for_s` without a break."""
    since: dict[str, int] = {}
    found = []
    for start, groups in zip(starts, active, strict=True):
        since = {group: since.get(group, start) for group in groups}
        found.append({group: start - since[group] >= for_s * 1e9 for group in groups})
    return found


def _spans(variant: str, starts: Sequence[int], window_ns: int, timeline: list[dict[str, bool]]) -> list[FiringSpan]:
    spans: list[FiringSpan] = []
    open_: dict[str, FiringSpan] = {}
    for start, states in zip(starts, timeline, strict=True):
        open_ = {group: span for group, span in open_.items() if group in states}
        for group, firing in sorted(states.items()):
            if group not in open_:
                open_[group] = FiringSpan(variant=variant, labels=group, active_from=_time(start), to="")
                spans.append(open_[group])
            span = open_[group]
            span.to = _time(start + window_ns)
            if firing and not span.firing_from:
                span.firing_from = _time(start)
    return spans


def _time(nanoseconds: int) -> str:
    return datetime.fromtimestamp(nanoseconds / 1e9, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def query_loss(comparisons: Sequence[QueryComparison]) -> tuple[float | None, str]:
    """The worst query's share of lost answers, 0 to 1. None with a reason where one cannot be told.

    The worst and not the mean: a dashboard of a hundred panels must not drown the one that went blank.
    """
    if not comparisons:
        return None, "NoData: spec.analysis.rules and .dashboards are empty; give the files people rely on"
    told = [part.lost / part.values for part in comparisons if part.values and not part.query.fault]
    unknown = [f"{part.query.name}: {part.query.fault}" for part in comparisons if part.query.fault]
    if unknown and not any(told):
        return None, f"Unknown: {listed(unknown, 2)}"
    if not told:
        return None, "NoData: the baseline answers none of the queries; does the load make their metrics?"
    return max(told), ""
