"""Finds whatever a Phoenix left behind: by its records, by process group and session, by working directory."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import psutil


@dataclass(frozen=True, slots=True)
class Leftover:
    """A process that is still there. `why` says how it was found."""

    pid: int
    command: str
    why: str


def _stat(pid: int) -> tuple[str, int, int]:
    """State letter, process group and session of a process. Raises OSError when it is gone."""
    text = Path(f"/proc/{pid}/stat").read_text()
    fields = text[text.rindex(")") + 2 :].split()
    return fields[0], int(fields[2]), int(fields[3])


def alive(process: psutil.Process) -> bool:
    """Whether it still runs; one that ends while we look does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def processes_of(state: Path, groups: frozenset[int] = frozenset()) -> list[Leftover]:
    """Live processes that belong to the Phoenix of this state folder.

    Args:
        state: its state folder.
        groups: process groups and sessions known to have been its own.
    """
    found: list[Leftover] = []
    folder = str(state.resolve())
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            letter, group, session = _stat(int(entry.name))
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
            cwd = os.readlink(entry / "cwd")
        except OSError:
            continue
        if letter in "ZX":
            continue
        if cwd.startswith(folder) or folder in command:
            found.append(Leftover(int(entry.name), command, f"works in or names {folder}"))
        elif group in groups or session in groups:
            found.append(Leftover(int(entry.name), command, f"process group {group}, session {session}"))
    return found


def groups_of(state: Path) -> frozenset[int]:
    """Process groups and sessions of everything that runs for this Phoenix now; remember them for later."""
    groups: set[int] = set()
    for process in processes_of(state):
        try:
            _, group, session = _stat(process.pid)
        except OSError:
            continue
        groups |= {group, session}
    return frozenset(groups - {os.getpgrp(), os.getsid(0)})
