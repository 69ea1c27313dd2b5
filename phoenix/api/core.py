"""Event and Namespace, as in Kubernetes core/v1."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from phoenix.apimachinery.meta import KindInfo, ObjectReference, PrinterColumn, Resource
from phoenix.apimachinery.model import Model


class EventSource(Model):
    """Who reported an event."""

    component: str = Field(default="", description="name of the controller or agent")
    host: str = Field(default="", description="host it ran on")


class Event(Resource):
    """Something that happened to an object. Lifecycle events carry their data as annotations `phoenix.io/data.*`."""

    info: ClassVar[KindInfo] = KindInfo(
        kind="Event",
        plural="events",
        group="",
        version="v1",
        short_names=("ev",),
        columns=(
            PrinterColumn("Last Seen", ".lastTimestamp", "date"),
            PrinterColumn("Type", ".type"),
            PrinterColumn("Reason", ".reason"),
            PrinterColumn("Object", ".involvedObject.name"),
            PrinterColumn("Message", ".message"),
        ),
        has_status=False,
        description="Something that happened to an object.",
    )
    involved_object: ObjectReference = Field(default_factory=ObjectReference, description="what it happened to")
    reason: str = Field(default="", description="PascalCase word for programs")
    message: str = Field(default="", description="for people")
    type: str = Field(default="Normal", description="Normal or Warning")
    source: EventSource = Field(default_factory=EventSource, description="who reported it")
    count: int = Field(default=1, description="how often it happened")
    first_timestamp: str | None = Field(default=None, description="RFC 3339 UTC")
    last_timestamp: str | None = Field(default=None, description="RFC 3339 UTC")
    event_time: str | None = Field(default=None, description="RFC 3339 UTC with microseconds")
    reporting_component: str = Field(default="", description="name of the controller or agent")
    reporting_instance: str = Field(default="", description="its instance")
    action: str = Field(default="", description="what was done")


class NamespaceSpec(Model):
    """What holds a namespace."""

    finalizers: list[str] = Field(default_factory=list, description="each must be removed before it goes")


class NamespaceStatus(Model):
    """Where a namespace is in its life."""

    phase: str = Field(default="Active", description="Active or Terminating")


class Namespace(Resource):
    """A room for names."""

    info: ClassVar[KindInfo] = KindInfo(
        kind="Namespace",
        plural="namespaces",
        group="",
        version="v1",
        namespaced=False,
        short_names=("ns",),
        columns=(
            PrinterColumn("Status", ".status.phase"),
            PrinterColumn("Age", ".metadata.creationTimestamp", "date"),
        ),
        description="A room for names.",
    )
    spec: NamespaceSpec = Field(default_factory=NamespaceSpec, description="what holds it")
    status: NamespaceStatus = Field(default_factory=NamespaceStatus, description="where it is in its life")
