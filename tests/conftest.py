"""What holds for every test: no skip that nobody reviewed, no deadline that a busy machine could miss."""

from __future__ import annotations

import os
from collections.abc import Iterator

import hypothesis
import pytest

from tests.order import dealt
from tests.skips import SKIPS, reviewed_skips

# One worker runs tests of gRPC and tests that fork: gRPC's handlers at a fork abort the child. No program of Phoenix's
# does both.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")

hypothesis.settings.register_profile("phoenix", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("phoenix")

_skipped: dict[str, str] = {}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if workers := getattr(config, "workerinput", {}).get("workercount", 0):
        items[:] = dealt(items, workers, lambda item: item.nodeid.partition("::")[0], alone=_alone)


def _alone(item: pytest.Item) -> bool:
    """Whether it has a Phoenix of its own, and so shares no fixture with others of its file."""
    return "phoenix" in getattr(item, "fixturenames", ())


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
