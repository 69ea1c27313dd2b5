"""When no further window can change a verdict, a run need not go on.

Certain failures only, and bounded against the best that could still come: something was lost in the measuring path;
duplicates beyond the baseline's; signals or critical series lost so often that even a perfect rest stays outside the
bound. Every candidate must be so: a run goes on as long as one may still be promoted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from phoenix.analysis.criteria import Compared
from phoenix.analysis.model import AnalysisInput, EarlyStop
from phoenix.analysis.validity import Problem, problems_of
from phoenix.analysis.windows import Joined, listed
from phoenix.api.analysis import Criterion, CriterionMetric
from phoenix.api.results import Verdict


def find_early_stop(
    inputs: AnalysisInput, joined: Joined, problems: Sequence[Problem], compared: Mapping[str, Compared]
) -> EarlyStop | None:
    """The verdict nothing can change, or None. Never in a final analysis, nor where the spec does not want it."""
    if inputs.final or not inputs.analysis.early_stop or not inputs.windows:
        return None
    found: list[tuple[Verdict, str]] = []
    for candidate in inputs.candidates:
        own = [problem.text for problem in problems_of(inputs, candidate.name, problems)]
        failures = _certain_failures(inputs, joined, compared[candidate.name])
        if own:
            found.append((Verdict.INVALID, listed(own, 3)))
        elif failures:
            found.append((Verdict.REJECT, f"{candidate.name}: {'; '.join(failures)}"))
        else:
            return None
    verdict = Verdict.INVALID if any(verdict is Verdict.INVALID for verdict, _ in found) else Verdict.REJECT
    reasons = dict.fromkeys(reason for certain, reason in found if certain is verdict)
    end = joined.complete[-1] + inputs.window_ns if joined.complete else inputs.measure_from
    return EarlyStop(verdict=verdict, reason="; ".join(reasons), measure_to=end)


def _certain_failures(inputs: AnalysisInput, joined: Joined, compared: Compared) -> list[str]:
    failures = [f"{compared.more_duplicates} duplicates more than the baseline"] if compared.more_duplicates else []
    left = len(inputs.windows) - len(joined.complete)
    for criterion in inputs.analysis.criteria:
        failures += _certain(criterion, inputs, joined, compared, left)
    return failures


def _certain(criterion: Criterion, inputs: AnalysisInput, joined: Joined, compared: Compared, left: int) -> list[str]:
    if criterion.metric is CriterionMetric.SIGNAL_LOSS and criterion.max is not None:
        lost = sum(part.lost for part in compared.signals)
        values = sum(part.values for part in compared.signals) + left * _most_values(inputs, joined)
        if values and lost / values > criterion.max:
            return [f"signalLoss cannot come below {lost / values:.4g} any more, above {criterion.max:g}"]
    if criterion.metric is CriterionMetric.CRITICAL_COVERAGE and criterion.min is not None:
        gone = sum(part.live - part.kept for part in compared.coverage.values())
        pairs = sum(part.live for part in compared.coverage.values())
        pairs += left * len(inputs.hosts) * len(inputs.analysis.critical)
        if pairs and 1 - gone / pairs < criterion.min:
            return [f"criticalCoverage cannot come above {1 - gone / pairs:.4g} any more, below {criterion.min:g}"]
    return []


def _most_values(inputs: AnalysisInput, joined: Joined) -> int:
    """Most baseline values any window had, over all hosts and signals: what each window to come may have at best."""
    names = [signal.name for signal in inputs.analysis.signals]
    places = joined.of(inputs.baseline.name)
    return max(
        (
            sum(len(joined.output[place][start].signals.get(name, ())) for place in places for name in names)
            for start in joined.complete
        ),
        default=0,
    )
