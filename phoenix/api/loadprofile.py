"""LoadProfile: a seeded model of synthetic input, whose number of series is known before it runs."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from pydantic import Field

from phoenix.apimachinery.meta import KindInfo, PrinterColumn, Resource, Status
from phoenix.apimachinery.model import SET, Model
from phoenix.apimachinery.units import Duration


class SeriesModel(StrEnum):
    """Shape of the input. M1: HTTP microservices (request duration histogram, active requests, body size, and a
    counter with a user id).
    """

    M1 = "M1"


class ModelSize(StrEnum):
    """How many series; each model documents its numbers."""

    S = "S"
    M = "M"
    L = "L"


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


class LoadProfileSpec(Model):
    """What is sent, how often, and under which other names the profile is known."""

    description: str = Field(default="", description="what it stands for, for people")
    otlp: OtlpEmitter = Field(default_factory=OtlpEmitter, description="input as OTLP requests")
    rate: float | None = Field(
        default=None, gt=0, description="data points a second to send at least; absent: one point a series and tick"
    )
    max_duration: Duration = Field(default=Duration("1h"), description="a generator of this profile ends after it")
    aliases: list[str] = Field(
        default_factory=list, description="other names that refer to this profile", json_schema_extra=SET
    )


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
