"""What a plan is made of: the world as read, and the actions decided. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from controllers.pipelinedeployment.canary import Stage
from phoenix.api.collector import Collector, Engine
from phoenix.api.host import Host
from phoenix.api.pipeline import PipelineDeployment, PipelineRevision, RevisionRecord
from phoenix.apimachinery.conditions import ConditionStatus, find_condition


@dataclass(frozen=True, slots=True)
class Wanted:
    """The spec's pipeline, resolved."""

    config: dict[str, Any]
    parameters: dict[str, Any]
    template_generation: int
    pipeline_hash: str
    engine: Engine
    engine_version: str = ""


@dataclass(frozen=True, slots=True)
class Rendering:
    """What every collector of a revision runs."""

    config: dict[str, Any]
    config_hash: str
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Observed:
    """The world as read.

    `wanted`: None where the spec cannot be resolved. `endpoints`: host name → the meter's address there (None: not
    measured).
    """

    deployment: PipelineDeployment
    wanted: Wanted | None
    revisions: tuple[PipelineRevision, ...]
    renderings: Mapping[int, Rendering]
    collectors: tuple[Collector, ...]
    hosts: tuple[Host, ...]
    endpoints: Mapping[str, Mapping[str, str]] | None
    now: datetime

    @property
    def lost(self) -> tuple[str, ...]:
        """Names of hosts that should run it and whose agent does not answer."""
        return tuple(host.metadata.name for host in self.hosts if _silent(host))

    @property
    def answering(self) -> tuple[Host, ...]:
        """The other hosts: those a rollout is judged by."""
        return tuple(host for host in self.hosts if not _silent(host))


def _silent(host: Host) -> bool:
    ready = find_condition(host.status.conditions, "Ready")
    return ready is not None and ready.status != ConditionStatus.TRUE


@dataclass(frozen=True, slots=True)
class CollectorChange:
    """Make this host run this revision; `existing` is None where a collector is to be created."""

    host: str
    revision: PipelineRevision
    rendering: Rendering
    endpoints: Mapping[str, str]
    existing: Collector | None


@dataclass(frozen=True, slots=True)
class Notice:
    """An event to record."""

    reason: str
    message: str
    warning: bool = False
    data: Mapping[str, str | float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plan:
    """Actions, in the order they are carried out, and what to remember.

    `held`: paused, with content that waits. `stage`: of a canary; hosts that are not of it run `effective`.
    """

    create_revision: int | None = None
    collectors: tuple[CollectorChange, ...] = ()
    delete_collectors: tuple[Collector, ...] = ()
    delete_revisions: tuple[PipelineRevision, ...] = ()
    history: tuple[RevisionRecord, ...] = ()
    target: PipelineRevision | None = None
    effective: PipelineRevision | None = None
    waiting_for: str = ""
    held: bool = False
    stage: Stage | None = None
    notices: tuple[Notice, ...] = ()
    requeue_after_s: float | None = None
