"""When a host counts as lost, and what follows. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from phoenix.api.host import Host
from phoenix.apimachinery.conditions import find_condition, parse_timestamp
from phoenix.apimachinery.meta import Resource

HEARTBEAT_GRACE_S = 40.0
"""A host is unknown when its last heartbeat is older, seconds (four heartbeats)."""
LOST_AFTER_S = 300.0
"""Deleted objects of a host that stays silent this long are let go, seconds."""


@dataclass(frozen=True, slots=True)
class HostVerdict:
    """`silent`: set Ready to Unknown. `lost`: let go of what is being deleted there. `check_again_s`: seconds."""

    silent: bool
    lost: bool
    check_again_s: float
    message: str = ""


def judge_host(host: Host, now: datetime, watching_since: datetime) -> HostVerdict:
    """Judge by the last heartbeat, but never sooner than a grace after this controller itself began to watch."""
    beat = parse_timestamp(host.status.heartbeat_at) if host.status.heartbeat_at else watching_since
    silent_for = now - max(beat, watching_since)
    grace, lost_after = timedelta(seconds=HEARTBEAT_GRACE_S), timedelta(seconds=LOST_AFTER_S)
    if silent_for < grace:
        return HostVerdict(False, False, (grace - silent_for).total_seconds() + 0.1)
    message = f"no heartbeat since {host.status.heartbeat_at or 'it registered'}: is the agent on this host running?"
    if silent_for < lost_after:
        return HostVerdict(True, False, (lost_after - silent_for).total_seconds() + 0.1, message)
    return HostVerdict(True, True, LOST_AFTER_S, message)


def let_go_in(item: Resource, now: datetime, watching_since: datetime) -> timedelta:
    """Time until an object that is being deleted, on a host that is not registered, is let go (zero or less: now).

    An agent that lives registers its host again within a heartbeat, and ends what is deleted by itself.
    """
    deleted = item.metadata.deletion_timestamp
    since = parse_timestamp(deleted) if deleted else now
    return max(since, watching_since) + timedelta(seconds=LOST_AFTER_S) - now


def already_said(host: Host) -> bool:
    """Whether the host's Ready condition already says Unknown."""
    ready = find_condition(host.status.conditions, "Ready")
    return ready is not None and ready.status == "Unknown"
