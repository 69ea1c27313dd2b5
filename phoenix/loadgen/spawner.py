"""Starts and ends the processes of an emitter: a program of its own, of the standard library alone.

Why not the generator itself: it has threads, and 60 MiB; a child forked from this one takes a few MiB and less than a
millisecond. Lines of JSON come in (`{"start": 3, "name": …}`, `{"stop": 3}`), one line goes out for each. It ends when
its input does, and every child with it. Nobody is left behind whoever is killed: each asks the kernel to be killed when
its parent dies.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import math
import os
import signal
import sys
import time
from typing import Any, NoReturn

_PR_SET_PDEATHSIG, _PR_SET_NAME = 1, 15
_CYCLE_S, _WAVE_S, _GROWING_S, _PAGE = 0.1, 10.0, 60.0, 4096
OK = b"ok"
"""The line that says a thing is done; any other says why it cannot be."""
_libc = ctypes.CDLL(None)


def die_with(parent: int) -> None:
    """Be killed when the parent is; at once if it is gone already."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def main(parent: int) -> int:
    """Serve until the input ends."""
    die_with(parent)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # its group is told; it ends with its input, in order
    children: dict[int, int] = {}
    own = os.getpid()
    for line in sys.stdin.buffer:
        order, answer = json.loads(line), OK
        if "stop" in order:
            _end(children.pop(order["stop"], 0))
        else:
            try:
                pid = os.fork()
            except OSError as error:  # such as a limit of processes
                answer = str(error.strerror).encode()
            else:
                if pid == 0:
                    _become(order, own)
                children[order["start"]] = pid
        sys.stdout.buffer.write(answer + b"\n")
        sys.stdout.buffer.flush()
    for pid in children.values():
        _end(pid)
    return 0


def _end(pid: int) -> None:
    """Kill and reap; one that has ended by itself is only reaped."""
    with contextlib.suppress(ProcessLookupError, ChildProcessError):
        if pid:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def _become(order: dict[str, Any], parent: int) -> NoReturn:
    """Be that process until killed."""
    try:
        die_with(parent)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        null = os.open(os.devnull, os.O_RDWR)
        for number in (0, 1):
            os.dup2(null, number)
        name = str(order["name"])
        _libc.prctl(_PR_SET_NAME, name.encode()[:15], 0, 0, 0)
        _show(name)
        _live(float(order["cpu"]), str(order["cpuPattern"]), int(order["memoryBytes"]), str(order["memoryPattern"]))
    finally:
        os._exit(1)


def _show(name: str) -> None:
    """Write the command line over the one inherited, as daemons do; where that cannot be, it stays."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        # NB: the name before may hold spaces and brackets; fields are counted from behind it.
        with open("/proc/self/stat", "rb") as file:
            fields = file.read().rpartition(b") ")[2].split()
        start, end = int(fields[45]), int(fields[46])
        if 0 < start < end:
            text = name.encode()[: end - start - 2]
            ctypes.memset(start, 0, end - start)
            ctypes.memset(end - 1, 1, 1)  # by this the kernel knows: the command line ends at the first zero
            ctypes.memmove(start, text, len(text))


def _live(cpu: float, cpu_pattern: str, memory_bytes: int, memory_pattern: str) -> NoReturn:
    held = bytearray() if memory_pattern == "Growing" else bytearray(b"\1") * memory_bytes
    began = time.monotonic()
    while True:
        age_s = time.monotonic() - began
        if memory_pattern == "Growing" and len(held) < memory_bytes:
            wanted = int(memory_bytes * min(1.0, age_s / _GROWING_S))
            held += b"\1" * max(0, wanted - len(held))
        elif not cpu:
            signal.pause()
        busy_s = _CYCLE_S * share(cpu, cpu_pattern, age_s)
        until = time.monotonic() + busy_s
        while time.monotonic() < until:
            pass
        time.sleep(max(0.0, _CYCLE_S - busy_s) if cpu else 1.0)


def share(cpu: float, pattern: str, age_s: float) -> float:
    """Use of one CPU at an age, ratio. Its mean is `cpu`: within one CPU large waves are flatter, and bursts longer."""
    if pattern == "Wave":
        return cpu + min(cpu, 1 - cpu) * math.sin(2 * math.pi * age_s / _WAVE_S)
    if pattern == "Burst":
        return min(1.0, cpu * _WAVE_S) if age_s % _WAVE_S < max(1.0, cpu * _WAVE_S) else 0.0
    return cpu


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
