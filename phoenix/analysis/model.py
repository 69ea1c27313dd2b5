"""What the analysis takes and gives."""

from __future__ import annotations

from typing import Self

from pydantic import ConfigDict, Field, model_validator

from phoenix.api.analysis import Analysis, CostSpec
from phoenix.api.collector import Engine
from phoenix.api.experiment import VariantRole
from phoenix.api.pricebook import PriceBookSpec
from phoenix.api.results import ExperimentResults, Verdict
from phoenix.apimachinery.model import Model
from phoenix.samples.model import Sample


class _Wire(Model):
    """A model whose JSON keeps NaN and infinity: a signal may well have such a value."""

    model_config = ConfigDict(ser_json_inf_nan="constants")


class JudgedVariant(Model):
    """A variant as far as the judgement goes."""

    name: str = Field(description="name of the variant")
    role: VariantRole = Field(description="Baseline (exactly one) or Candidate")
    engine: Engine = Field(default=Engine.EMBEDDED, description="engine that ran it")


class AnalysisInput(_Wire):
    """Everything a judgement rests on; nothing else is read. Times are Unix nanoseconds of point time."""

    run: int = Field(default=1, ge=1, description="run judged; samples of other runs are left out")
    variants: list[JudgedVariant] = Field(min_length=2, description="one Baseline, one or more Candidates")
    hosts: list[str] = Field(min_length=1, description="hosts that run every variant")
    lost_hosts: dict[str, str] = Field(
        default_factory=dict, description="hosts that were lost while it ran, and why they count as such"
    )
    analysis: Analysis = Field(default_factory=Analysis, description="criteria, signals, critical series, confidence")
    cost: CostSpec = Field(default_factory=CostSpec, description="price books by name, size of the fleet")
    price_books: dict[str, PriceBookSpec] = Field(
        default_factory=dict, description="books as resolved at the start of the run, by the names cost uses"
    )
    deployment_engine: Engine | None = Field(
        default=None,
        description="engine of the deployment a promotion would write; absent: the run's own, so that CPU counts",
    )
    samples: list[Sample] = Field(default_factory=list, description="samples of the run, any order, repeats allowed")
    measure_from: int = Field(description="start of the first measured window")
    measure_to: int = Field(description="end of the last measured window")
    window_ns: int = Field(gt=0, description="length of a window")
    ticks_per_window: int | None = Field(
        default=2, ge=1, description="ticks of the source in a window; absent: not checked (real senders have none)"
    )
    scrape_targets: int = Field(
        default=0, ge=0, description="Prometheus targets the source scrapes at each tick; 0: it scrapes none"
    )
    points_per_tick: int | None = Field(
        default=None, ge=1, description="points each tick must have, known beforehand; absent: nobody knows"
    )
    max_lag_s: float | None = Field(
        default=None, gt=0, description="largest lag of a point at the meter, seconds; absent: one window, at least 1 s"
    )
    observed: bool = Field(
        default=False, description="true: variants run elsewhere; a Prometheus was asked, and nobody saw the input"
    )
    final: bool = Field(default=False, description="true: every sample there will be is here; false: live results")
    stopped: bool = Field(
        default=False, description="true: it ended by an early stop, so that intervals must hold for looks at any time"
    )
    now: int = Field(description="Unix nanoseconds, for computedAt and progress")

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if sum(variant.role is VariantRole.BASELINE for variant in self.variants) != 1:
            msg = "exactly one variant must have role Baseline"
            raise ValueError(msg)
        if unknown := [name for name in self.cost.price_books if name not in self.price_books]:
            msg = f"priceBooks lacks {', '.join(unknown)}, which cost.priceBooks names"
            raise ValueError(msg)
        return self

    @property
    def windows(self) -> range:
        """Starts of the measured windows: the whole windows in [measure_from, measure_to)."""
        count = max(0, (self.measure_to - self.measure_from) // self.window_ns)
        return range(self.measure_from, self.measure_from + count * self.window_ns, self.window_ns)

    @property
    def baseline(self) -> JudgedVariant:
        """The variant all others are compared with."""
        return next(variant for variant in self.variants if variant.role is VariantRole.BASELINE)

    @property
    def candidates(self) -> list[JudgedVariant]:
        """The variants judged, in the order given."""
        return [variant for variant in self.variants if variant.role is VariantRole.CANDIDATE]

    @property
    def lag_limit_s(self) -> float:
        """Largest lag a valid run may have, seconds."""
        return self.max_lag_s if self.max_lag_s is not None else max(1.0, self.window_ns / 1e9)


class EarlyStop(Model):
    """A verdict that is settled. Judge once more with `final`, `stopped` and this `measureTo`."""

    verdict: Verdict = Field(description="Promote, Reject or Invalid")
    reason: str = Field(description="why it is settled, in a sentence")
    measure_to: int = Field(description="end of the last complete window, Unix nanoseconds")


class AnalysisOutcome(_Wire):
    """What was found."""

    results: ExperimentResults = Field(description="figures, live or final")
    verdict: Verdict | None = Field(default=None, description="of the run; absent while it is live")
    reason: str = Field(default="", description="why, in a sentence a person can check")
    promoted_candidate: str = Field(default="", description="candidate a Promote verdict speaks of")
    early_stop: EarlyStop | None = Field(
        default=None, description="given in a live analysis with earlyStop where every candidate's verdict is settled"
    )
