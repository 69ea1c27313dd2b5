"""What holds for every test: no skip that nobody reviewed, no deadline that a busy machine could miss."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

hypothesis.settings.register_profile("phoenix", deadline=None)
hypothesis.settings.load_profile("phoenix")

SKIPS = Path(__file__).with_name("skips.txt")
"""Tests that may be skipped, one a line: `NODEID  # why`. Any other skip fails the run."""

_skipped: dict[str, str] = {}


def reviewed_skips() -> frozenset[str]:
    """Node ids that may be skipped."""
    lines = (line.split("#", 1)[0].strip() for line in SKIPS.read_text(encoding="utf-8").splitlines())
    return frozenset(line for line in lines if line)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    _note(report)


def pytest_collectreport(report: pytest.CollectReport) -> None:
    _note(report)


def _note(report: pytest.TestReport | pytest.CollectReport) -> None:
    if report.skipped and not hasattr(report, "wasxfail"):
        why = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        _skipped[report.nodeid] = why


def _unreviewed() -> Iterator[str]:
    allowed = reviewed_skips()
    return (f"{nodeid}: {why}" for nodeid, why in _skipped.items() if nodeid not in allowed)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    if exitstatus == pytest.ExitCode.OK and any(_unreviewed()):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for line in _unreviewed():
        terminalreporter.write_line(f"SKIPPED WITHOUT REVIEW {line}; run it, or list it in {SKIPS.name}", red=True)
