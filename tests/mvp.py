"""`make test-mvp`: runs what proves the lines of the MVP tracker, once, and says pass or fail for each line.

Exit codes: 0 every line passes; 1 one fails.
"""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import pytest  # noqa: E402  after the path is set: this file is run as a script

from tests.mvp_lines import SECTIONS, Line  # noqa: E402
from tests.skips import reviewed_skips  # noqa: E402


@dataclass(eq=False)
class Outcomes:
    """A pytest plugin: what became of each test. A skip nobody reviewed is a failure; so is a test nobody found."""

    passed: set[str] = field(default_factory=set)
    failed: dict[str, str] = field(default_factory=dict)
    started: float = field(default_factory=time.monotonic)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" and report.passed:
            self.passed.add(report.nodeid)
        elif not report.passed and not (report.skipped and report.nodeid in reviewed_skips()):
            said = str(report.longrepr).strip().splitlines()
            self.failed.setdefault(report.nodeid, said[-1] if said else report.outcome)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.failed.setdefault(report.nodeid, "could not be collected")

    def problem(self, test: str) -> str:
        """Why a file, test or case did not pass; empty when it did."""
        failed = [node for node in self.failed if within(node, test)]
        if failed:
            return f"{failed[0]}: {self.failed[failed[0]][:160]}"
        return "" if any(within(node, test) for node in self.passed) else f"{test}: no such test ran"


def within(node: str, test: str) -> bool:
    """Whether a node id is a test, one of its cases, or in a file or folder."""
    return node == test or node.startswith((f"{test}[", f"{test}::", f"{test}/"))


def verdict(line: Line, outcomes: Outcomes) -> tuple[str, str]:
    """PASS or FAIL, and why."""
    problems = [problem for test in line.tests if (problem := outcomes.problem(test))]
    if line.check is not None and (problem := line.check()):
        problems.append(problem)
    return ("FAIL", problems[0]) if problems else ("PASS", "")


def wanted() -> list[str]:
    """Every test the lines name, those of a named file or folder only once."""
    named = {test for section in SECTIONS for line in section.lines for test in line.tests}
    return sorted(test for test in named if not any(test != other and within(test, other) for other in named))


def main() -> int:
    """Run and report."""
    os.chdir(ROOT)
    outcomes = Outcomes()
    print("Running the tests behind the tracker's lines. This takes some minutes.", flush=True)
    pytest.main(["-q", "--no-header", *wanted()], plugins=[outcomes])
    counts: Counter[str] = Counter()
    for section in SECTIONS:
        print(f"\n{section.title}")
        for line in section.lines:
            word, why = verdict(line, outcomes)
            counts[word] += 1
            print(f"  {word:5}  {line.text}{f'  ({why})' if why else ''}")
    minutes, seconds = divmod(round(time.monotonic() - outcomes.started), 60)
    print(f"\n{counts['PASS']} pass, {counts['FAIL']} fail; {minutes}m{seconds:02}s")
    return 1 if counts["FAIL"] else 0


if __name__ == "__main__":
    sys.exit(main())
