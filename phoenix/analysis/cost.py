"""What a month would cost, by a price book, so that a person can redo the sums.

A month is 30 days (2 592 000 s): what was measured is taken to repeat for that long, on as many times the input as
`cost.hosts` says. Series are billed as counted over the measured windows, or over a vendor's billing windows within;
samples and bytes by their rate.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from phoenix.analysis.usage import MONTH_S, Usage, usage_of
from phoenix.api.analysis import CostSpec
from phoenix.api.pricebook import MeterUnit, PriceBookSpec, PriceMeter, PriceTier
from phoenix.api.results import CostResult

__all__ = ["MONTH_S", "Bill", "BillLine", "Bound", "Usage", "collector_cost", "compare_cost", "price", "usage_of"]

MONTH_MINUTES = MONTH_S / 60
_GIB = 1 << 30


class Bound(Enum):
    """Which end of what a vendor might count."""

    LOW = -1
    MEASURED = 0
    HIGH = 1


@dataclass(frozen=True, slots=True)
class BillLine:
    """One meter's part: `units` counted, `amount` in the book's currency, `formula` the sum in figures."""

    unit: MeterUnit
    units: float
    amount: float
    formula: str


@dataclass(frozen=True, slots=True)
class Bill:
    """A month by one price book; `total` is the sum of the lines, in the book's currency."""

    total: float
    lines: tuple[BillLine, ...]

    @property
    def formula(self) -> str:
        """All lines in one sentence."""
        return " + ".join(line.formula for line in self.lines) + f" = {self.total:.2f}"


def price(book: PriceBookSpec, usage: Usage, *, hosts: int = 1, bound: Bound = Bound.MEASURED) -> Bill:
    """The bill of a month, of a fleet of `hosts`; `bound`: with the least or most units its meters might count.

    Tiers are marginal, and their bounds count all units, those included for free among them: the free ones are the
    first. Units past the last bound are priced as its tier.
    """
    lines = tuple(_line(meter, *_billable(meter, usage, bound), usage, hosts) for meter in book.meters)
    return Bill(sum(line.amount for line in lines), lines)


def _billable(meter: PriceMeter, usage: Usage, bound: Bound) -> tuple[float, str]:
    """Units a meter counts, and how they came about where they are not what was measured."""
    units, how = _units(meter, usage), ""
    if meter.window is not None:
        how = f"{_named(meter)}: "
        if bound is Bound.HIGH:
            units += usage.series_to_come(meter.window.seconds)
    if meter.included_dpm is not None and meter.unit is MeterUnit.ACTIVE_SERIES:
        by_points = usage.samples_per_month / MONTH_MINUTES / meter.included_dpm
        if by_points > units:
            units, how = (
                by_points,
                f"{_figure(by_points * meter.included_dpm)} a minute / {meter.included_dpm:g} included: ",
            )
    factor = {Bound.LOW: meter.low_factor, Bound.HIGH: meter.high_factor, Bound.MEASURED: 1.0}[bound]
    return units * factor, how


def _units(meter: PriceMeter, usage: Usage) -> float:
    match meter.unit:
        case MeterUnit.ACTIVE_SERIES:
            if meter.window is not None:
                return usage.series_over(meter.window.seconds, meter.statistic)
            return usage.active_series
        case MeterUnit.SAMPLES:
            return usage.samples_per_month
        case MeterUnit.BYTES:
            return usage.bytes_per_month
        case MeterUnit.METRIC_NAMES:
            return usage.metric_names or 0.0


def _named(meter: PriceMeter) -> str:
    """`mean of counts by 1h`."""
    return f"{meter.statistic.value.lower()} of counts by {meter.window}"


def _line(meter: PriceMeter, units: float, how: str, usage: Usage, hosts: int) -> BillLine:
    free = meter.included + meter.included_per_host * hosts + meter.included_per_metric_name * (usage.metric_names or 0)
    amount, at = 0.0, min(free, units)
    parts: list[str] = []
    for index, tier in enumerate(meter.tiers):
        last = index == len(meter.tiers) - 1
        end = units if last or tier.up_to is None else min(units, tier.up_to)
        if end <= at:
            continue
        amount += (end - at) * tier.price / tier.per
        parts.append(_part(end, at, tier, free=not parts and at > 0))
        at = end
    return BillLine(
        meter.unit, units, amount, f"{meter.unit}: {how}{' + '.join(parts) or f'{_figure(units)} are included'}"
    )


def _part(end: float, start: float, tier: PriceTier, *, free: bool) -> str:
    included = " included" if free else ""
    span = f"({_figure(end)} − {_figure(start)}{included})" if start else _figure(end)
    return f"{span} × {tier.price:g}/{_figure(tier.per)}"


def _figure(value: float) -> str:
    """A number to add up by hand: every digit of a whole one, in groups of three."""
    return f"{value:,.0f}" if value == int(value) else f"{value:,.4f}".rstrip("0")


def collector_cost(spec: CostSpec, cores: float | None, uss_bytes: float | None) -> float | None:
    """What collectors cost a month, all hosts: None without a rate, or without a reading of what has one."""
    if (spec.core_month and cores is None) or (spec.gib_month and uss_bytes is None):
        return None
    if not spec.core_month and not spec.gib_month:
        return None
    return spec.hosts * (spec.core_month * (cores or 0.0) + spec.gib_month * (uss_bytes or 0.0) / _GIB)


def can_price(book: PriceBookSpec, *usages: Usage) -> bool:
    """Whether everything the book bills was measured."""
    names = any(meter.unit is MeterUnit.METRIC_NAMES or meter.included_per_metric_name for meter in book.meters)
    return not names or all(usage.metric_names is not None for usage in usages)


def compare_cost(
    name: str, book: PriceBookSpec, baseline: Usage, candidate: Usage, *, hosts: int, added: float | None = None
) -> CostResult:
    """Both bills by one book, with what they were made from. `added`: what the candidate's collectors cost more."""
    before, after = price(book, baseline, hosts=hosts), price(book, candidate, hosts=hosts)
    ends = [before.total - after.total] + [
        price(book, baseline, hosts=hosts, bound=bound).total - price(book, candidate, hosts=hosts, bound=bound).total
        for bound in (Bound.LOW, Bound.HIGH)
    ]
    uncertain = any(meter.low_factor != 1 or meter.high_factor != 1 for meter in book.meters) or any(
        usage.series_to_come(meter.window.seconds) > 0
        for meter in book.meters
        for usage in (baseline, candidate)
        if meter.window is not None
    )
    inputs = {"hosts": float(hosts), "monthSeconds": float(MONTH_S)}
    for meter in book.meters:
        inputs[f"baseline.{meter.unit}"] = _units(meter, baseline)
        inputs[f"candidate.{meter.unit}"] = _units(meter, candidate)
    return CostResult(
        price_book=f"{name}@{book.version}" if book.version else name,
        currency=book.currency,
        baseline=round(before.total, 4),
        candidate=round(after.total, 4),
        saving=round(before.total - after.total, 4),
        saving_low=round(min(ends), 4) if uncertain else None,
        saving_high=round(max(ends), 4) if uncertain else None,
        collector_cost=round(added, 4) if added is not None else None,
        net_saving=round(before.total - after.total - added, 4) if added is not None else None,
        confidence=book.confidence.value,
        inputs=inputs,
        assumptions=list(_assumptions(book, baseline, candidate, hosts)),
        formula=f"baseline: {before.formula}; candidate: {after.formula}",
    )


def _assumptions(book: PriceBookSpec, baseline: Usage, candidate: Usage, hosts: int) -> Iterator[str]:
    measured_s = baseline.counts.measured_s if baseline.counts is not None else None
    run = f"the {measured_s:g} s measured" if measured_s is not None else "what was measured"
    yield f"{run} repeat for a month of 30 days"
    yield f"the fleet sends {hosts} times what this run did" if hosts > 1 else "this run is all there is (cost.hosts 1)"
    yield "it is the whole account: tiers and what is included are not used up by others"
    for meter in book.meters:
        if meter.window is None or measured_s is None or measured_s >= meter.window.seconds:
            continue
        text = f"series are billed as the {_named(meter)}; this run is shorter than one"
        if baseline.series_to_come(meter.window.seconds) or candidate.series_to_come(meter.window.seconds):
            text += ", and series that come new at its pace would add to it: the range has them"
        yield text
