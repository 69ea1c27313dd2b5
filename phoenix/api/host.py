"""Host: one machine with an agent."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from phoenix.api.collector import Engine
from phoenix.apimachinery.meta import KindInfo, PrinterColumn, Resource, Status
from phoenix.apimachinery.model import Model

HEARTBEAT_MISSED = "HeartbeatMissed"
"""Reason of Ready=Unknown: its agent has not been heard for a while, and may come back to what it left."""
HOST_LOST = "HostLost"
"""Reason of Ready=Unknown: it has been silent for so long that runs on it end."""


class HostEngine(Model):
    """A collector engine found on the host."""

    engine: Engine = Field(description="Embedded or Otelcol")
    version: str = Field(default="", description="version it says of itself")
    path: str = Field(default="", description="path of the binary; empty for Embedded")
    components: list[str] = Field(
        default_factory=list, description="what the binary has, such as processors/batch; none for Embedded"
    )


class HostSpec(Model):
    """What people may set on a host."""

    unschedulable: bool = Field(default=False, description="true: nothing new is placed here")


class HostStatus(Status):
    """What the agent reports; conditions: Ready (Unknown when heartbeats stop)."""

    address: str = Field(default="", description="address other hosts reach it at")
    heartbeat_at: str = Field(default="", description="RFC 3339 UTC of the last heartbeat")
    boot_id: str = Field(default="", description="changes when the machine restarts")
    agent_version: str = Field(default="", description="version of Phoenix there")
    cpus: int = Field(default=0, description="logical processors")
    memory_bytes: int = Field(default=0, description="memory, bytes")
    engines: list[HostEngine] = Field(default_factory=list, description="engines found")
    prometheus: str = Field(
        default="",
        description="version of the Prometheus that runs may ask, with `at URL` where Phoenix does not start it; "
        "empty: none",
    )
    processes: int = Field(default=0, description="processes the agent runs now")


class Host(Resource):
    """One machine with an agent. Made by the agent."""

    info: ClassVar[KindInfo] = KindInfo(
        kind="Host",
        plural="hosts",
        namespaced=False,
        short_names=("ho",),
        categories=("phoenix",),
        columns=(
            PrinterColumn("Status", '.status.conditions[?(@.type=="Ready")].status'),
            PrinterColumn("Address", ".status.address"),
            PrinterColumn("CPUs", ".status.cpus", "integer"),
            PrinterColumn("Processes", ".status.processes", "integer"),
            PrinterColumn("Age", ".metadata.creationTimestamp", "date"),
        ),
        description="One machine with an agent. Made by the agent.",
    )
    spec: HostSpec = Field(default_factory=HostSpec, description="what people set")
    status: HostStatus = Field(default_factory=HostStatus, description="what the agent reports")
