"""The shim's composition: preload the programs of a host, freeze, then serve (`phoenix.agent.shimserver`).

Run by the agent as `python -m phoenix.shim --state DIR --ready-fd N`. Everything a workload needs is imported here,
once; a fork then shares those pages. Nothing imported may leave a thread behind: a fork would copy its
locks but not it.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import json
import os
import sys
import time
from pathlib import Path

from phoenix.agent import shimwire
from phoenix.agent.records import StateFolder
from phoenix.agent.shimchild import Main
from phoenix.agent.shimserver import ShimServer, ShimSettings, log

PROGRAMS = {
    "collector": "phoenix.collector.__main__",
    "loadgen": "phoenix.loadgen.__main__",
    "meter": "phoenix.meter.__main__",
}
_ONE_THREAD = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
_LOCK_PATIENCE_S = 20.0
_EXIT_LOCKED = 3


def preload(modules: dict[str, str]) -> tuple[dict[str, Main], dict[str, str]]:
    """Import the programs; returns their mains, and for each that cannot be imported why."""
    mains: dict[str, Main] = {}
    missing: dict[str, str] = {}
    for program, module in modules.items():
        try:
            mains[program] = importlib.import_module(module).main
        except (ImportError, AttributeError, SyntaxError) as error:
            missing[program] = f"{module} cannot be imported: {error}"
            log("ERROR", "program not available", program=program, error=error)
    gc.collect()
    gc.freeze()  # a collection in a child would else touch, and so copy, every page it shares with us
    return mains, missing


def main(argv: list[str]) -> int:
    """Serve a state folder; returns 0 when ended, 3 when another shim serves it."""
    parser = argparse.ArgumentParser(prog="python -m phoenix.shim", description=__doc__)
    parser.add_argument("--state", type=Path, required=True, help="state folder")
    parser.add_argument("--ready-fd", type=int, default=None, help="descriptor to write one byte to when listening")
    parser.add_argument("--orphan-timeout", type=float, default=60.0, help="seconds without an agent before it ends")
    options = parser.parse_args(argv)
    for variable in _ONE_THREAD:
        os.environ[variable] = "1"
    if options.ready_fd is not None:
        os.set_inheritable(options.ready_fd, False)
    state = StateFolder(options.state.resolve())
    state.create()
    deadline = time.monotonic() + _LOCK_PATIENCE_S  # a shim that is ending still has the lock
    while (lock := shimwire.lock(state.shim / "shim.lock")) is None:
        if time.monotonic() > deadline:
            log("ERROR", "another shim serves this state folder", state=state.root)
            return _EXIT_LOCKED
        time.sleep(0.05)
    modules = json.loads(os.environ.get(shimwire.PROGRAMS_VARIABLE, "null")) or PROGRAMS
    server = ShimServer(state, *preload(modules), ShimSettings(orphan_timeout_s=options.orphan_timeout))
    threads = len(os.listdir("/proc/self/task"))
    if threads != 1:
        log("WARN", "an import started threads: forking may deadlock", threads=threads)
    server.listen()
    log("INFO", "ready", pid=os.getpid(), programs=",".join(modules))
    if options.ready_fd is not None:
        os.write(options.ready_fd, b"R")
        os.close(options.ready_fd)
    server.run()
    (state.shim / "identity.json").unlink(missing_ok=True)
    shimwire.unlock(lock)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
