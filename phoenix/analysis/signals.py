"""Do the answers survive? Signal loss and critical coverage of a candidate against the baseline.

A value is one (host, signal, window, group). It is lost where the candidate lacks it or is further off than the
signal's tolerance. NaN equals NaN and nothing else; a value that should be 0 must be 0.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from phoenix.analysis.continuity import Excess
from phoenix.analysis.model import AnalysisInput
from phoenix.analysis.windows import Joined, listed
from phoenix.api.analysis import Signal
from phoenix.api.results import SignalResult
from phoenix.otlp.errors import QueryError
from phoenix.otlp.signalquery import parse_signal
from phoenix.promql.syntax import parse, selectors
from phoenix.samples.model import OutputSample

FLOAT_SLACK = 1e-9
"""Relative error that is no error: sums taken in another order differ in their last bits."""
NAMED_GROUPS = 20
"""Groups named in a status; the rest is counted."""


@dataclass(slots=True)
class SignalComparison:
    """One signal, compared over windows and hosts: `add` each, then `finish`."""

    signal: Signal
    values: int = 0
    missing: Counter[str] = field(default_factory=Counter)
    extra: set[str] = field(default_factory=set)
    outside: int = 0
    max_error: float | None = None
    max_error_group: str = ""
    problems: set[str] = field(default_factory=set)
    baseline_problems: set[str] = field(default_factory=set)
    false_resets: int | None = None
    gaps: int | None = None
    duplicates: int = 0
    _groups: list[str] = field(default_factory=list)
    _expected: list[float] = field(default_factory=list)
    _found: list[float] = field(default_factory=list)

    @property
    def lost(self) -> int:
        """Baseline values missing in the candidate or outside the tolerance."""
        return sum(self.missing.values()) + self.outside

    def add(self, baseline: OutputSample, candidate: OutputSample) -> None:
        """Take in one window of one host."""
        name = self.signal.name
        theirs, ours = baseline.signal_problems.get(name, ""), candidate.signal_problems.get(name, "")
        if theirs:
            self.baseline_problems.add(theirs)
        if ours and ours != theirs:  # what troubles both is the query's fault, such as a range without two points yet
            self.problems.add(ours)
        base, cand = baseline.signals.get(name, {}), candidate.signals.get(name, {})
        self.values += len(base)
        if base == cand:
            if base and self.max_error is None:
                self.max_error = 0.0
            return
        groups = list(base)
        if groups != list(cand):
            self.extra.update(cand.keys() - base.keys())
            self.missing.update(base.keys() - cand.keys())
            groups = [group for group in base if group in cand]
            self._expected += map(base.__getitem__, groups)
            self._found += map(cand.__getitem__, groups)
        else:  # groups in the same order: the common case, three times faster
            self._expected += base.values()
            self._found += cand.values()
        self._groups += groups

    def finish(self) -> None:
        """Work out the errors of all pairs collected, at once."""
        if not self._groups:
            return
        expected, found = np.array(self._expected), np.array(self._found)
        with np.errstate(divide="ignore", invalid="ignore"):
            error = np.abs(found - expected) / np.abs(expected)
        error[(found == expected) | (np.isnan(found) & np.isnan(expected))] = 0.0
        error[np.isnan(error)] = math.inf
        self.outside = int((error > max(self.signal.tolerance, FLOAT_SLACK)).sum())
        worst = float(np.max(np.where(np.isinf(error), -1.0, error)))
        if worst >= 0 and worst >= (self.max_error or 0.0):
            self.max_error = worst
            # The first by name, so that the order of samples does not show.
            self.max_error_group = min(self._groups[at] for at in np.flatnonzero(error == worst)) if worst else ""

    def result(self) -> SignalResult:
        """The comparison as the status shows it."""
        return SignalResult(
            name=self.signal.name,
            values=self.values,
            max_relative_error=self.max_error,
            lost=self.lost,
            missing=_named(self.missing),
            extra=_named(self.extra),
            false_resets=self.false_resets,
            gaps=self.gaps,
            duplicates=self.duplicates,
            reason=self.reason(),
        )

    def reason(self) -> str:
        """Why values were lost, most telling first; empty where none was."""
        if not self.values:
            return "; ".join(sorted(self.baseline_problems)) or "the baseline has no value for it"
        if not self.lost:
            return ""
        parts = sorted(self.problems)
        if self.missing:
            groups = listed((group or "the one group" for group in sorted(self.missing)), 3)
            parts.append(f"{sum(self.missing.values())} of {self.values} values are missing ({groups})")
        if self.outside:
            text = f"{self.outside} of {self.values} values are off by more than {self.signal.tolerance:g}"
            if self.max_error is not None and self.max_error > self.signal.tolerance:
                text += f" (up to {self.max_error:.3g}{f' in {self.max_error_group}' if self.max_error_group else ''})"
            parts.append(text)
        if self.false_resets:
            parts.append(f"its counters fell {self.false_resets} times that the baseline's did not")
        if self.duplicates:
            parts.append(f"{self.duplicates} of its points came twice")
        return "; ".join(parts)


def _named(groups: Iterable[str]) -> list[str]:
    names = sorted(groups)
    more = len(names) - NAMED_GROUPS
    return names if more <= 0 else [*names[:NAMED_GROUPS], f"… and {more} more"]


def compare_signals(inputs: AnalysisInput, joined: Joined, candidate: str, excess: Excess) -> list[SignalComparison]:
    """Each signal of the analysis, over the complete windows of all hosts; `excess`: what the candidate broke."""
    comparisons = [SignalComparison(signal) for signal in inputs.analysis.signals]
    for host in sorted(inputs.hosts):
        base, cand = joined.output[host, inputs.baseline.name], joined.output[host, candidate]
        for start in joined.complete:
            for comparison in comparisons:
                comparison.add(base[start], cand[start])
    for comparison in comparisons:
        comparison.finish()
        names = metrics_of(comparison.signal.query)
        comparison.false_resets, comparison.gaps = excess.resets_of(names), excess.gaps_of(names)
        comparison.duplicates = excess.duplicates_of(names)
    return comparisons


def metrics_of(query: str) -> frozenset[str]:
    """Metrics that a signal names."""
    try:
        return frozenset({parse_signal(query).metric})
    except QueryError:
        return frozenset(part.name for part in selectors(parse(query)) if part.name)


def signal_loss(comparisons: list[SignalComparison]) -> tuple[float | None, str]:
    """Lost values over all baseline values, 0 to 1. None with a reason where a signal has no value to compare."""
    if not comparisons:
        return None, "NoData: spec.analysis.signals is empty; name the queries that must survive"
    for comparison in comparisons:
        if not comparison.values:
            return None, f"NoData: signal {comparison.signal.name}: {comparison.reason()}"
    return sum(part.lost for part in comparisons) / sum(part.values for part in comparisons), ""


@dataclass(frozen=True, slots=True)
class Coverage:
    """Critical (matcher, window) pairs: live in the baseline, and of them live in the candidate."""

    live: int
    kept: int

    @property
    def ratio(self) -> float | None:
        """Kept over live; None where none was live."""
        return self.kept / self.live if self.live else None


def critical_coverage(inputs: AnalysisInput, joined: Joined, candidate: str) -> dict[str, Coverage]:
    """Coverage by critical matcher, over the complete windows of all hosts."""
    found: dict[str, Coverage] = {}
    for critical in inputs.analysis.critical:
        live = kept = 0
        for host in inputs.hosts:
            base, cand = joined.output[host, inputs.baseline.name], joined.output[host, candidate]
            for start in joined.complete:
                if base[start].critical.get(critical.name, 0) > 0:
                    live += 1
                    kept += cand[start].critical.get(critical.name, 0) > 0
        found[critical.name] = Coverage(live, kept)
    return found


def total_coverage(coverage: dict[str, Coverage]) -> tuple[float | None, str]:
    """Coverage over all matchers. None with a reason where a matcher is never live in the baseline."""
    if not coverage:
        return None, "NoData: spec.analysis.critical is empty; name the series that must stay live"
    for name, part in coverage.items():
        if not part.live:
            return None, f"NoData: critical {name} is never live in the baseline"
    return sum(part.kept for part in coverage.values()) / sum(part.live for part in coverage.values()), ""
