"""Choosing a host for a process that has none. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from phoenix.api.host import Host
from phoenix.api.process import ProcessSpec
from phoenix.apimachinery.conditions import is_true


@dataclass(frozen=True, slots=True)
class Placement:
    """The host chosen, or (empty) why there is none."""

    host: str
    reason: str = ""
    message: str = ""


def choose(spec: ProcessSpec, hosts: Sequence[Host], processes: Mapping[str, int]) -> Placement:
    """The ready, schedulable, matching host with the fewest processes; ties go to the first by name.

    Args:
        spec: what is to be placed.
        hosts: all hosts.
        processes: number of process objects by host.
    """
    matching = [host for host in hosts if spec.host_selector.matches(host.metadata.labels)]
    if not matching:
        wanted = ",".join(f"{key}={value}" for key, value in spec.host_selector.match_labels.items())
        return Placement("", "NoMatchingHost", f"no host has labels {wanted}" if wanted else "there is no host yet")
    ready = [host for host in matching if is_true(host.status.conditions, "Ready") and not host.spec.unschedulable]
    if not ready:
        names = ", ".join(sorted(host.metadata.name for host in matching))
        return Placement("", "NoReadyHost", f"matching hosts are not ready or unschedulable: {names}")
    best = min(ready, key=lambda host: (processes.get(host.metadata.name, 0), host.metadata.name))
    return Placement(best.metadata.name)
