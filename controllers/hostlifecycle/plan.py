"""When a host counts as lost, and what follows. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from phoenix.api.collector import Collector
from phoenix.api.host import HEARTBEAT_MISSED, HOST_LOST, Host
from phoenix.api.loadgenerator import LoadGenerator
from phoenix.api.meter import Meter
from phoenix.api.process import ProcessPhase
from phoenix.apimachinery.conditions import ConditionStatus, find_condition, parse_timestamp
from phoenix.apimachinery.meta import Resource

Process = Collector | LoadGenerator | Meter
HEARTBEAT_GRACE_S = 40.0
"""Default of `HostPatience.grace_s`: four heartbeats."""
LOST_AFTER_S = 300.0
"""Default of `HostPatience.lost_after_s`."""


@dataclass(frozen=True, slots=True)
class HostPatience:
    """How long a host may be silent, seconds.

    Args:
        grace_s: then it is unknown, and so is what runs there.
        lost_after_s: then it is lost: runs on it end, and what is deleted there is let go.
    """

    grace_s: float = HEARTBEAT_GRACE_S
    lost_after_s: float = LOST_AFTER_S

    def __post_init__(self) -> None:
        """Raises ValueError: what is lost must have been silent before."""
        if not 0 < self.grace_s <= self.lost_after_s:
            msg = f"a host cannot be lost after {self.lost_after_s:g}s when it is only unknown after {self.grace_s:g}s"
            raise ValueError(msg)


DEFAULT_PATIENCE = HostPatience()


@dataclass(frozen=True, slots=True)
class HostVerdict:
    """`silent`: nothing is known of it. `lost`: let go of what is being deleted there. `check_again_s`: seconds.

    `reason` and `message` are those of its Ready condition while it is silent.
    """

    silent: bool
    lost: bool
    check_again_s: float
    reason: str = ""
    message: str = ""


def judge_host(
    host: Host, now: datetime, watching_since: datetime, patience: HostPatience = DEFAULT_PATIENCE
) -> HostVerdict:
    """Judge by the last heartbeat, but never sooner than a grace after this controller itself began to watch."""
    beat = parse_timestamp(host.status.heartbeat_at) if host.status.heartbeat_at else watching_since
    silent_for = now - max(beat, watching_since)
    grace, lost_after = timedelta(seconds=patience.grace_s), timedelta(seconds=patience.lost_after_s)
    if silent_for < grace:
        return HostVerdict(False, False, (grace - silent_for).total_seconds() + 0.1)
    since = host.status.heartbeat_at or "it registered"
    if silent_for < lost_after:
        message = f"no heartbeat since {since}: is the agent on this host running?"
        return HostVerdict(True, False, (lost_after - silent_for).total_seconds() + 0.1, HEARTBEAT_MISSED, message)
    message = f"no heartbeat since {since}: lost, runs on it end; start its agent again, or delete this host"
    return HostVerdict(True, True, patience.lost_after_s, HOST_LOST, message)


def let_go_in(
    item: Resource, now: datetime, watching_since: datetime, patience: HostPatience = DEFAULT_PATIENCE
) -> timedelta:
    """Time until an object that is being deleted, on a host that is not registered, is let go (zero or less: now).

    An agent that lives registers its host again within a heartbeat, and ends what is deleted by itself.
    """
    deleted = item.metadata.deletion_timestamp
    since = parse_timestamp(deleted) if deleted else now
    return max(since, watching_since) + timedelta(seconds=patience.lost_after_s) - now


def already_said(host: Host, verdict: HostVerdict) -> bool:
    """Whether the host's Ready condition says so already."""
    ready = find_condition(host.status.conditions, "Ready")
    return ready is not None and (ready.status, ready.reason) == (ConditionStatus.UNKNOWN, verdict.reason)


def became_unknown(item: Process) -> bool:
    """Whether a process on a silent host still says something of itself that nobody can know.

    What ended there for good stays as it ended.
    """
    if item.status.phase in (ProcessPhase.SUCCEEDED, ProcessPhase.FAILED):
        return False
    ready = find_condition(item.status.conditions, "Ready")
    return ready is not None and ready.status != ConditionStatus.UNKNOWN
