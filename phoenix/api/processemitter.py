"""ProcessEmitter: real short-lived processes on a host, for a load profile whose input is what is observed of them."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from phoenix.api.patterns import PROCESS_NAME
from phoenix.apimachinery.model import Model
from phoenix.apimachinery.processlimits import MOST_PROCESSES, excess
from phoenix.apimachinery.units import ByteSize, Duration

ProcessName = Annotated[str, Field(pattern=PROCESS_NAME)]


class CpuPattern(StrEnum):
    """How CPU is used over time: Steady, in a Wave of 10 s, or in a Burst of 1 s every 10 s; the mean is the same."""

    STEADY = "Steady"
    WAVE = "Wave"
    BURST = "Burst"


class MemoryPattern(StrEnum):
    """How memory is used: Steady, or Growing to its size over a minute, as of a leak."""

    STEADY = "Steady"
    GROWING = "Growing"


class ProcessGroup(Model):
    """Processes that are alike."""

    names: list[ProcessName] = Field(
        min_length=1, max_length=200, description="names given in turn, as the kernel keeps them: 15 characters"
    )
    count: int = Field(default=1, ge=1, le=MOST_PROCESSES, description="processes at once")
    lifetime: Duration | None = Field(
        default=None,
        description="each ends after it and another takes its place, spread evenly, in whole ticks; absent: the run",
    )
    cpu: float = Field(default=0.0, ge=0, le=1, description="mean use of one CPU by each, ratio; 0: it sleeps")
    cpu_pattern: CpuPattern = Field(default=CpuPattern.STEADY, description="how that goes over time")
    memory: ByteSize = Field(default=ByteSize("0"), description="memory each takes beyond its few MiB, written to")
    memory_pattern: MemoryPattern = Field(default=MemoryPattern.STEADY, description="how that goes over time")

    @model_validator(mode="after")
    def _lives(self) -> Self:
        if self.lifetime is not None and Duration(self.lifetime).seconds < 1:
            msg = "lifetime must be at least 1s"
            raise ValueError(msg)
        return self


class ProcessEmitter(Model):
    """Input as real processes, observed by a hostmetrics process scraper that sees these alone.

    All of them together: at most 500 processes, 4 CPUs, 1Gi, and 20 starts a second.
    """

    groups: list[ProcessGroup] = Field(min_length=1, max_length=50, description="what runs")

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        lived = [(one.count, one.lifetime.seconds) for one in self.groups if one.lifetime is not None]
        faults = excess(
            processes=sum(one.count for one in self.groups),
            cpus=sum(one.count * one.cpu for one in self.groups),
            memory_bytes=sum(one.count * one.memory.bytes for one in self.groups),
            starts_per_s=sum(count / lifetime_s for count, lifetime_s in lived),
        )
        if said := "; ".join(faults):
            raise ValueError(f"groups have {said}: use fewer, or let them live longer")
        return self
