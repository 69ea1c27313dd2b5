"""LoadProfile: a seeded model of synthetic input, whose number of series is known before it runs."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar, Self

from pydantic import Field, model_validator

from phoenix.api.processemitter import ProcessEmitter
from phoenix.apimachinery.meta import KindInfo, PrinterColumn, Resource, Status
from phoenix.apimachinery.model import SET, Model
from phoenix.apimachinery.units import Duration, check_lasting


class SeriesModel(StrEnum):
    """Shape of the input. M1: HTTP microservices (request duration histogram, active requests, body size, and a
    counter with a user id). M2: a fleet of hosts with their processes. M3: pods and containers of a Kubernetes cluster.
    """

    M1 = "M1"
    M2 = "M2"
    M3 = "M3"


class ModelSize(StrEnum):
    """How many series; each model documents its numbers."""

    S = "S"
    M = "M"
    L = "L"


class Turnover(Model):
    """How the modelled processes go on: every so often the next part of them, in turn."""

    every: Duration = Field(description="time between two turns, from the first tick")
    fraction: float = Field(default=0.05, gt=0, le=1, description="part of the processes each turn comes to")

    @model_validator(mode="after")
    def _time_between(self) -> Self:
        check_lasting("every", self.every)
        return self


class LoadPhase(Model):
    """A stretch of time; phases follow one another again and again."""

    duration: Duration = Field(description="how long")
    instances: float = Field(
        default=1.0, gt=0, le=100, description="multiplies instances (M1), short-lived processes (M2), pods (M3)"
    )
    activity: float = Field(default=1.0, gt=0, le=1000, description="multiplies requests and work done")

    @model_validator(mode="after")
    def _lasts(self) -> Self:
        check_lasting("duration", self.duration)
        return self


class StressKind(StrEnum):
    """Stress events. M1: RouteExplosion (`count` routes come up over `duration` and stay), ErrorBurst. M2: ForkStorm
    (`count` processes for `duration`), CpuSwap (the ten busiest processes change). M3: NodeDrain (a node's pods are
    replaced), CrashLoop (`count` restarts of one container). All: ClockSkew (half of the senders `offset` ahead, half
    behind).
    """

    ROUTE_EXPLOSION = "RouteExplosion"
    ERROR_BURST = "ErrorBurst"
    CLOCK_SKEW = "ClockSkew"
    FORK_STORM = "ForkStorm"
    CPU_SWAP = "CpuSwap"
    NODE_DRAIN = "NodeDrain"
    CRASH_LOOP = "CrashLoop"


_EVENTS_OF = {
    SeriesModel.M1: (StressKind.ROUTE_EXPLOSION, StressKind.ERROR_BURST, StressKind.CLOCK_SKEW),
    SeriesModel.M2: (StressKind.FORK_STORM, StressKind.CPU_SWAP, StressKind.CLOCK_SKEW),
    SeriesModel.M3: (StressKind.NODE_DRAIN, StressKind.CRASH_LOOP, StressKind.CLOCK_SKEW),
}

_COUNTED = (StressKind.ROUTE_EXPLOSION, StressKind.FORK_STORM, StressKind.CRASH_LOOP)


class StressEvent(Model):
    """Something bad that happens once."""

    kind: StressKind = Field(description="what happens; each model has its own")
    at: Duration = Field(default=Duration("0s"), description="when, from the first tick")
    duration: Duration = Field(default=Duration("10s"), description="how long")
    count: int | None = Field(default=None, ge=1, le=100_000, description="routes, processes or restarts")
    offset: Duration = Field(default=Duration("2s"), description="of the clocks (ClockSkew)")

    @model_validator(mode="after")
    def _some_stress(self) -> Self:
        if self.count is not None and self.kind not in _COUNTED:
            msg = f"count belongs to {', '.join(_COUNTED)}: leave it out of {self.kind}"
            raise ValueError(msg)
        check_lasting("offset", self.offset)
        check_lasting("duration", self.duration)
        return self


_MOST_NAMES = 100_000
"""Of what a cluster has beside its pods, which have a bound in points: all names are made before anything is sent."""


class OtlpEmitter(Model):
    """Input as OTLP requests from modelled services."""

    model: SeriesModel = Field(default=SeriesModel.M1, description="shape of the input")
    size: ModelSize = Field(default=ModelSize.S, description="how many series")
    services: int | None = Field(default=None, ge=1, description="number of services; absent: the size decides")
    instances: int | None = Field(default=None, ge=1, description="instances a service; absent: the size decides")
    routes: int | None = Field(default=None, ge=1, description="routes a service; absent: the size decides")
    users: int | None = Field(default=None, ge=0, description="user ids over all services; absent: the size decides")
    raw_paths: int | None = Field(
        default=None, ge=0, description="distinct ids in each route's path; 0: routes are templated; absent: the size"
    )
    zipf: float = Field(default=1.1, gt=0, description="exponent of the law by which routes and users are drawn")
    hosts: int | None = Field(default=None, ge=1, description="M2: hosts; absent: the size decides")
    processes: int | None = Field(default=None, ge=80, description="M2: processes a host, 80 of them settled")
    namespaces: int | None = Field(
        default=None, ge=1, le=_MOST_NAMES, description="M3: namespaces; absent: the size decides"
    )
    deployments: int | None = Field(
        default=None, ge=1, le=_MOST_NAMES, description="M3: deployments; absent: the size decides"
    )
    pods: int | None = Field(default=None, ge=1, description="M3: pods of all deployments; absent: the size decides")
    nodes: int | None = Field(default=None, ge=1, le=_MOST_NAMES, description="M3: nodes; absent: the size decides")
    churn: Turnover | None = Field(default=None, description="processes are replaced by others with names of their own")
    resets: Turnover | None = Field(default=None, description="counters begin at zero again under the same names")
    phases: list[LoadPhase] = Field(default_factory=list, description="absent: one of factor 1 that never ends")
    events: list[StressEvent] = Field(default_factory=list, description="stress, each once")

    @model_validator(mode="after")
    def _fields_of_the_model(self) -> Self:
        own = {
            SeriesModel.M1: {
                "services": self.services, "instances": self.instances, "routes": self.routes, "users": self.users,
                "rawPaths": self.raw_paths,
            },
            SeriesModel.M2: {"hosts": self.hosts, "processes": self.processes},
            SeriesModel.M3: {
                "namespaces": self.namespaces, "deployments": self.deployments, "pods": self.pods, "nodes": self.nodes,
            },
        }  # fmt: skip
        for model, values in own.items():
            foreign = [name for name, value in values.items() if value is not None] if model is not self.model else []
            if foreign:
                msg = f"{', '.join(foreign)}: of model {model}, not {self.model}: leave out, or write model: {model}"
                raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _events_of_the_model(self) -> Self:
        known = _EVENTS_OF[self.model]
        for place, event in enumerate(self.events):
            if event.kind not in known:
                msg = f"events[{place}].kind: model {self.model} has {', '.join(known)}, not {event.kind}"
                raise ValueError(msg)
        return self


class LoadProfileSpec(Model):
    """What is sent, how often, and under which other names the profile is known."""

    description: str = Field(default="", description="what it stands for, for people")
    otlp: OtlpEmitter = Field(default_factory=OtlpEmitter, description="input as OTLP requests")
    processes: ProcessEmitter | None = Field(
        default=None, description="real processes in place of otlp; a tee on each host observes these alone"
    )
    rate: float | None = Field(
        default=None, gt=0, description="data points a second to send at least; absent: one point a series and tick"
    )
    max_duration: Duration = Field(default=Duration("1h"), description="a generator of this profile ends after it")
    aliases: list[str] = Field(
        default_factory=list, description="other names that refer to this profile", json_schema_extra=SET
    )

    @model_validator(mode="after")
    def _lasts(self) -> Self:
        check_lasting("maxDuration", self.max_duration)
        return self


class LoadProfileStatus(Status):
    """What the model amounts to; conditions: Valid."""

    expected_streams: int | None = Field(default=None, description="OTLP streams at scale 1, computed from the model")
    expected_active_series: int | None = Field(
        default=None, description="series a Prometheus-type backend would count at scale 1"
    )


class LoadProfile(Resource):
    """A seeded model of synthetic input."""

    info: ClassVar[KindInfo] = KindInfo(
        kind="LoadProfile",
        plural="loadprofiles",
        namespaced=False,
        short_names=("lp",),
        categories=("phoenix", "catalog"),
        columns=(
            PrinterColumn("Model", ".spec.otlp.model"),
            PrinterColumn("Size", ".spec.otlp.size"),
            PrinterColumn("Series", ".status.expectedActiveSeries", "integer"),
            PrinterColumn("Age", ".metadata.creationTimestamp", "date"),
        ),
        description="A seeded model of synthetic input.",
    )
    spec: LoadProfileSpec = Field(default_factory=LoadProfileSpec, description="the model")
    status: LoadProfileStatus = Field(default_factory=LoadProfileStatus, description="what it amounts to")
