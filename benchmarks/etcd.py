"""Debian's etcd-server as the peer: one member on loopback with its defaults, on a folder of its own."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.processes import answer, child, free_port, is_ready, program, wait_until

_QUOTA_BYTES = 4 << 30


@dataclass(frozen=True, slots=True)
class Etcd:
    """A member that answers."""

    pid: int
    port: int

    def revision(self) -> int:
        """Its latest revision, from the JSON gateway."""
        request = (
            "POST /v3/maintenance/status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
            "Content-Length: 2\r\n\r\n{}"
        )
        body = answer(self.port, request.encode()).partition(b"\r\n\r\n")[2]
        return int(json.loads(body[body.index(b"{") : body.rindex(b"}") + 1])["header"]["revision"])


def find() -> str:
    """Path of etcd. Raises Unavailable."""
    return program("etcd", "etcd-server")


@contextlib.contextmanager
def etcd(folder: Path, program: str = "") -> Iterator[Etcd]:
    """An etcd with an empty store; `program` names another than the installed one. Raises Unavailable."""
    port, peer = free_port(), free_port()
    url, peer_url = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{peer}"
    arguments = [
        program or find(), "--data-dir", str(folder / "etcd"),
        "--listen-client-urls", url, "--advertise-client-urls", url,
        "--listen-peer-urls", peer_url, "--initial-advertise-peer-urls", peer_url,
        "--initial-cluster", f"default={peer_url}", "--log-level", "error",
        "--quota-backend-bytes", str(_QUOTA_BYTES),
    ]  # fmt: skip
    with child(arguments, log=folder / "etcd.log") as process:
        wait_until(lambda: is_ready(port, "/health"), "etcd is healthy")
        yield Etcd(process.pid, port)
