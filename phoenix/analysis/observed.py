"""Runs on variants that run elsewhere: what a Prometheus cannot tell is absent, and no series at all is no evidence."""

from __future__ import annotations

from collections.abc import Iterator

from phoenix.analysis.criteria import Compared
from phoenix.analysis.model import AnalysisInput
from phoenix.api.analysis import CriterionMetric
from phoenix.api.pricebook import MeterUnit
from phoenix.api.results import VariantResult, Verdict

NO_BYTES = "NoData: a Prometheus does not tell bytes (source observed)"


def withhold(result: VariantResult) -> None:
    """Take out of a variant's result what was not measured: OTLP is not what a Prometheus was sent."""
    result.streams = result.points = result.bytes = result.duplicates = result.late_points = None


def note(compared: Compared) -> None:
    """Why figures are absent."""
    compared.reasons[CriterionMetric.BYTE_REDUCTION] = NO_BYTES


def nothing_seen(inputs: AnalysisInput, compared: Compared, verdict: Verdict) -> str:
    """Why there is no evidence, where one of the two has no series at all; empty: both have, or the run is Invalid."""
    if verdict is Verdict.INVALID:
        return ""
    names = [
        name
        for name, totals in (("the baseline", compared.baseline), ("the candidate", compared.totals))
        if inputs.observed and totals is not None and not totals.active_series
    ]
    if not names:
        return ""
    return (
        f"NoData: the Prometheus has no series of {' and '.join(names)} in the measured time: check "
        "spec.source.observed (url, since) and the variants' selectors"
    )


def priced_books(inputs: AnalysisInput) -> Iterator[str]:
    """Price books that can be applied: not those that bill bytes, which nobody counted."""
    for name in inputs.cost.price_books:
        meters = inputs.price_books[name].meters
        if not inputs.observed or all(meter.unit is not MeterUnit.BYTES for meter in meters):
            yield name
