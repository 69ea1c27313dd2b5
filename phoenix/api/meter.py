"""Meter: one process behind the variants of a run that counts what leaves each of them."""

from __future__ import annotations

from typing import ClassVar, Self

from pydantic import Field, model_validator

from phoenix.api.analysis import CriticalMatch, QueryEngine, Signal
from phoenix.api.observed import ObservedMetering
from phoenix.api.process import PROCESS_COLUMNS, ProcessSpec, ProcessStatus
from phoenix.apimachinery.meta import KindInfo, Resource
from phoenix.apimachinery.model import ONE_FIELD, Model
from phoenix.apimachinery.units import Duration, check_lasting


class MeteredQuery(Model):
    """PromQL to answer for each window."""

    name: str = Field(min_length=1, description="name, unique among signals and queries")
    query: str = Field(min_length=1, description="PromQL, in the built-in subset")
    record: str = Field(default="", description="metric name its answer is recorded under, for queries after it")
    labels: dict[str, str] = Field(
        default_factory=dict, description="labels of what is recorded", json_schema_extra=ONE_FIELD
    )


class MeterSpec(ProcessSpec):
    """What to meter. Each variant sends to /v/VARIANT on the meter's `otlp` port."""

    variants: list[str] = Field(default_factory=list, description="names of the variants it accepts data for")
    window: Duration = Field(
        default=Duration("2s"), description="length of a window, by point time, at least two ticks"
    )
    grace: Duration = Field(
        default=Duration("1s"), description="how long after a window's end its points may still arrive in time"
    )
    signals: list[Signal] = Field(default_factory=list, description="answers to compute for each window")
    queries: list[MeteredQuery] = Field(default_factory=list, description="PromQL to answer for each window")
    query_engine: QueryEngine = Field(
        default=QueryEngine.EMBEDDED, description="what answers the queries: Embedded, or the host's Prometheus"
    )
    observed: ObservedMetering | None = Field(
        default=None, description="the Prometheus to ask, where variants run elsewhere and send nothing here"
    )
    critical: list[CriticalMatch] = Field(default_factory=list, description="series that must stay live")

    @model_validator(mode="after")
    def _window_lasts(self) -> Self:
        check_lasting("window", self.window)
        return self


class Meter(Resource):
    """One meter process wanted on one host. Made by controllers."""

    info: ClassVar[KindInfo] = KindInfo(
        kind="Meter",
        plural="meters",
        short_names=("mt",),
        categories=("phoenix",),
        columns=PROCESS_COLUMNS,
        description="One meter process wanted on one host. Made by controllers.",
    )
    spec: MeterSpec = Field(default_factory=MeterSpec, description="the process wanted")
    status: ProcessStatus = Field(default_factory=ProcessStatus, description="what became of it")
