"""PriceBook: one vendor's meters and tiers, with source, date and confidence."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from pydantic import Field

from phoenix.apimachinery.meta import KindInfo, PrinterColumn, Resource, Status
from phoenix.apimachinery.model import Model


class MeterUnit(StrEnum):
    """What a vendor counts."""

    ACTIVE_SERIES = "activeSeries"  # series-months
    SAMPLES = "samples"  # samples a month
    BYTES = "bytes"  # bytes a month


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


class PriceBookSpec(Model):
    """What a vendor charges for metrics."""

    vendor: str = Field(default="", description="who charges it")
    product: str = Field(default="", description="for what")
    currency: str = Field(default="USD", description="ISO 4217")
    version: str = Field(default="", description="version of this book, such as 2026-05")
    effective: str = Field(default="", description="date from which it holds, YYYY-MM-DD")
    checked: str = Field(default="", description="date on which it was last checked, YYYY-MM-DD")
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
