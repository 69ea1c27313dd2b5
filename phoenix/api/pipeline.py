"""PipelineTemplate, PipelineDeployment, PipelineRevision: a pipeline as a recipe, as a wish, and as a fact."""

from __future__ import annotations

import re
from enum import StrEnum
from itertools import pairwise
from typing import Any, ClassVar, Self

from pydantic import Field, model_validator

from phoenix.api.collector import Engine
from phoenix.api.patterns import EXPORTERS, PARAMETER_NAME
from phoenix.apimachinery.meta import KindInfo, PrinterColumn, Resource, Status
from phoenix.apimachinery.model import ONE_FIELD, SET, Model, map_by
from phoenix.apimachinery.selectors import LabelSelector
from phoenix.apimachinery.units import Duration, check_lasting


class NameRef(Model):
    """A reference by name."""

    name: str = Field(min_length=1, description="name of the object")


class PipelineSource(Model):
    """Where a pipeline comes from: a template with parameters, or inline collector configuration."""

    template_ref: NameRef | None = Field(default=None, description="a PipelineTemplate")
    config: dict[str, Any] | None = Field(default=None, description="inline collector configuration")
    parameters: dict[str, Any] = Field(default_factory=dict, description="values for the template's parameters")

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.template_ref is None) == (self.config is None):
            msg = "give exactly one of templateRef and config"
            raise ValueError(msg)
        if self.config is not None and self.parameters:
            msg = "parameters belong to a templateRef; an inline config has none"
            raise ValueError(msg)
        return self


class ParameterType(StrEnum):
    """Types a template parameter may have."""

    STRING = "string"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DURATION = "duration"
    STRING_LIST = "stringList"


class TemplateParameter(Model):
    """One typed parameter."""

    name: str = Field(pattern=PARAMETER_NAME, description="name as ${param:NAME} uses it")
    type: ParameterType = Field(default=ParameterType.STRING, description="type of its value")
    default: Any | None = Field(default=None, description="value when none is given; absent: a value is required")
    description: str = Field(default="", description="what it does, for people")
    enum: list[Any] | None = Field(default=None, description="allowed values")
    minimum: float | None = Field(default=None, description="smallest number allowed")
    maximum: float | None = Field(default=None, description="largest number allowed")
    pattern: str | None = Field(default=None, description="regular expression a string must match")

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            msg = f"minimum {self.minimum:g} is above maximum {self.maximum:g}: no value would do"
            raise ValueError(msg)
        if self.pattern is not None:
            try:
                re.compile(self.pattern)
            except re.error as error:
                msg = f"pattern {self.pattern!r} is no regular expression: {error}"
                raise ValueError(msg) from error
        if self.enum is not None and not self.enum:
            msg = "enum allows no value: list some, or leave it out"
            raise ValueError(msg)
        return self


class PipelineTemplateSpec(Model):
    """A collector configuration with typed parameters."""

    description: str = Field(default="", description="what it is for, for people")
    parameters: list[TemplateParameter] = Field(
        default_factory=list, description="what can be set", json_schema_extra=map_by("name")
    )
    config: dict[str, Any] = Field(
        default_factory=dict,
        description="collector configuration; a node that is the string ${param:NAME} becomes the value, as its type",
    )
    reduces: str = Field(default="", description="what it cuts, for people")
    loses: str = Field(default="", description="which answers are lost, for people")
    requires: list[str] = Field(
        default_factory=list, description="engine features beyond the embedded subset", json_schema_extra=SET
    )
    aliases: list[str] = Field(
        default_factory=list, description="other names that refer to this template", json_schema_extra=SET
    )
    negative_control: bool = Field(default=False, description="true: it must be rejected by every sound judge")


class PipelineTemplateStatus(Status):
    """Whether it renders with its defaults and on which engines it runs; conditions: Valid."""

    runnable_by: list[Engine] = Field(default_factory=list, description="engines that can run it")


class PipelineTemplate(Resource):
    """A parameterised collector configuration."""

    info: ClassVar[KindInfo] = KindInfo(
        kind="PipelineTemplate",
        plural="pipelinetemplates",
        namespaced=False,
        short_names=("pt",),
        categories=("phoenix", "catalog"),
        columns=(
            PrinterColumn("Valid", '.status.conditions[?(@.type=="Valid")].status'),
            PrinterColumn("Reduces", ".spec.reduces", "string", 1),
            PrinterColumn("Age", ".metadata.creationTimestamp", "date"),
        ),
        description="A parameterised collector configuration.",
    )
    spec: PipelineTemplateSpec = Field(default_factory=PipelineTemplateSpec, description="the recipe")
    status: PipelineTemplateStatus = Field(default_factory=PipelineTemplateStatus, description="whether it is sound")


class StrategyType(StrEnum):
    """How a new revision reaches the hosts. Immediate: all at once. Canary: step by step."""

    IMMEDIATE = "Immediate"
    CANARY = "Canary"


class RolloutStep(Model):
    """A share of the hosts, and how long to stay at it once they are ready."""

    percent: int = Field(ge=1, le=100, description="hosts that run the new revision, of all, rounded up")
    hold: Duration = Field(default=Duration("0s"), description="how long to stay once they are ready")
    manual: bool = Field(default=False, description="true: stay until `phoenixctl rollout resume`")


class RolloutStrategy(Model):
    """How a new revision reaches the hosts."""

    type: StrategyType = Field(
        default=StrategyType.IMMEDIATE, description="Immediate: all hosts at once; Canary: by steps"
    )
    steps: list[RolloutStep] = Field(
        default_factory=list, max_length=20, description="of a Canary, percentages ascending; every host after the last"
    )

    @model_validator(mode="after")
    def _steps_belong(self) -> Self:
        canary = self.type is StrategyType.CANARY
        if canary != bool(self.steps):
            msg = "Canary needs steps, such as [{percent: 25, hold: 60s}]" if canary else "steps belong to type Canary"
            raise ValueError(msg)
        percents = [step.percent for step in self.steps]
        if any(after <= before for before, after in pairwise(percents)):
            msg = "percentages of steps must ascend"
            raise ValueError(msg)
        return self


class DeploymentMeasurement(Model):
    """Set by an experiment on the deployment of each variant: render for measuring."""

    experiment: str = Field(description="name of the Experiment")
    run: int = Field(default=1, ge=1, description="run number")
    variant: str = Field(description="name of the variant")
    exporters: str = Field(default="Replace", pattern=EXPORTERS, description="Replace: only the meter")
    window: Duration = Field(default=Duration("2s"), description="length of a sample window")

    @model_validator(mode="after")
    def _window_lasts(self) -> Self:
        check_lasting("window", self.window)
        return self


class AdaptiveKeep(Model):
    """A list parameter of the template that Phoenix decides, from what an experiment measures of its baseline."""

    parameter: str = Field(default="keep", description="the template's parameter, a stringList")
    experiment: NameRef = Field(description="an Experiment of this namespace whose baseline has all of the data")
    signal: str = Field(min_length=1, description="a signal of its analysis, by one label: sum by (LABEL) (…)")
    top_k: int | None = Field(default=None, ge=1, le=1000, description="keep the largest; this or threshold")
    threshold: float | None = Field(default=None, gt=0, description="keep what is at least this; this or topK")
    always: list[str] = Field(default_factory=list, description="kept whatever they measure", json_schema_extra=SET)
    leave_factor: float = Field(default=1.3, ge=1, le=10, description="a group leaves beyond rank topK x this")
    min_dwell: Duration = Field(default=Duration("60s"), description="least time between two changes of the list")
    max_changes: int = Field(default=5, ge=1, description="groups that one change enters or drops at most")

    @model_validator(mode="after")
    def _one_measure(self) -> Self:
        if (self.top_k is None) == (self.threshold is None):
            msg = "give exactly one of topK and threshold"
            raise ValueError(msg)
        return self


class PipelineDeploymentSpec(Model):
    """Keep this pipeline running on these hosts."""

    pipeline: PipelineSource = Field(description="what runs")
    engine: Engine = Field(default=Engine.AUTO, description="what runs it")
    host_selector: LabelSelector = Field(default_factory=LabelSelector, description="hosts that run it; empty: all")
    strategy: RolloutStrategy = Field(default_factory=RolloutStrategy, description="how a new revision is rolled out")
    adaptive: AdaptiveKeep | None = Field(default=None, description="has Phoenix decide a list of the template")
    variant_labels: dict[str, str] = Field(
        default_factory=dict, description="resource attributes added last to everything exported"
    )
    revision_history_limit: int = Field(default=10, ge=1, le=100, description="old revisions kept")
    paused: bool = Field(default=False, description="true: no new revision is rolled out")
    min_ready: Duration = Field(default=Duration("2s"), description="how long it must be ready to count as good")
    progress_deadline: Duration = Field(
        default=Duration("60s"), description="time for a revision to become ready; then it is rolled back"
    )
    measurement: DeploymentMeasurement | None = Field(default=None, description="set by experiments on their variants")

    @model_validator(mode="after")
    def _ready_in_time(self) -> Self:
        if self.progress_deadline.seconds <= self.min_ready.seconds:
            msg = (
                f"progressDeadline {self.progress_deadline} must be longer than minReady {self.min_ready}: no revision "
                "would become ready in time"
            )
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _adaptive_has_a_template(self) -> Self:
        if self.adaptive is not None and self.pipeline.template_ref is None:
            msg = "adaptive sets a parameter: give pipeline.templateRef, such as process-significant"
            raise ValueError(msg)
        return self


class CollectorCounts(Model):
    """How far a rollout is, in collectors."""

    desired: int = Field(default=0, description="hosts that should run it")
    updated: int = Field(default=0, description="of them, running the attempted revision")
    ready: int = Field(default=0, description="of them, ready")


class RevisionOutcome(StrEnum):
    """What became of a revision."""

    PROGRESSING = "Progressing"
    DEPLOYED = "Deployed"
    SUPERSEDED = "Superseded"
    ROLLED_BACK = "RolledBack"


class RevisionRecord(Model):
    """One line of rollout history."""

    revision: int = Field(description="number, counting up")
    name: str = Field(description="name of the PipelineRevision")
    pipeline_hash: str = Field(default="", description="hash of the user's processors with parameters resolved")
    config_hash: str = Field(default="", description="hash of the rendered configuration")
    deployed_at: str = Field(default="", description="RFC 3339 UTC")
    outcome: RevisionOutcome = Field(default=RevisionOutcome.PROGRESSING, description="what became of it")
    reason: str = Field(default="", description="why, where it failed or was undone")


class RevisionAttempt(Model):
    """The revision last tried, with the reason if it did not become good."""

    revision: int = Field(default=0, description="number")
    name: str = Field(default="", description="name of the PipelineRevision")
    config_hash: str = Field(default="", description="hash of the rendered configuration")
    reason: str = Field(default="", description="PascalCase; empty when it is the effective one")
    message: str = Field(default="", description="for people")
    started_at: str = Field(default="", description="RFC 3339 UTC")


class RolloutProgress(Model):
    """Where a canary rollout is. `step` counts from 0; as many as there are steps: every host."""

    revision: int = Field(default=0, description="revision it is about")
    step: int = Field(default=0, description="steps that are behind it")
    steps: int = Field(default=0, description="steps there are")
    percent: int = Field(default=0, description="share of the hosts that run the new revision")
    hosts: list[str] = Field(default_factory=list, description="these hosts", json_schema_extra=SET)
    started_at: str = Field(default="", description="when this step began, RFC 3339 UTC")
    held_since: str = Field(default="", description="since when its hosts are ready; empty: they are not")


class AdaptiveStatus(Model):
    """The list as decided."""

    keep: list[str] = Field(default_factory=list, description="groups on the list", json_schema_extra=SET)
    decided_at: str = Field(default="", description="when it last changed, RFC 3339 UTC; empty: never")
    reason: str = Field(default="", description="what came in and what went out, or why nothing was decided")


class PipelineDeploymentStatus(Status):
    """What runs, what was tried; conditions: Available, Progressing, Ready."""

    revision: int = Field(default=0, description="effective revision: what really runs; 0: none yet")
    config_hash: str = Field(default="", description="hash of the effective rendered configuration")
    pipeline_hash: str = Field(default="", description="hash of the effective user pipeline")
    engine: Engine | None = Field(default=None, description="engine in use")
    collectors: CollectorCounts = Field(default_factory=CollectorCounts, description="how far the rollout is")
    attempted: RevisionAttempt | None = Field(default=None, description="revision last tried")
    adaptive: AdaptiveStatus | None = Field(default=None, description="the list Phoenix decided, and why")
    rollout: RolloutProgress | None = Field(default=None, description="where a canary rollout is; absent: none is on")
    history: list[RevisionRecord] = Field(default_factory=list, description="revisions, oldest first")


class PipelineDeployment(Resource):
    """Keep a pipeline running on selected hosts; roll out, roll back."""

    info: ClassVar[KindInfo] = KindInfo(
        kind="PipelineDeployment",
        plural="pipelinedeployments",
        short_names=("pd",),
        categories=("phoenix", "all"),
        columns=(
            PrinterColumn("Revision", ".status.revision", "integer"),
            PrinterColumn("Desired", ".status.collectors.desired", "integer"),
            PrinterColumn("Ready", ".status.collectors.ready", "integer"),
            PrinterColumn("Available", '.status.conditions[?(@.type=="Available")].status'),
            PrinterColumn("Hash", ".status.pipelineHash", "string", 1),
            PrinterColumn("Age", ".metadata.creationTimestamp", "date"),
        ),
        description="Keep a pipeline running on selected hosts; roll out, roll back.",
    )
    spec: PipelineDeploymentSpec = Field(description="what should run where")
    status: PipelineDeploymentStatus = Field(default_factory=PipelineDeploymentStatus, description="what runs")


class PipelineRevisionSpec(Model):
    """One resolved pipeline. Immutable."""

    revision: int = Field(ge=1, description="number within its deployment")
    pipeline: PipelineSource = Field(description="source as the deployment's spec had it: what undo restores")
    resolved: dict[str, Any] = Field(
        description="collector configuration with parameters resolved, before injection", json_schema_extra=ONE_FIELD
    )
    parameters: dict[str, Any] = Field(
        default_factory=dict, description="parameters with defaults filled in", json_schema_extra=ONE_FIELD
    )
    template_generation: int = Field(default=0, description="generation of the template it was resolved from")
    engine: Engine = Field(default=Engine.EMBEDDED, description="engine resolved for it")
    engine_version: str = Field(default="", description="version of that engine")
    variant_labels: dict[str, str] = Field(default_factory=dict, description="labels added last")
    pipeline_hash: str = Field(description="hash of the user's processors with parameters resolved")


class PipelineRevision(Resource):
    """One resolved pipeline with its hash; what history, diff and undo read. Made by controllers."""

    info: ClassVar[KindInfo] = KindInfo(
        kind="PipelineRevision",
        plural="pipelinerevisions",
        short_names=("prev",),
        categories=("phoenix",),
        columns=(
            PrinterColumn("Revision", ".spec.revision", "integer"),
            PrinterColumn("Hash", ".spec.pipelineHash"),
            PrinterColumn("Engine", ".spec.engine"),
            PrinterColumn("Age", ".metadata.creationTimestamp", "date"),
        ),
        has_status=False,
        description="One resolved pipeline with its hash. Made by controllers.",
    )
    spec: PipelineRevisionSpec = Field(description="what was resolved")
