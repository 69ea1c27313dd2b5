"""A test runner or a benchmark that is killed takes what it started with it."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from pathlib import Path

import psutil

from benchmarks.processes import wait_until
from tests.harness.cluster import ROOT

RUNNER = """\
import subprocess, sys
from tests.harness.lifeline import LIFELINE

code = "import sys; print(sys.argv[1], flush=True); sys.stdin.read()"
command = [*LIFELINE, sys.executable, "-c", code, "an argument"]
with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as child:
    print(child.pid, child.stdout.readline().decode(), end="", flush=True)
    sys.stdin.read()
"""
WITHIN_S = 40.0


def test_what_a_killed_runner_started_ends() -> None:
    command = [sys.executable, "-c", RUNNER]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as runner:
        assert runner.stdout is not None
        pid, _, argument = runner.stdout.readline().decode().strip().partition(" ")
        assert argument == "an argument"
        child = os.pidfd_open(int(pid))
        try:
            assert select.select([child], [], [], 0)[0] == [], "it runs"
            runner.kill()
            runner.wait(WITHIN_S)
            assert select.select([child], [], [], WITHIN_S)[0] == [child], "it ended, though its stdin is still open"
        finally:
            os.close(child)


def test_what_a_killed_benchmark_started_ends(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks", "meter", "--quick", "--directory", str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL) as benchmark:

        def meters() -> list[psutil.Process]:
            children = psutil.Process(benchmark.pid).children()
            return [child for child in children if child.cmdline()[1:3] == ["-m", "phoenix.meter"]]

        try:
            wait_until(lambda: bool(meters()), "the benchmark started a meter", within_s=WITHIN_S)
            (meter,) = meters()
        finally:
            benchmark.kill()
    assert psutil.wait_procs([meter], WITHIN_S)[1] == [], "it ended, though nobody told it to"
