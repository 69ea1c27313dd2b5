"""PriceBook: one vendor's meters and tiers, with source, date and confidence."""

from __future__ import annotations

from enum import StrEnum
from itertools import pairwise
from typing import ClassVar, Self

from pydantic import Field, model_validator

from phoenix.api.patterns import DATE
from phoenix.apimachinery.meta import KindInfo, PrinterColumn, Resource, Status
from phoenix.apimachinery.model import Model
from phoenix.apimachinery.units import Duration


class MeterUnit(StrEnum):
    """What a vendor counts."""

    ACTIVE_SERIES = "activeSeries"  # series-months
    SAMPLES = "samples"  # samples a month
    BYTES = "bytes"  # bytes a month
    METRIC_NAMES = "metricNames"  # distinct Prometheus metric families a month


class WindowStatistic(StrEnum):
    """What a vendor makes of the series counted in each billing window of a month."""

    MEAN = "Mean"
    P95 = "P95"
    P99 = "P99"
    MAX = "Max"


class Confidence(StrEnum):
    """How far a price can be trusted."""

    SURE = "sure"
    SECOND_HAND = "second-hand"
    UNSURE = "unsure"
    ILLUSTRATIVE = "illustrative"


class PriceTier(Model):
    """Marginal price of the units up to a bound."""

    up_to: float | None = Field(default=None, gt=0, description="units a month up to which it holds; absent: no end")
    price: float = Field(ge=0, description="price of `per` units, in the book's currency")
    per: float = Field(default=1.0, gt=0, description="units the price buys")


class PriceMeter(Model):
    """One thing that is billed."""

    unit: MeterUnit = Field(description="what is counted")
    included: float = Field(default=0.0, ge=0, description="units a month that are free")
    included_per_host: float = Field(
        default=0.0, ge=0, description="units a month that are free for each of cost.hosts, pooled"
    )
    included_per_metric_name: float = Field(
        default=0.0, ge=0, description="units a month that are free for each metric name, pooled"
    )
    window: Duration | None = Field(
        default=None,
        description="billing window in which distinct series are counted (activeSeries only): 1h; absent: the run",
    )
    statistic: WindowStatistic = Field(
        default=WindowStatistic.MEAN, description="what is billed of the counts of a month's windows"
    )
    included_dpm: float | None = Field(
        default=None,
        gt=0,
        description="data points a minute a series may send; above it (activeSeries only) points divided by this are "
        "billed as series",
    )
    low_factor: float = Field(
        default=1.0,
        ge=0,
        le=1,
        description="least units billed for each measured, where the vendor's count is uncertain",
    )
    high_factor: float = Field(default=1.0, ge=1, description="most units billed for each measured")
    tiers: list[PriceTier] = Field(min_length=1, description="marginal tiers, cheapest bound first")

    @model_validator(mode="after")
    def _windows_are_of_series(self) -> Self:
        if self.window is not None and (self.unit is not MeterUnit.ACTIVE_SERIES or not self.window.seconds):
            msg = f"window {self.window}: only activeSeries are counted by windows, longer than 0; leave it out"
            raise ValueError(msg)
        if self.window is None and self.statistic is not WindowStatistic.MEAN:
            msg = f"statistic {self.statistic} is of the counts of billing windows: give window, such as 1h"
            raise ValueError(msg)
        if self.included_dpm is not None and self.unit is not MeterUnit.ACTIVE_SERIES:
            msg = f"includedDpm is of activeSeries, not of {self.unit}: leave it out"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _tiers_ascend(self) -> Self:
        for place, (tier, following) in enumerate(pairwise(self.tiers)):
            if tier.up_to is None:
                msg = f"tiers[{place}] has no upTo and no end, so tiers[{place + 1}] is never reached: give upTo"
                raise ValueError(msg)
            if following.up_to is not None and following.up_to <= tier.up_to:
                msg = (
                    f"tiers[{place + 1}].upTo {following.up_to:g} must be above {tier.up_to:g}, that of the tier before"
                )
                raise ValueError(msg)
        return self


class PriceBookSpec(Model):
    """What a vendor charges for metrics."""

    vendor: str = Field(default="", description="who charges it")
    product: str = Field(default="", description="for what")
    currency: str = Field(default="USD", description="ISO 4217")
    version: str = Field(default="", description="version of this book, such as 2026-05")
    effective: str = Field(default="", pattern=DATE, description="date from which it holds, YYYY-MM-DD")
    checked: str = Field(default="", pattern=DATE, description="date on which it was last checked, YYYY-MM-DD")
    source: str = Field(default="", description="where the figures are from")
    confidence: Confidence = Field(default=Confidence.UNSURE, description="how far it can be trusted")
    meters: list[PriceMeter] = Field(min_length=1, description="what is billed; the bill is their sum")


class PriceBook(Resource):
    """One vendor's meters and tiers."""

    info: ClassVar[KindInfo] = KindInfo(
        kind="PriceBook",
        plural="pricebooks",
        namespaced=False,
        short_names=("pb",),
        categories=("phoenix", "catalog"),
        columns=(
            PrinterColumn("Vendor", ".spec.vendor"),
            PrinterColumn("Version", ".spec.version"),
            PrinterColumn("Confidence", ".spec.confidence"),
            PrinterColumn("Age", ".metadata.creationTimestamp", "date"),
        ),
        description="One vendor's meters and tiers.",
    )
    spec: PriceBookSpec = Field(description="the prices")
    status: Status = Field(default_factory=Status, description="observed state")
