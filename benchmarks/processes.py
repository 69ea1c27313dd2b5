"""Children of a benchmark: in sessions of their own, ended even where the benchmark is killed, their CPU time read."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from benchmarks.result import Unavailable

ROOT = Path(__file__).resolve().parents[1]
_STOP_S = 10.0


@contextlib.contextmanager
def child(arguments: Sequence[str], *, log: Path | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is ended with its whole session when the block is left, or by the kernel when we are killed.

    The kernel's SIGTERM goes with the thread that started it: that thread must outlive the block. Raises Unavailable.
    """
    command = [program("setpriv", "util-linux"), "--pdeathsig", "TERM", *arguments]
    out = log.open("ab") if log is not None else None
    try:
        started = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=out or subprocess.DEVNULL,
            stderr=out or subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
    finally:
        if out is not None:
            out.close()
    try:
        yield started
    finally:
        end(started)


def end(process: subprocess.Popen[bytes]) -> None:
    """SIGTERM, wait, then SIGKILL to what is left of its group."""
    if process.poll() is None:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_S)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def python(module: str, *arguments: str) -> list[str]:
    """The command line of one of our modules."""
    return [sys.executable, "-m", module, *arguments]


def program(name: str, package: str) -> str:
    """Path of a program. Raises Unavailable."""
    found = shutil.which(name)
    if found is None:
        msg = f"{name} is not installed (Debian package {package}): run `make bench-deps`"
        raise Unavailable(msg)
    return found


def free_port() -> int:
    """A port that was free just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(holds: Callable[[], bool], what: str, *, within_s: float = 30.0, every_s: float = 0.02) -> None:
    """Raises TimeoutError naming what did not come true."""
    ends = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > ends:
            msg = f"not within {within_s:g} s: {what}"
            raise TimeoutError(msg)
        time.sleep(every_s)


def answer(port: int, request: bytes) -> bytes:
    """Everything the server on a port answers to one request that closes. Empty: it does not answer."""
    try:
        with socket.create_connection(("127.0.0.1", port), 5.0) as connection:
            connection.sendall(request)
            return b"".join(iter(lambda: connection.recv(1 << 16), b""))
    except OSError:
        return b""


def get(port: int, path: str, *headers: str) -> bytes:
    """The answer to a GET, head and body."""
    lines = [f"GET {path} HTTP/1.1", "Host: localhost", "Connection: close", *headers, "", ""]
    return answer(port, "\r\n".join(lines).encode())


def is_ready(port: int, path: str = "/") -> bool:
    """Whether GET answers 200."""
    return get(port, path).split(b" ", 2)[1:2] == [b"200"]


def cpu_s(pid: int) -> float:
    """CPU seconds of all threads that a process has now (the scheduler's clock, not ticks of 10 ms)."""
    total = 0
    for thread in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError):
            total += int((thread / "schedstat").read_text().split()[0])
    return total / 1e9
