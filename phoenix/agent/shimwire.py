"""The protocol between agent and shim: newline-delimited JSON over a unix socket, requests answered by `id`.

Requests {"id", "op", …}: `hello`, `start`, `stop`, `list`, `shutdown`. Answers {"id", "ok": true, …} or {"id", "ok":
false, "error"}. Events, unasked: {"event": "exit", "workload", "exit"}. `stop` and `shutdown` are answered when
everything concerned is verified gone, so answers may come out of order.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

PROTOCOL = 1
LINE_LIMIT_BYTES = 1 << 20
PROGRAMS_VARIABLE = "PHOENIX_SHIM_PROGRAMS"
"""JSON object program → module: set by an agent's constructor for its tests, never from a manifest."""


def encode(message: dict[str, Any]) -> bytes:
    """One line."""
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


@dataclass(frozen=True, slots=True)
class StartRequest:
    """Start `program` (one the shim knows: its main gets `argv`), or exec `path` with `argv` where path is given.

    `path` comes from the agent's own configuration and detection, never from a manifest. Files: cwd, identity and exit
    records in the workload's folder, output appended to the object's log.
    """

    workload: str
    start_id: str
    program: str
    argv: list[str]
    config_hash: str = ""
    path: str = ""

    def to_wire(self) -> dict[str, Any]:
        """As a JSON object."""
        return asdict(self)

    @classmethod
    def from_wire(cls, wire: dict[str, Any]) -> Self:
        """Raises KeyError, TypeError: a field is missing or has a wrong type."""
        argv = wire["argv"]
        if not isinstance(argv, list) or not all(isinstance(item, str) for item in argv):
            msg = "argv must be a list of strings"
            raise TypeError(msg)
        fields = {name: str(wire[name]) for name in ("workload", "start_id", "program")}
        return cls(**fields, argv=argv, config_hash=str(wire.get("config_hash", "")), path=str(wire.get("path", "")))


@contextmanager
def short_socket_path(folder: Path) -> Iterator[str]:
    """A path to `folder`/socket that fits a unix address (107 bytes) however deep the folder is."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{fd}/socket"
    finally:
        os.close(fd)


def lock(path: Path) -> int | None:
    """Take the lock for as long as the returned descriptor is open, and write our pid into it; None: another has it."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        return None
    os.ftruncate(fd, 0)
    os.write(fd, str(os.getpid()).encode())
    _held.add(fd)
    return fd


def unlock(fd: int) -> None:
    """Give a lock back."""
    _held.discard(fd)
    os.close(fd)


_held: set[int] = set()


def _drop_in_child() -> None:
    """NB: flock belongs to the open file, which a forked child shares: it would hold the lock after we are killed."""
    for fd in list(_held):
        unlock(fd)


os.register_at_fork(after_in_child=_drop_in_child)


def lock_holder(path: Path) -> str:
    """Pid of who has the lock, for messages."""
    return path.read_text("ascii").strip() or "unknown"


def decode(line: bytes) -> dict[str, Any]:
    """A message. Raises ValueError: not a JSON object."""
    message = json.loads(line)
    if not isinstance(message, dict):
        msg = "a message must be a JSON object"
        raise ValueError(msg)
    return message
