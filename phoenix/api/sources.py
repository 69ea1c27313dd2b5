"""Where an experiment's input comes from: synthetic, live, or recorded."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from phoenix.api.observed import ObservedSource
from phoenix.api.patterns import HOST_PORT, RECORDING_PATH, URL_PATH
from phoenix.api.pipeline import NameRef
from phoenix.apimachinery.model import Model

HostScraper = Literal["cpu", "memory", "process"]
ScrapeTarget = Annotated[str, Field(pattern=HOST_PORT, max_length=261)]


class LoadSource(Model):
    """Synthetic input from a LoadProfile."""

    profile_ref: NameRef = Field(description="a LoadProfile, by name or alias")
    seed: int = Field(default=1, ge=0, description="same seed, same bytes")
    scale: float = Field(default=1.0, gt=0, le=1000, description="multiplies the model's number of services")


class HostSource(Model):
    """The host's own metrics, scraped once and teed to every variant."""

    scrapers: list[HostScraper] = Field(
        default=["cpu", "memory", "process"], min_length=1, description="hostmetrics scrapers"
    )

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        if repeated := sorted({name for name in self.scrapers if self.scrapers.count(name) > 1}):
            msg = f"scrapers: {', '.join(repeated)} is there more than once: each runs once"
            raise ValueError(msg)
        return self


class OtlpSource(Model):
    """An OTLP/HTTP address to point real senders at, and one of OTLP/gRPC; what arrives is teed to every variant."""

    port: int | None = Field(default=None, ge=1, le=65535, description="port to listen on; absent: any, see status")
    grpc_port: int | None = Field(
        default=None, ge=1, le=65535, description="port for OTLP/gRPC beside, such as 4317; absent: HTTP alone"
    )

    @model_validator(mode="after")
    def _two_ports(self) -> Self:
        if self.grpc_port is not None and self.grpc_port == self.port:
            msg = "port and grpcPort must differ: each protocol listens on a port of its own"
            raise ValueError(msg)
        return self


class PrometheusSource(Model):
    """Targets scraped once every timing.interval by each host of the run and teed to every variant. A scrape that fails
    makes the run Invalid.
    """

    targets: list[ScrapeTarget] = Field(min_length=1, max_length=100, description="HOST:PORT, each scraped on its own")
    metrics_path: str = Field(default="/metrics", pattern=URL_PATH, max_length=1000, description="path of each target")
    scheme: Literal["http", "https"] = Field(default="http", description="http or https")

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        if repeated := sorted({target for target in self.targets if self.targets.count(target) > 1}):
            msg = f"targets: {', '.join(repeated)} is there more than once: each is scraped once"
            raise ValueError(msg)
        return self


class ReplaySource(Model):
    """A recorded OTLP stream, each request at the time it was recorded, all times moved to the run."""

    path: str = Field(
        pattern=RECORDING_PATH,
        max_length=300,
        description="file below the recordings folder of each host of the run: OTLP/JSON lines (.jsonl) or protobuf "
        "with a length of four bytes before each request (.pb), as the Collector's file exporter writes; also .gz",
    )
    speed: float = Field(
        default=1.0, ge=0.001, le=1000, description="times as fast as recorded; time between points is divided by it"
    )
    loop: bool = Field(default=False, description="begin again at its end; false: a run longer than it fails")


class ExperimentSource(Model):
    """Where the input comes from: exactly one of these."""

    load: LoadSource | None = Field(default=None, description="synthetic input")
    host: HostSource | None = Field(default=None, description="the host's own metrics")
    otlp: OtlpSource | None = Field(default=None, description="real senders")
    prometheus: PrometheusSource | None = Field(default=None, description="a scrape")
    replay: ReplaySource | None = Field(default=None, description="a recorded stream")
    observed: ObservedSource | None = Field(default=None, description="none: the variants run elsewhere")

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        given = (self.load, self.host, self.otlp, self.prometheus, self.replay, self.observed)
        if sum(source is not None for source in given) != 1:
            msg = "give exactly one of load, host, otlp, prometheus, replay and observed"
            raise ValueError(msg)
        return self
