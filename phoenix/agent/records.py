"""The files of a state folder that both shim and agent read: identity, exit, and where they are.

A record is replaced atomically, and durable before the call returns: after kill -9 of everything, or a power cut, the
next agent finds either the old record or the new one.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self, TypeVar

from phoenix.agent import procfs

WORKLOAD_ID = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_-]{0,79}(/alt)?$")
"""`<uid>`, or `<uid>/alt`: the second place, used while a configuration is switched. Never leads out of the folder."""

ALT = "/alt"


def write_durable(path: Path, data: bytes, *, mode: int = 0o600) -> None:
    """Replace `path` atomically; on return the content and the name are on disk.

    Raises:
        OSError: the folder is gone or the disk is full; the old content stays.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.new")
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    try:
        os.write(fd, data)
        os.fsync(fd)
    finally:
        os.close(fd)
    temporary.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def now_text() -> str:
    """RFC 3339 UTC with microseconds."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@dataclass(frozen=True, slots=True)
class _Record:
    def save(self, path: Path) -> None:
        """Write it, durable on return. Raises OSError."""
        write_durable(path, json.dumps(asdict(self)).encode())

    @classmethod
    def load(cls, path: Path) -> Self | None:
        """The record, or None where there is none or it cannot be read (half a record never is on disk)."""
        try:
            return cls.from_wire(json.loads(path.read_bytes()))
        except (FileNotFoundError, NotADirectoryError, ValueError, TypeError, KeyError):
            return None

    @classmethod
    def from_wire(cls, wire: Any) -> Self:
        """From a JSON object. Raises TypeError or KeyError."""
        return cls(**{field.name: wire[field.name] for field in fields(cls) if field.name in wire})

    def to_wire(self) -> dict[str, Any]:
        """As a JSON object."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Identity(_Record):
    """Which process a workload is. Durable before the workload runs.

    `start_id` differs for each start and ties identity and exit together; `start_time` is in clock ticks since boot.
    The process leads its own session and group, so both ids are `pid`.
    """

    workload: str
    start_id: str
    pid: int
    start_time: int
    boot_id: str
    program: str
    config_hash: str
    started_at: str

    def runs(self) -> bool:
        """Whether that very process still runs."""
        return procfs.is_same(self.pid, self.start_time, self.boot_id)

    @property
    def started_unix_s(self) -> float:
        """When it was started, Unix seconds."""
        return datetime.fromisoformat(self.started_at.replace("Z", "+00:00")).timestamp()

    def age_s(self) -> float:
        """How long ago it was started, seconds."""
        return max(0.0, datetime.now(UTC).timestamp() - self.started_unix_s)


@dataclass(frozen=True, slots=True)
class ExitRecord(_Record):
    """How a start ended. Reasons: Completed, Error, Signaled, Unknown (nobody saw it end)."""

    start_id: str
    code: int | None
    signal: int | None
    reason: str
    at: str

    @classmethod
    def of(cls, start_id: str, *, code: int | None = None, signal: int | None = None) -> ExitRecord:
        """With the reason its code or signal speaks of; neither: Unknown."""
        if signal is not None:
            reason = "Signaled"
        elif code is None:
            reason = "Unknown"
        else:
            reason = "Error" if code else "Completed"
        return cls(start_id, code, signal, reason, now_text())


R = TypeVar("R", bound=_Record)


@dataclass(frozen=True, slots=True)
class StateFolder:
    """Where everything of one host lies."""

    root: Path

    @property
    def shim(self) -> Path:
        """The shim's own folder."""
        return self.root / "shim"

    @property
    def processes(self) -> Path:
        """One folder a workload."""
        return self.root / "processes"

    @property
    def recordings(self) -> Path:
        """Recordings that experiments may have replayed, unless the agent was given another folder."""
        return self.root / "recordings"

    @property
    def endpoint_file(self) -> Path:
        """Where reporters find the API."""
        return self.root / "endpoint.json"

    def workload(self, workload: str) -> Path:
        """The folder of a workload. Raises ValueError: no workload id."""
        if not WORKLOAD_ID.match(workload):
            msg = f"{workload!r} is not a workload id: expected an object's uid"
            raise ValueError(msg)
        return self.processes / workload

    def log(self, workload: str) -> Path:
        """The log of an object: one file, whichever place its process has."""
        return self.workload(workload.removesuffix(ALT)) / "log"

    def identity(self, workload: str) -> Path:
        """Which process it is."""
        return self.workload(workload) / "identity.json"

    def exit(self, workload: str) -> Path:
        """How it ended."""
        return self.workload(workload) / "exit.json"

    def create(self) -> None:
        """Make the folders, for the owner only."""
        for folder in (self.root, self.shim, self.processes, self.recordings):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
