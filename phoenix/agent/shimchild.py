"""What happens between the shim's fork and the workload's own code. Runs in the child; never returns.

Why by hand: a forked child has every descriptor, handler and frame of the shim. Descriptors must go (a workload that
held the shim's lock or sockets would keep them alive), handlers must be the default ones, and the frames must stay
referenced until the end (their sockets would otherwise be closed under numbers the workload uses by then).
"""

from __future__ import annotations

import ctypes
import io
import os
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

Main = Callable[[list[str]], int]

RELEASED = b"G"
PREPARED = b"S"
_PR_SET_NAME = 15
_EXIT_NOT_EXECUTABLE = 127


@dataclass(frozen=True, slots=True)
class Child:
    """What a child needs to become a workload: `main` for our programs, else `path` to exec."""

    program: str
    argv: list[str]
    folder: Path
    log: Path
    main: Main | None
    path: str


def become(child: Child, gate: int, libc: ctypes.CDLL) -> NoReturn:
    """Prepare, say so on `gate` (a socket), wait there for release, run. Without release (the shim died): exit."""
    try:
        _prepare(child, gate)
    except OSError as error:
        os.write(gate, f"E{error}".encode())
        os._exit(1)
    os.write(gate, PREPARED)
    if os.read(gate, 1) != RELEASED:
        os._exit(1)  # nobody knows of us: the identity was never written
    os.close(gate)
    code = 1
    try:
        libc.prctl(_PR_SET_NAME, f"px-{child.program}"[:15].encode(), 0, 0, 0)
        code = _run(child)
    finally:
        # NB: no interpreter shutdown: atexit handlers and frames here belong to the shim.
        os._exit(code)
    raise AssertionError  # pragma: no cover


def _prepare(child: Child, gate: int) -> None:
    os.setsid()
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    null = os.open(os.devnull, os.O_RDONLY)
    log = os.open(child.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.dup2(null, 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.closerange(3, gate)
    os.closerange(gate + 1, os.sysconf("SC_OPEN_MAX"))
    os.chdir(child.folder)


def _run(child: Child) -> int:
    try:
        if child.main is None:
            os.execv(child.path, [child.path, *child.argv])
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(line_buffering=True)  # a log that is followed; a file would be buffered by blocks
        sys.argv = [f"phoenix.{child.program}", *child.argv]
        code = child.main(child.argv)
    except SystemExit as end:
        code = _exit_code(end)
    except KeyboardInterrupt:
        code = 130
    except OSError as error:
        if child.main is not None:
            traceback.print_exc()
            code = 1
        else:
            sys.stderr.write(f"cannot execute {child.path}: {error}\n")
            code = _EXIT_NOT_EXECUTABLE
    except BaseException:  # noqa: BLE001 - top of a process: every failure becomes a traceback and an exit code
        traceback.print_exc()
        code = 1
    _flush()
    return code


def _exit_code(end: SystemExit) -> int:
    if end.code is None:
        return 0
    if isinstance(end.code, int):
        return end.code & 0xFF
    sys.stderr.write(f"{end.code}\n")
    return 1


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            continue  # the log's disk is full or the program closed it: the exit code still counts
