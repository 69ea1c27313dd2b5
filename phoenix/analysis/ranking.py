"""Which of several candidates is best: those that pass first, by what a month would cost, then by the series saved.

The cost is the bill by the first price book, and what the candidate's collectors take more than the baseline's where
that is known of every candidate that passed: a candidate must not rank first because its own was not measured. Equal
ones share a rank and say so; of these the first by name is promoted.
"""

from __future__ import annotations

from collections.abc import Sequence

from phoenix.analysis.windows import listed
from phoenix.api.results import RankedCandidate, VariantResult, Verdict


def rank(candidates: Sequence[VariantResult]) -> list[RankedCandidate]:
    """Every candidate of a judged run, the best first; those that did not pass follow by name, without a rank."""
    passed = [found for found in candidates if found.verdict is Verdict.PROMOTE]
    netted = bool(passed) and all(found.cost and found.cost[0].collector_cost is not None for found in passed)
    ranked = sorted((_entry(found, netted=netted) for found in passed), key=_order)
    place = 1
    for at, entry in enumerate(ranked):
        if at and _order(ranked[at - 1])[:2] != _order(entry)[:2]:
            place = at + 1
        entry.rank = place
    for entry in ranked:
        entry.tied_with = [other.name for other in ranked if other is not entry and other.rank == entry.rank]
    rest = [_entry(found, netted=False) for found in candidates if found.verdict is not Verdict.PROMOTE]
    return ranked + sorted(rest, key=lambda entry: entry.name)


def told(ranking: Sequence[RankedCandidate]) -> str:
    """Why the first is first, in half a sentence; empty where nobody stood beside it."""
    first, others = ranking[0], [entry for entry in ranking[1:] if entry.rank is not None]
    if not others:
        return ""
    beside = listed((f"{_figures(entry)} of {entry.name}" for entry in others), 3)
    if first.tied_with:
        tied = f"tied with {', '.join(first.tied_with)} at {_figures(first)}"
        return f"ranked first of {len(others) + 1} by its name, {tied}"
    return f"ranked first of {len(others) + 1}: {_figures(first)} against {beside}"


def _entry(found: VariantResult, *, netted: bool) -> RankedCandidate:
    entry = RankedCandidate(name=found.name, verdict=found.verdict)
    if found.vs_baseline is not None:
        entry.cardinality_reduction = found.vs_baseline.cardinality_reduction
    if found.cost:
        bill = found.cost[0]
        added = bill.collector_cost if netted else None
        entry.monthly_cost = round(bill.candidate + (added or 0.0), 4)
        entry.with_collectors = netted
        entry.currency, entry.price_book = bill.currency, bill.price_book
    return entry


def _order(entry: RankedCandidate) -> tuple[int, float, str]:
    """Costs to the cent: what is less is no difference."""
    cents = round(entry.monthly_cost * 100) if entry.monthly_cost is not None else 0
    return cents, -round(entry.cardinality_reduction or 0.0, 9), entry.name


def _figures(entry: RankedCandidate) -> str:
    saved = "" if entry.cardinality_reduction is None else f"{entry.cardinality_reduction:.4g} of series saved"
    if entry.monthly_cost is None:
        return saved
    collectors = " with collectors" if entry.with_collectors else ""
    return f"{entry.monthly_cost:,.2f} {entry.currency} a month{collectors}" + (f", {saved}" if saved else "")
