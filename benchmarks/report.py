"""Outcomes as text for a terminal, and as the page docs/benchmarks.md."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sysconfig
from datetime import UTC, datetime
from pathlib import Path

import psutil

from benchmarks.processes import ROOT
from benchmarks.result import Outcome, Row, Setting

_COMMAND = (
    "make bench-deps   # once, Debian: etcd, h2load, wrk\n"
    "make bench        # prints this; about half an hour; `python -m benchmarks NAME ...` measures only those\n"
)


def printed(outcome: Outcome) -> str:
    """A heading, a row a line with its figures below, and what was skipped or broke."""
    lines = [f"\n{outcome.title} ({outcome.name}, {outcome.seconds:.0f} s)"]
    for row in outcome.rows:
        lines.append(f"  {verdict(row):6} {row.name}: {row.figure}" + (f"; {row.peer}" if row.peer else ""))
        if row.measured is not None:
            lines.append(f"         {judged(row)}, spread {spread(row)}" + (f", goal {goal(row)}" if row.goal else ""))
        if row.note:
            lines.append(f"         {row.note}")
    if outcome.skipped:
        lines.append(f"  skipped: {outcome.skipped}")
    if outcome.error:
        lines.append(f"  BROKEN {outcome.error}")
    return "\n".join(lines)


def verdict(row: Row) -> str:
    """Whether the goal is met, in a word."""
    return {True: "pass", False: "MISSED", None: "-"}[row.passed]


def amount(row: Row, value: float) -> str:
    """A value of what is judged."""
    if row.unit != "x":
        return f"{value:,.0f} {row.unit}"
    return f"{value:.3f}x" if value < 0.1 else f"{value:.2f}x"


def judged(row: Row) -> str:
    """The median."""
    return amount(row, row.measured.median) if row.measured else ""


def spread(row: Row) -> str:
    """Least to most."""
    return f"{amount(row, row.measured.low)} to {amount(row, row.measured.high)}" if row.measured else ""


def goal(row: Row) -> str:
    """The bound in words."""
    if row.goal is None:
        return ""
    return f"{'at least' if row.goal.at_least else 'at most'} {amount(row, row.goal.bound)}"


def document(outcomes: list[Outcome], setting: Setting) -> str:
    """The page: a table of everything, then how each was measured and what limits it."""
    about = (
        "Measured, not estimated. `make bench` measures; `python -m benchmarks --doc docs/benchmarks.md` writes this "
        f"page from one run. {_when()}, {_machine(setting.directory)}. Ratios are medians of {setting.pairs} pairs in "
        "which Phoenix and its peer took turns (A B A B …), so that both saw the same machine; figures beside them are "
        f"medians too and say less, since they move with the machine. All runs over loopback{_commit()}."
    )
    parts = ["# Benchmarks", about, "```console\n" + _COMMAND + "```", _table(outcomes)]
    for outcome in outcomes:
        parts += [f"## {outcome.title}", outcome.how]
        if outcome.limit:
            parts.append(f"**What limits it.** {outcome.limit}")
        notes = [f"- {row.name}: {row.note}" for row in outcome.rows if row.note]
        if notes:
            parts.append("\n".join(notes))
        if outcome.skipped or outcome.error:
            parts.append(f"Not measured: {outcome.skipped or outcome.error}")
    return "\n\n".join(parts) + "\n"


def _table(outcomes: list[Outcome]) -> str:
    rows = ["| what | Phoenix | peer | ratio or rate (spread) | goal | |", "|---|---|---|---|---|---|"]
    for outcome in outcomes:
        for row in outcome.rows:
            middle = f"**{judged(row)}** ({spread(row)})" if row.measured else ""
            cells = [row.name, row.figure, row.peer, middle, goal(row), verdict(row) if row.goal else ""]
            rows.append("| " + " | ".join(cells) + " |")
    return "\n".join(rows)


def _commit() -> str:
    """Which code it was, where git can tell."""
    said = [
        subprocess.run(["git", *words], capture_output=True, text=True, check=False, cwd=ROOT).stdout.strip()
        for words in (("rev-parse", "--short=10", "HEAD"), ("status", "--porcelain", "--untracked-files=no"))
    ]
    return f", of commit {said[0]}{' with changes' if said[1] else ''}" if said[0] else ""


def _when() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%d")


def _machine(directory: Path) -> str:
    memory = psutil.virtual_memory().total / 2**30
    optimised = "--enable-optimizations" in str(sysconfig.get_config_var("CONFIG_ARGS"))
    python = (
        f"CPython {platform.python_version()} ({'' if optimised else 'not '}built with profile-guided optimisation)"
    )
    words = [
        f"{os.cpu_count()} cores ({_processor()}, virtual)", f"{memory:.0f} GiB", f"Linux {platform.release()[:4]}",
        f"{_filesystem(directory)} on a virtual disk", python, *_versions(),
    ]  # fmt: skip
    return ", ".join(words)


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _filesystem(directory: Path) -> str:
    found = max(
        (part for part in psutil.disk_partitions(all=True) if directory.resolve().is_relative_to(part.mountpoint)),
        key=lambda part: len(part.mountpoint),
        default=None,
    )
    return found.fstype if found else "an unknown file system"


def _versions() -> list[str]:
    if shutil.which("etcd") is None:
        return ["no etcd"]
    said = subprocess.run(["etcd", "--version"], capture_output=True, text=True, check=False).stdout
    return [f"etcd {said.split('Version:', 1)[-1].split()[0]}"] if "Version:" in said else []
