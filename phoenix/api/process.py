"""What Collector, LoadGenerator and Meter share: the wish for one process on one host, and what became of it."""

from __future__ import annotations

from enum import StrEnum
from typing import Self

from pydantic import Field, model_validator

from phoenix.apimachinery.meta import PrinterColumn, Status
from phoenix.apimachinery.model import Model
from phoenix.apimachinery.selectors import LabelSelector
from phoenix.apimachinery.units import Duration, check_lasting

PROCESS_FINALIZER = "phoenix.io/process"
"""Held by every process kind until the agent has seen its processes gone."""


class ProcessPhase(StrEnum):
    """Where a process is. Pending until a host takes it; Succeeded and Failed are final unless restarted."""

    PENDING = "Pending"
    STARTING = "Starting"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    TERMINATING = "Terminating"


class RestartPolicy(StrEnum):
    """When the agent starts an ended process again (with exponential backoff)."""

    ALWAYS = "Always"
    ON_FAILURE = "OnFailure"
    NEVER = "Never"


class MeasurementRef(Model):
    """The experiment run a process measures for; the agent reports its CPU and memory there."""

    experiment: str = Field(description="name of the Experiment, in the same namespace")
    run: int = Field(default=1, ge=1, description="run number")
    variant: str = Field(default="", description="variant it carries; empty for meter and source")
    window: Duration = Field(default=Duration("2s"), description="length of a sample window; windows are aligned to it")

    @model_validator(mode="after")
    def _window_lasts(self) -> Self:
        check_lasting("window", self.window)
        return self


class ProcessSpec(Model):
    """The part of a process kind's spec that says where and how it runs."""

    host: str = Field(default="", description="name of the Host it runs on; empty until placement chooses one")
    host_selector: LabelSelector = Field(
        default_factory=LabelSelector, description="hosts that placement may choose from"
    )
    restart_policy: RestartPolicy = Field(default=RestartPolicy.ALWAYS, description="when an ended process restarts")
    progress_deadline: Duration = Field(default=Duration("60s"), description="time to become ready, from each start")
    stop_grace: Duration = Field(default=Duration("10s"), description="time to end by itself before it is killed")
    measurement: MeasurementRef | None = Field(default=None, description="run it measures for; absent outside runs")

    @model_validator(mode="after")
    def _time_to_be_ready(self) -> Self:
        check_lasting("progressDeadline", self.progress_deadline)
        return self


class ProcessExit(Model):
    """How a process ended."""

    code: int | None = Field(default=None, description="exit code; absent when ended by a signal or unknown")
    signal: int | None = Field(default=None, description="number of the signal that ended it")
    reason: str = Field(default="", description="Completed, Error, Signaled, Unknown (nobody saw it end)")
    message: str = Field(default="", description="last lines it wrote")
    at: str = Field(default="", description="RFC 3339 UTC")


class ConfigAttempt(Model):
    """A configuration that was tried, and what came of it."""

    config_hash: str = Field(default="", description="hash of the configuration")
    reason: str = Field(default="", description="PascalCase; empty while in progress or once effective")
    message: str = Field(default="", description="what went wrong, for people")
    at: str = Field(default="", description="RFC 3339 UTC")


class ProcessResources(Model):
    """What the process has used."""

    cpu_seconds: float = Field(default=0.0, description="CPU time over its life, seconds")
    rss_bytes: int = Field(default=0, description="resident memory, bytes")
    uss_bytes: int = Field(default=0, description="unique (private) memory, bytes")


class ProcessStatus(Status):
    """What became of the process. Written by the agent only; conditions: Scheduled, Ready."""

    phase: ProcessPhase = Field(default=ProcessPhase.PENDING, description="where the process is")
    pid: int | None = Field(default=None, description="process id on its host")
    started_at: str | None = Field(default=None, description="RFC 3339 UTC of the last start")
    address: str = Field(default="", description="address of the host on which its ports listen")
    ports: dict[str, int] = Field(default_factory=dict, description="ports by name, as filled in by the agent")
    restarts: int = Field(default=0, ge=0, description="starts after the first one")
    last_exit: ProcessExit | None = Field(default=None, description="how it last ended")
    desired_hash: str = Field(default="", description="configuration the spec asks for")
    attempted: ConfigAttempt | None = Field(default=None, description="last configuration tried")
    effective_hash: str = Field(default="", description="configuration that runs now")
    resources: ProcessResources = Field(default_factory=ProcessResources, description="use of CPU and memory")
    gap: str = Field(default="", description="stated interruption at the last switch of configuration; empty: none")


PROCESS_COLUMNS = (
    PrinterColumn("Host", ".spec.host"),
    PrinterColumn("Phase", ".status.phase"),
    PrinterColumn("Ready", '.status.conditions[?(@.type=="Ready")].status'),
    PrinterColumn("Restarts", ".status.restarts", "integer"),
    PrinterColumn("PID", ".status.pid", "integer", 1),
    PrinterColumn("Age", ".metadata.creationTimestamp", "date"),
)
