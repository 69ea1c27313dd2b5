"""`make test` gives a test that failed among others one more chance, alone, and says so."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

FAILS_ONCE = """import pathlib
def test_a():
    seen = pathlib.Path('seen')
    first = not seen.exists()
    seen.touch()
    assert not first
"""


@pytest.mark.parametrize(
    ("body", "code", "says"),
    [
        ("def test_a(): pass\n", 0, "1 passed"),
        (FAILS_ONCE, 0, "FLAKY test_it.py::test_a"),
        ("def test_a(): assert False\n", 1, "Once more, alone: test_it.py::test_a"),
        ("import nothing_of_this_name\n", 1, "1 error"),
        ("".join(f"def test_{i}(): assert False\n" for i in range(4)), 1, "4 failed"),
    ],
    ids=["passes", "flaky", "fails twice", "broken", "too many"],
)
def test_what_becomes_of_a_failure(tmp_path: Path, body: str, code: int, says: str) -> None:
    (tmp_path / "test_it.py").write_text(body)
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = -p xdist\n")
    root = Path(__file__).parents[2]
    ran = subprocess.run(
        [sys.executable, "-m", "tests.suite", "-n", "1"], cwd=tmp_path,
        env={"PYTHONPATH": str(root), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True, text=True, check=False, timeout=100,
    )  # fmt: skip
    assert ran.returncode == code, ran.stdout + ran.stderr
    assert says in ran.stdout
    assert ("FLAKY" in ran.stdout) == ("FLAKY" in says)
