"""What the hosts of a run say about it: which are lost, and which have not been heard since it ended. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from phoenix.api.experiment import Experiment
from phoenix.api.host import HOST_LOST, Host
from phoenix.apimachinery.conditions import find_condition, parse_timestamp


def lost_hosts(experiment: Experiment, hosts: Sequence[Host]) -> dict[str, str]:
    """Host → why it counts as lost. One that was removed is not: an agent that lives registers it again."""
    found: dict[str, str] = {}
    for host in _of_run(experiment, hosts):
        ready = find_condition(host.status.conditions, "Ready")
        if ready is not None and ready.reason == HOST_LOST:
            found[host.metadata.name] = ready.message
    return found


def unheard_hosts(experiment: Experiment, hosts: Sequence[Host], since: datetime) -> tuple[str, ...]:
    """Hosts of the run without a heartbeat since then: their samples may still be on the way."""
    heard = {
        host.metadata.name
        for host in hosts
        if host.status.heartbeat_at and parse_timestamp(host.status.heartbeat_at) >= since
    }
    return tuple(name for name in experiment.status.hosts if name not in heard)


def _of_run(experiment: Experiment, hosts: Sequence[Host]) -> list[Host]:
    return [host for host in hosts if host.metadata.name in experiment.status.hosts]
