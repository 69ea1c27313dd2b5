"""The judgement: samples in, results and a verdict out. Pure; its caller runs it in a thread, as it may take 50 ms.

Per candidate, the first that holds: Invalid (the measurement cannot be trusted), Reject (a criterion failed, or it made
duplicates), Inconclusive (a criterion cannot be told), Promote. For the run: Promote if any candidate is, the one that
ranks first (`ranking`); else Invalid, Inconclusive or Reject, the first that any candidate is: a run is
rejected only when every candidate was judged and failed.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from phoenix.analysis import observed, ranking
from phoenix.analysis.continuity import continuity_of, told
from phoenix.analysis.cost import can_price, collector_cost, compare_cost
from phoenix.analysis.criteria import NOT_COMPARABLE, Compared, compare, judge_criteria
from phoenix.analysis.early import find_early_stop
from phoenix.analysis.model import AnalysisInput, AnalysisOutcome, JudgedVariant
from phoenix.analysis.totals import cpu_seconds, top_contributors, totals_of, uss_bytes
from phoenix.analysis.usage import usage_of_run
from phoenix.analysis.validity import Problem, find_problems, input_result, problems_of
from phoenix.analysis.windows import Joined, join, listed
from phoenix.api.results import CostResult, CriterionResult, ExperimentResults, VariantResult, Verdict

PRECEDENCE = (Verdict.PROMOTE, Verdict.INVALID, Verdict.INCONCLUSIVE, Verdict.REJECT)


def analyze(inputs: AnalysisInput) -> AnalysisOutcome:
    """Judge a run. A live analysis (`final` false) has figures over the windows complete so far and no verdict."""
    joined = join(inputs)
    problems = find_problems(inputs, joined)
    compared = {candidate.name: compare(inputs, joined, candidate) for candidate in inputs.candidates}
    variants = [_variant(inputs, joined, inputs.baseline, None)]
    for candidate in inputs.candidates:
        variants.append(result := _variant(inputs, joined, candidate, compared[candidate.name]))
        if inputs.final:
            result.verdict, result.reason = _verdict(
                problems_of(inputs, candidate.name, problems), compared[candidate.name], result.criteria
            )
            if nothing := observed.nothing_seen(inputs, compared[candidate.name], result.verdict):
                result.verdict, result.reason = Verdict.INCONCLUSIVE, nothing
            few = len(joined.complete) < inputs.analysis.min_windows
            if few and result.verdict in (Verdict.PROMOTE, Verdict.REJECT):
                result.verdict = Verdict.INCONCLUSIVE
                result.reason = (
                    f"{len(joined.complete)} windows, {inputs.analysis.min_windows} needed: measure for longer"
                )

    results = ExperimentResults(
        final=inputs.final,
        computed_at=datetime.fromtimestamp(inputs.now // 10**9, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        input=input_result(inputs, joined, problems),
        variants=variants,
        problems=[problem.text for problem in problems],
    )
    if not inputs.final:
        return AnalysisOutcome(results=results, early_stop=find_early_stop(inputs, joined, problems, compared))
    verdict, reason, promoted = _overall(variants[1:], results)
    return AnalysisOutcome(results=results, verdict=verdict, reason=reason, promoted_candidate=promoted)


def _variant(inputs: AnalysisInput, joined: Joined, variant: JudgedVariant, compared: Compared | None) -> VariantResult:
    result = VariantResult(name=variant.name)
    totals = compared.totals if compared is not None else totals_of(inputs, joined, variant.name)
    if totals is not None:
        found = compared.continuity if compared is not None else continuity_of(inputs, joined, variant.name)
        result.counter_resets, result.gaps = found.counter_resets, found.gaps
        result.streams, result.active_series = totals.streams, totals.active_series
        result.points, result.samples, result.bytes = totals.points, totals.samples, totals.bytes
        result.duplicates, result.late_points = totals.duplicates, totals.late_points
    if inputs.observed:
        observed.withhold(result)
    result.cpu_seconds = cpu_seconds(inputs, joined, variant.name)
    result.uss_bytes = uss_bytes(inputs, joined, variant.name)
    result.top_contributors = top_contributors(inputs, joined, variant.name)
    if compared is None:
        return result
    result.vs_baseline = compared.comparison
    result.signals = [comparison.result() for comparison in compared.signals]
    result.queries = sorted(
        (part.result() for part in compared.queries), key=lambda part: (part.alike is not False, part.alike is True)
    )
    result.critical = {name: part.ratio for name, part in compared.coverage.items() if part.ratio is not None}
    if inputs.observed:
        observed.note(compared)
    result.criteria = judge_criteria(inputs.analysis.criteria, compared)
    result.cost = _costs(inputs, joined, compared, variant.name)
    return result


def _costs(inputs: AnalysisInput, joined: Joined, compared: Compared, candidate: str) -> list[CostResult]:
    if compared.totals is None or compared.baseline is None:
        return []
    measured_s = len(joined.complete) * inputs.window_ns / 1e9
    hosts = inputs.cost.hosts

    def collectors(variant: str) -> float | None:
        cpu = cpu_seconds(inputs, joined, variant)
        return collector_cost(
            inputs.cost, cpu / measured_s if cpu is not None else None, uss_bytes(inputs, joined, variant)
        )

    before = usage_of_run(inputs, joined, inputs.baseline.name, compared.baseline)
    after = usage_of_run(inputs, joined, candidate, compared.totals)
    base, cand = collectors(inputs.baseline.name), collectors(candidate)
    added = cand - base if base is not None and cand is not None and not compared.comparison.not_comparable else None
    return [
        compare_cost(name, inputs.price_books[name], before, after, hosts=hosts, added=added)
        for name in observed.priced_books(inputs)
        if can_price(inputs.price_books[name], before, after)
    ]


def _verdict(
    problems: Sequence[Problem], compared: Compared, criteria: Sequence[CriterionResult]
) -> tuple[Verdict, str]:
    if problems:
        return Verdict.INVALID, listed((problem.text for problem in problems), 3)
    criteria = [result for result in criteria if result.critical]
    failed = [f"{result.metric} {result.reason}" for result in criteria if result.passed is False]
    if compared.more_duplicates:
        failed.insert(0, duplicates_reason(compared))
    if failed:
        return Verdict.REJECT, "; ".join(failed)
    counted = [result for result in criteria if not result.reason.startswith(NOT_COMPARABLE)]
    unknown = [f"{result.metric}: {result.reason}" for result in counted if result.passed is None]
    if not counted:
        reasons = [f"{result.metric}: {result.reason}" for result in criteria] or ["spec.analysis.criteria is empty"]
        unknown = [f"no criterion could be judged: {'; '.join(reasons)}"]
    if unknown:
        return Verdict.INCONCLUSIVE, "; ".join(unknown)
    passed = ", ".join(f"{result.metric} {_bounds(result)}" for result in counted)
    left_out = [result.metric for result in criteria if result not in counted]
    return Verdict.PROMOTE, passed + (f"; not counted ({NOT_COMPARABLE}): {listed(left_out)}" if left_out else "")


def duplicates_reason(compared: Compared) -> str:
    """Why duplicates are a Reject by themselves."""
    assert compared.totals is not None
    assert compared.baseline is not None
    metrics = told(compared.excess.duplicates_by_metric)
    return (
        f"{compared.totals.duplicates} duplicates against {compared.baseline.duplicates} of the baseline"
        f"{f' ({metrics})' if metrics else ''}: points of "
        "one series and time, of which a backend keeps one or none; aggregate after attributes are taken away"
    )


def _bounds(result: CriterionResult) -> str:
    bounds = [f"≥ {result.min:g}"] if result.min is not None else []
    bounds += [f"≤ {result.max:g}"] if result.max is not None else []
    return f"{result.value:.4g} {' and '.join(bounds)}"


def _overall(candidates: Sequence[VariantResult], results: ExperimentResults) -> tuple[Verdict, str, str]:
    """Verdict of the run, its reason, and the candidate a Promote speaks of: the first of the ranking, noted here."""
    if len(candidates) > 1:
        results.ranking = ranking.rank(candidates)
    candidates = sorted(candidates, key=lambda found: found.name)
    verdict = next(verdict for verdict in PRECEDENCE if any(found.verdict is verdict for found in candidates))
    if verdict is Verdict.PROMOTE:
        place = ranking.told(results.ranking) if results.ranking else ""
        first = results.ranking[0].name if results.ranking else candidates[0].name
        best = next(found for found in candidates if found.name == first)
        return verdict, _told(candidates, best) + (f"; {place}" if place else ""), best.name
    return verdict, "; ".join(_told(candidates, found) for found in candidates if found.verdict is verdict), ""


def _told(candidates: Sequence[VariantResult], found: VariantResult) -> str:
    return found.reason if len(candidates) == 1 else f"{found.name}: {found.reason}"
