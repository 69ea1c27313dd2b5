"""Which processes belong to the Phoenix of a state folder: by its records, by working folder, by command line."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Process:
    """A process that was or is of this Phoenix. `start_time` (clock ticks since boot) tells it from a later one."""

    pid: int
    start_time: int
    what: str


def recorded(state: Path) -> set[Process]:
    """Processes in the identity records of the agent and the shim; whether they still run is not asked."""
    found: set[Process] = set()
    for path in (state / "shim" / "identity.json", *state.glob("processes/**/identity.json")):
        try:
            record = json.loads(path.read_bytes())
            found.add(Process(int(record["pid"]), int(record["start_time"]), str(record.get("program", "shim"))))
        except (OSError, ValueError, KeyError, TypeError):
            continue  # removed or replaced while we look
    return found


def working_in(state: Path) -> set[Process]:
    """Live processes whose working folder is in the state folder, or whose command line names it."""
    folder, found = str(state.resolve()), set()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            inside = os.readlink(entry / "cwd").startswith(folder) or folder in command
            letter, start_time = _stat(int(entry.name))
        except OSError:
            continue
        if inside and letter not in "ZX" and "phoenix" in command:
            found.add(Process(int(entry.name), start_time, command.strip()[:80]))
    return found


def alive(state: Path, known: set[Process]) -> set[Process]:
    """Those of `known`, of the records and of the folder that run now."""
    return {item for item in known | recorded(state) if _runs(item)} | working_in(state)


def _runs(process: Process) -> bool:
    try:
        letter, start_time = _stat(process.pid)
    except OSError:
        return False
    return letter not in "ZX" and start_time == process.start_time


def _stat(pid: int) -> tuple[str, int]:
    """State letter and start time. Raises OSError when it is gone."""
    text = Path(f"/proc/{pid}/stat").read_text()
    fields = text[text.rindex(")") + 2 :].split()
    return fields[0], int(fields[19])
