"""When a run need not go on: every candidate's verdict is settled, and every criterion on which it rests.

What is counted is settled when no further window can change it, bounded against the best that could still come:
duplicates beyond the baseline's, and answers or critical series lost so often that even a perfect rest stays outside
the bound. What is estimated (CPU, memory) is settled when an interval that holds for looks at any time lies on one side
of the bound (`intervals.increase_whenever`). Something lost in the measuring path makes a run Invalid for good. A run
goes on as long as one candidate is open, or too few windows are whole to judge by.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from phoenix.analysis.criteria import (
    ESTIMATED,
    NOT_COMPARABLE,
    Compared,
    all_criteria,
    confidence_of_each,
    pairs_of,
    within,
)
from phoenix.analysis.intervals import increase_whenever
from phoenix.analysis.model import AnalysisInput, EarlyStop
from phoenix.analysis.validity import Problem, problems_of
from phoenix.analysis.windows import Joined, listed
from phoenix.api.analysis import Criterion, CriterionMetric
from phoenix.api.results import Verdict
from phoenix.promql.usage import QueryKind

_ORDER = (Verdict.PROMOTE, Verdict.INVALID, Verdict.REJECT)


def find_early_stop(
    inputs: AnalysisInput, joined: Joined, problems: Sequence[Problem], compared: Mapping[str, Compared]
) -> EarlyStop | None:
    """The verdict the run has already, or None. Never in a final analysis, nor where the spec does not want it."""
    if inputs.final or not inputs.analysis.early_stop or not inputs.windows:
        return None
    found: list[tuple[Verdict, str]] = []
    for candidate in inputs.candidates:
        own = [problem.text for problem in problems_of(inputs, candidate.name, problems)]
        if own:
            found.append((Verdict.INVALID, listed(own, 3)))
            continue
        settled = _Looked(inputs, joined, compared[candidate.name], candidate.name).settled()
        if settled is None:
            return None
        found.append((settled[0], f"{candidate.name}: {settled[1]}"))
    verdict = next(verdict for verdict in _ORDER if any(verdict is one for one, _ in found))
    reasons = dict.fromkeys(reason for certain, reason in found if certain is verdict)
    return EarlyStop(verdict=verdict, reason="; ".join(reasons), measure_to=_end(inputs, joined))


def _end(inputs: AnalysisInput, joined: Joined) -> int:
    return joined.complete[-1] + inputs.window_ns if joined.complete else inputs.measure_from


@dataclass(frozen=True, slots=True)
class _Looked:
    """One candidate at one look; the windows so far are those a final analysis would have if the run ended now."""

    inputs: AnalysisInput
    joined: Joined
    compared: Compared
    candidate: str

    def settled(self) -> tuple[Verdict, str] | None:
        """Promote or Reject with its reason; None while it is open."""
        done = len(self.joined.complete)
        whole = done * self.inputs.window_ns == _end(self.inputs, self.joined) - self.inputs.measure_from
        if not whole or done < self.inputs.analysis.min_windows:
            return None
        if more := self.compared.more_duplicates:
            return Verdict.REJECT, f"{more} duplicates more than the baseline"
        told = [
            self._criterion(criterion)
            for criterion in all_criteria(self.inputs.analysis.criteria, self.compared)
            if criterion.critical and not self._left_out(criterion.metric)
        ]
        if failed := [text for passed, text in told if passed is False]:
            return Verdict.REJECT, "; ".join(failed)
        if told and all(passed for passed, _ in told):
            return Verdict.PROMOTE, "; ".join(text for _, text in told)
        return None

    def _left_out(self, metric: CriterionMetric) -> bool:
        return self.compared.reasons.get(metric, "").startswith(NOT_COMPARABLE)

    def _criterion(self, criterion: Criterion) -> tuple[bool | None, str]:
        metric = criterion.metric
        if metric in ESTIMATED:
            return self._estimated(criterion)
        if metric is CriterionMetric.SIGNAL_LOSS and criterion.max is not None:
            return self._signal_loss(criterion.max + criterion.tolerance)
        if metric is CriterionMetric.QUERY_LOSS and criterion.max is not None:
            return self._query_loss(criterion.max + criterion.tolerance)
        if metric is CriterionMetric.CRITICAL_COVERAGE and criterion.min is not None and criterion.max is None:
            return self._coverage(criterion.min, criterion.tolerance)
        return None, ""

    def _estimated(self, criterion: Criterion) -> tuple[bool | None, str]:
        """By pairs of whole windows alone, all of them, so that the last look sees what the final analysis will."""
        last = self.joined.complete[-1]
        names = (self.inputs.baseline.name, self.candidate)
        if any(last not in self.joined.process[place] for name in names for place in self.joined.of(name)):
            return None, ""
        so_far = self.inputs.model_copy(update={"measure_to": _end(self.inputs, self.joined)})
        pairs = pairs_of(criterion.metric, so_far, self.joined, self.candidate)
        interval = increase_whenever(pairs, confidence_of_each(self.inputs))
        if interval is None:
            return None, ""
        passed, why = within(criterion, interval.low, interval.high)
        sure = f"is between {interval.low:.4g} and {interval.high:.4g}, whenever one looks"
        return passed, f"{criterion.metric} {why or sure}"

    @property
    def _left(self) -> int:
        return len(self.inputs.windows) - len(self.joined.complete)

    def _signal_loss(self, most: float) -> tuple[bool | None, str]:
        signals = self.compared.signals
        lost = sum(part.lost for part in signals)
        values = sum(part.values for part in signals) + self._left * self._values_at_best(
            signal.name for signal in self.inputs.analysis.signals
        )
        if values and lost / values > most:
            return False, f"signalLoss cannot come below {lost / values:.4g} any more, above {most:g}"
        return None, ""

    def _query_loss(self, most: float) -> tuple[bool | None, str]:
        for part in self.compared.queries:
            if part.query.fault or not part.lost:
                continue
            alert = part.query.kind is QueryKind.ALERT
            a_window = len(self.inputs.hosts) if alert else self._values_at_best([part.query.name])
            if (share := part.lost / (part.values + self._left * a_window)) > most:
                text = f"queryLoss cannot come below {share:.4g} any more, above {most:g}"
                return False, f"{text}: {part.query.name}: {part.reason()}"
        return None, ""

    def _coverage(self, least: float, tolerance: float) -> tuple[bool | None, str]:
        kept = sum(part.kept for part in self.compared.coverage.values())
        live = sum(part.live for part in self.compared.coverage.values())
        to_come = self._left * len(self.inputs.hosts) * len(self.inputs.analysis.critical)
        if live + to_come == 0 or not all(part.live for part in self.compared.coverage.values()):
            return None, ""
        best, worst = (kept + to_come) / (live + to_come), kept / (live + to_come)
        if best < least - tolerance:
            return False, f"criticalCoverage cannot come above {best:.4g} any more, below {least:g}"
        return (True, f"criticalCoverage cannot come below {worst:.4g} any more") if worst >= least else (None, "")

    def _values_at_best(self, names: Iterable[str]) -> int:
        """Most baseline values any window had, over all hosts: what each window to come may have at best."""
        wanted, joined = list(names), self.joined
        places = joined.of(self.inputs.baseline.name)
        return max(
            sum(len(joined.output[place][start].signals.get(name, ())) for place in places for name in wanted)
            for start in joined.complete
        )
