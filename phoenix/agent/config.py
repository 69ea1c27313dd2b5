"""What an agent is told: where it keeps its things, what it is called, and how patient it is."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

HEARTBEAT_S = 10.0
"""Between two heartbeats of an agent, unless a test says otherwise."""


@dataclass(frozen=True, slots=True)
class AgentConfig:
    """Settings of one agent. Durations in seconds.

    Args:
        state_dir: state folder; one agent at a time.
        host_name: name of its Host object; default: this machine's.
        labels: more labels of the Host, for selectors.
        address: what its workloads listen on, and others reach them at.
        recordings: folder below which experiments may have recordings replayed; None: `recordings` in the state folder.
        otelcol_path: a collector binary; empty: the first of otelcol, otelcol-contrib on PATH, if any.
        prometheus: a Prometheus's binary, or the URL of one that takes remote write; empty: the first on PATH, if any.
        heartbeat_s: between two writes of Host status.
        orphan_timeout_s: how long the shim keeps workloads without an agent.
        stop_workloads: what the end of `run` does: True ends every workload and the shim, False leaves them running.
        programs: replaces the shim's table program → module. For tests; manifests cannot reach it.
    """

    state_dir: Path
    host_name: str = field(default_factory=lambda: socket.gethostname().split(".")[0].lower() or "localhost")
    labels: Mapping[str, str] = field(default_factory=dict)
    address: str = "127.0.0.1"
    recordings: Path | None = None
    otelcol_path: str = ""
    prometheus: str = ""
    heartbeat_s: float = HEARTBEAT_S
    orphan_timeout_s: float = 60.0
    stop_workloads: bool = False
    stop_grace_s: float = 10.0
    resources_s: float = 10.0
    programs: Mapping[str, str] | None = None
