"""Who a process is, by /proc: pid alone is reused, pid + start time + boot id is not.

Only reads. Called by the shim (synchronously) and by the agent; a full scan takes about a millisecond per hundred
processes, so it is done on events, never per tick.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_STATE, _PPID, _PGRP, _SESSION, _START_TIME = 0, 1, 2, 3, 19  # positions after the command's closing parenthesis


@dataclass(frozen=True, slots=True)
class ProcessStat:
    """One line of /proc: `start_time` in clock ticks since boot; `state` is the kernel's letter (Z: zombie)."""

    pid: int
    state: str
    ppid: int
    pgrp: int
    session: int
    start_time: int

    @property
    def ended(self) -> bool:
        """Whether nothing of it runs any more (a zombie waits to be reaped)."""
        return self.state in "ZX"


def read_stat(pid: int) -> ProcessStat | None:
    """The process's stat, or None where there is none."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text("ascii", "replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    # NB: the command may hold spaces and parentheses; only the last closing one ends it.
    fields = text[text.rindex(")") + 2 :].split()
    return ProcessStat(
        pid=pid,
        state=fields[_STATE],
        ppid=int(fields[_PPID]),
        pgrp=int(fields[_PGRP]),
        session=int(fields[_SESSION]),
        start_time=int(fields[_START_TIME]),
    )


def processes() -> Iterator[ProcessStat]:
    """Every process of the machine that was there while looking."""
    for name in os.listdir("/proc"):
        if name.isdigit() and (stat := read_stat(int(name))) is not None:
            yield stat


def members(session: int) -> list[ProcessStat]:
    """Processes of the session or process group that still run; the leader of our workloads leads both."""
    return [stat for stat in processes() if session in (stat.session, stat.pgrp) and not stat.ended]


@cache
def boot_id() -> str:
    """Changes when the machine restarts, and with it the meaning of every pid."""
    return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()


def is_same(pid: int, start_time: int, boot: str) -> bool:
    """Whether that very process still runs."""
    if boot != boot_id():
        return False
    stat = read_stat(pid)
    return stat is not None and stat.start_time == start_time and not stat.ended
