"""House rules no tool checks: nothing machine-bound in the repository, reasons beside dependencies, docstrings."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MAX_LINES = 400
# Put together here, or this file would break its own rule.
FORBIDDEN = re.compile(
    "|".join(("/wo" + "rk/", r"pypi\.or" + "g", r"pythonhosted\.or" + "g", r"ghcr\.i" + "o", r"docker\.i" + "o"))
)


def files() -> list[Path]:
    """What is in the repository, or will be with the next commit."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


FILES = files()
PYTHON = [path for path in FILES if path.suffix == ".py"]


def test_no_file_names_this_machine_or_a_registry() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
        for path in FILES
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1)
        if FORBIDDEN.search(line)
    ]
    assert not found


@pytest.mark.parametrize("folder", ["phoenix", "controllers"])
def test_every_module_says_what_it_is_for(folder: str) -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in PYTHON
        if path.is_relative_to(ROOT / folder) and not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert not silent


def test_every_package_is_a_package() -> None:
    bare = {
        str(path.parent.relative_to(ROOT))
        for path in PYTHON
        if path.is_relative_to(ROOT / "phoenix") or path.is_relative_to(ROOT / "controllers")
        if not (path.parent / "__init__.py").is_file()
    }
    assert not bare


def test_every_dependency_has_its_reason_beside_it() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    project = tomllib.loads(text)["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    assert len(wanted) > 20
    unexplained = [name for name in wanted if not re.search(rf'^ *"{re.escape(name)}", *# \S+', text, re.M)]
    assert not unexplained


def test_every_locked_version_is_exact() -> None:
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").split("\n")
    assert [line for line in lines if line and not re.fullmatch(r"[A-Za-z0-9._-]+==\S+", line)] == []
