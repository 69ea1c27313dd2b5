"""LoadGenerator: one process that sends the same bytes to every variant."""

from __future__ import annotations

from typing import ClassVar, Self

from pydantic import Field, model_validator

from phoenix.api.loadprofile import LoadProfileSpec
from phoenix.api.process import PROCESS_COLUMNS, ProcessSpec, ProcessStatus, RestartPolicy
from phoenix.api.sources import ReplaySource
from phoenix.apimachinery.meta import KindInfo, Resource
from phoenix.apimachinery.model import Model
from phoenix.apimachinery.units import Duration, check_lasting


class Target(Model):
    """A receiver of the input."""

    name: str = Field(description="name of the variant")
    endpoint: str = Field(description="base URL of its OTLP/HTTP receiver, without /v1/metrics")


class LoadGeneratorSpec(ProcessSpec):
    """A complete load: resolved profile or recording, seed, targets and end."""

    restart_policy: RestartPolicy = Field(default=RestartPolicy.ON_FAILURE, description="when it restarts")
    profile: LoadProfileSpec = Field(default_factory=LoadProfileSpec, description="the resolved profile")
    replay: ReplaySource | None = Field(default=None, description="a recording in place of the profile")
    seed: int = Field(default=1, ge=0, description="same seed, same bytes")
    scale: float = Field(default=1.0, gt=0, description="multiplies the model's number of services")
    interval: Duration = Field(default=Duration("1s"), description="time between ticks; one time stamp a tick")
    targets: list[Target] = Field(default_factory=list, description="who gets the input, each the same bytes")
    start_at: str = Field(default="", description="RFC 3339 UTC of the first tick; empty: at once")
    end_at: str = Field(default="", description="RFC 3339 UTC after which no tick is sent; empty: maxDuration decides")

    @model_validator(mode="after")
    def _interval_lasts(self) -> Self:
        check_lasting("interval", self.interval)
        return self


class LoadGeneratorStatus(ProcessStatus):
    """What became of the generator."""

    expected_streams: int | None = Field(default=None, description="OTLP streams this load has, known beforehand")
    expected_active_series: int | None = Field(default=None, description="the same as a Prometheus-type backend counts")


class LoadGenerator(Resource):
    """One load generator process wanted on one host. Made by controllers."""

    info: ClassVar[KindInfo] = KindInfo(
        kind="LoadGenerator",
        plural="loadgenerators",
        short_names=("lg",),
        categories=("phoenix",),
        columns=PROCESS_COLUMNS,
        description="One load generator process wanted on one host. Made by controllers.",
    )
    spec: LoadGeneratorSpec = Field(default_factory=LoadGeneratorSpec, description="the process wanted")
    status: LoadGeneratorStatus = Field(default_factory=LoadGeneratorStatus, description="what became of it")
