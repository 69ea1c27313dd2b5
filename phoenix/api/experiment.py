"""Experiment: a comparison of pipelines on identical input. Its results are in `phoenix.api.results`."""

from __future__ import annotations

import math
from enum import StrEnum
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from phoenix.api.analysis import Analysis, CostSpec
from phoenix.api.collector import Engine
from phoenix.api.observed import fault_of_variants
from phoenix.api.patterns import DNS_LABEL
from phoenix.api.pipeline import PipelineSource
from phoenix.api.results import ExperimentResults, Verdict
from phoenix.api.sources import ExperimentSource
from phoenix.apimachinery.meta import KindInfo, PrinterColumn, Resource, Status
from phoenix.apimachinery.model import ONE_FIELD, Model, map_by
from phoenix.apimachinery.selectors import LabelSelector
from phoenix.apimachinery.units import Duration, check_lasting


class VariantRole(StrEnum):
    """What a variant is in the comparison."""

    BASELINE = "Baseline"
    CANDIDATE = "Candidate"


class Variant(Model):
    """One pipeline of the comparison."""

    name: str = Field(pattern=DNS_LABEL, max_length=30, description="name, a DNS label")
    role: VariantRole = Field(description="Baseline (exactly one) or Candidate")
    pipeline: PipelineSource | None = Field(default=None, description="what it runs; absent with source observed")
    selector: str = Field(
        default="",
        max_length=2000,
        description='with source observed: PromQL label matchers of its series, such as {job="old"}',
    )


class Timing(Model):
    """How long, how often, how patient."""

    warmup: Duration = Field(default=Duration("5s"), description="input before measuring begins")
    duration: Duration = Field(default=Duration("60s"), description="how long to measure")
    interval: Duration = Field(default=Duration("1s"), description="time between ticks of the source")
    progress_deadline: Duration = Field(
        default=Duration("60s"), description="time for every process to become ready; then the run fails"
    )

    @property
    def window_s(self) -> float:
        """Length of a sample window in seconds: two ticks."""
        return 2 * self.interval.seconds

    @model_validator(mode="after")
    def _long_enough(self) -> Self:
        if not 0.1 <= self.interval.seconds <= 3600:
            msg = "interval must be between 100ms and 1h"
            raise ValueError(msg)
        if self.duration.seconds < 3 * self.window_s:
            msg = f"duration must be at least six intervals ({6 * self.interval.seconds:g}s), to have three windows"
            raise ValueError(msg)
        check_lasting("progressDeadline", self.progress_deadline)
        return self


class Decision(StrEnum):
    """A person's word over the verdict."""

    AUTO = "Auto"
    PROMOTE = "Promote"
    ROLLBACK = "Rollback"


class PromotionTarget(Model):
    """The deployment a promoted pipeline is written to."""

    name: str = Field(pattern=DNS_LABEL, max_length=63, description="name of the PipelineDeployment, made when absent")
    host_selector: LabelSelector = Field(default_factory=LabelSelector, description="hosts, when it is made")


class OnSuccess(Model):
    """What a Promote verdict does."""

    action: Literal["Promote", "Hold"] = Field(default="Hold", description="Promote: write the deployment; Hold: wait")
    deployment: PromotionTarget | None = Field(default=None, description="where to; needed for Promote")

    @model_validator(mode="after")
    def _target(self) -> Self:
        if self.action == "Promote" and self.deployment is None:
            msg = "action Promote needs deployment.name"
            raise ValueError(msg)
        return self


class OnFailure(Model):
    """What any other verdict does."""

    action: Literal["Hold"] = Field(default="Hold", description="Hold: change nothing")


class ExperimentSpec(Model):
    """A comparison of pipelines on identical input. Once started, only suspend, decision and ttl move."""

    suspend: bool = Field(default=False, description="true before the start: wait; true while running: stop")
    source: ExperimentSource = Field(description="where the input comes from")
    variants: list[Variant] = Field(
        min_length=2,
        description="one Baseline, one or more Candidates",
        json_schema_extra=map_by("name"),
    )
    engine: Engine = Field(default=Engine.AUTO, description="what runs the variants")
    exporters: Literal["Replace", "Keep"] = Field(
        default="Replace", description="Replace: only the meter; Keep: the meter beside the pipeline's own"
    )
    host_selector: LabelSelector = Field(
        default_factory=LabelSelector, description="every matching host runs every variant; empty: all hosts"
    )
    timing: Timing = Field(default_factory=Timing, description="how long, how often, how patient")
    analysis: Analysis = Field(default_factory=Analysis, description="what must hold")
    cost: CostSpec = Field(default_factory=CostSpec, description="how to price it")
    decision: Decision = Field(default=Decision.AUTO, description="a person's word over the verdict")
    on_success: OnSuccess = Field(default_factory=OnSuccess, description="what a Promote verdict does")
    on_failure: OnFailure = Field(default_factory=OnFailure, description="what any other verdict does")
    ttl_after_finished: Duration | None = Field(
        default=None, description="delete the experiment this long after its end; absent: keep"
    )

    @model_validator(mode="after")
    def _variants(self) -> Self:
        names = [variant.name for variant in self.variants]
        if len(set(names)) != len(names):
            msg = f"variants must have different names, not {', '.join(names)}"
            raise ValueError(msg)
        baselines = [variant.name for variant in self.variants if variant.role == VariantRole.BASELINE]
        if len(baselines) != 1:
            msg = f"exactly one variant must have role Baseline, found {len(baselines)}"
            raise ValueError(msg)
        if fault := fault_of_variants(self):
            raise ValueError(fault)
        return self

    @model_validator(mode="after")
    def _windows_enough(self) -> Self:
        windows = math.ceil(self.timing.duration.seconds / self.timing.window_s)
        if windows < self.analysis.min_windows:
            msg = (
                f"analysis.minWindows {self.analysis.min_windows}: timing.duration {self.timing.duration} has "
                f"{windows} windows of two intervals, so no run could be judged: measure longer, or ask for fewer"
            )
            raise ValueError(msg)
        return self

    @property
    def baseline(self) -> Variant:
        """The one variant all candidates are compared with."""
        return next(variant for variant in self.variants if variant.role == VariantRole.BASELINE)

    @property
    def candidates(self) -> list[Variant]:
        """The variants to judge, in order."""
        return [variant for variant in self.variants if variant.role == VariantRole.CANDIDATE]


class ExperimentPhase(StrEnum):
    """Where a run is. A phase is about the run; a verdict is about the candidate."""

    PENDING = "Pending"
    DEPLOYING = "Deploying"
    WARMING_UP = "WarmingUp"
    RUNNING = "Running"
    ANALYZING = "Analyzing"
    COMPLETED = "Completed"
    STOPPED = "Stopped"
    FAILED = "Failed"

    @property
    def finished(self) -> bool:
        """Whether the run is over."""
        return self in (ExperimentPhase.COMPLETED, ExperimentPhase.STOPPED, ExperimentPhase.FAILED)


class PinnedVariant(Model):
    """A variant as resolved at the start: what is judged and, if promoted, exactly what is deployed."""

    name: str = Field(description="name of the variant")
    deployment: str = Field(default="", description="PipelineDeployment made for it")
    engine: Engine = Field(default=Engine.EMBEDDED, description="engine resolved for it")
    engine_version: str = Field(default="", description="version of that engine on the run's hosts")
    pipeline_hash: str = Field(default="", description="hash of the user's processors with parameters resolved")
    config_hash: str = Field(default="", description="hash of the rendered configuration")
    ready: int = Field(default=0, description="collectors ready")
    template: str = Field(default="", description="template resolved from, with its generation: http-lean@1")


class PreviousRun(Model):
    """What is kept of an earlier run."""

    run: int = Field(description="run number")
    phase: ExperimentPhase = Field(description="how it ended")
    verdict: Verdict | None = Field(default=None, description="verdict, where there was one")
    completed_at: str = Field(default="", description="RFC 3339 UTC")
    results: ExperimentResults | None = Field(default=None, description="results it had")


class PromotionRecord(Model):
    """What a promotion changed, so that it can be rolled back."""

    deployment: str = Field(description="PipelineDeployment written")
    pipeline_hash: str = Field(description="hash written: the one that was judged")
    variant: str = Field(default="", description="candidate promoted")
    previous_revision: int = Field(default=0, description="its revision before; 0: it was made by the promotion")
    at: str = Field(default="", description="RFC 3339 UTC")
    rolled_back_at: str | None = Field(default=None, description="RFC 3339 UTC of a rollback")


class RunEnding(Model):
    """A run that is ending: its processes are being ended, then the phase becomes `phase`."""

    phase: ExperimentPhase = Field(description="phase once everything is gone")
    reason: str = Field(description="PascalCase")
    message: str = Field(default="", description="for people")


class ExperimentStatus(Status):
    """How the run goes and what it found.

    Conditions: Accepted, Deployed, InputParity, Measuring, Analyzed, Complete, Promoted.
    """

    run: int = Field(default=0, description="number of the current run; 0 before the first")
    phase: ExperimentPhase = Field(default=ExperimentPhase.PENDING, description="where the run is")
    verdict: Verdict | None = Field(default=None, description="about the candidates; absent until complete")
    verdict_reason: str = Field(
        default="", description="why, in a sentence a person can check; without a verdict: why the run waits or failed"
    )
    promoted_candidate: str = Field(default="", description="candidate a Promote verdict speaks of")
    progress: float = Field(default=0.0, ge=0, le=1, description="of the measured time, ratio")
    started_at: str | None = Field(default=None, description="RFC 3339 UTC")
    measure_from: str | None = Field(default=None, description="RFC 3339 UTC: first measured window begins")
    measure_to: str | None = Field(default=None, description="RFC 3339 UTC: last measured window ends")
    completed_at: str | None = Field(default=None, description="RFC 3339 UTC")
    deploying_since: str | None = Field(default=None, description="RFC 3339 UTC, for the progress deadline")
    ending: RunEnding | None = Field(default=None, description="set while the run's processes are being ended")
    hosts: list[str] = Field(default_factory=list, description="hosts chosen at the start")
    pipeline_hash: dict[str, str] = Field(default_factory=dict, description="hash judged, by variant")
    variants: list[PinnedVariant] = Field(default_factory=list, description="variants as resolved at the start")
    resolved: dict[str, object] = Field(
        default_factory=dict,
        description="load profile and price books as resolved at the start",
        json_schema_extra=ONE_FIELD,
    )
    source_endpoint: str = Field(default="", description="address for real senders (source otlp)")
    results: ExperimentResults | None = Field(default=None, description="live while running, final when complete")
    promotion: PromotionRecord | None = Field(default=None, description="what was promoted")
    previous_runs: list[PreviousRun] = Field(default_factory=list, description="earlier runs, oldest first")


class Experiment(Resource):
    """A comparison of pipelines on identical input."""

    info: ClassVar[KindInfo] = KindInfo(
        kind="Experiment",
        plural="experiments",
        short_names=("exp",),
        categories=("phoenix", "all"),
        columns=(
            PrinterColumn("Phase", ".status.phase"),
            PrinterColumn("Verdict", ".status.verdict"),
            PrinterColumn("Progress", ".status.progress", "number"),
            PrinterColumn("Reason", ".status.verdictReason", "string", 1),
            PrinterColumn("Age", ".metadata.creationTimestamp", "date"),
        ),
        description="A comparison of pipelines on identical input.",
    )
    spec: ExperimentSpec = Field(description="the comparison")
    status: ExperimentStatus = Field(default_factory=ExperimentStatus, description="how it goes and what it found")
