"""Wrong command lines: each ends with its code and one exact sentence that says what to do. No server is needed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from phoenix.cli.main import main

KUBECONFIG = """
current-context: prod
contexts: [{name: prod, context: {cluster: c}}]
clusters: [{name: c, cluster: {server: "https://127.0.0.1:1"}}]
"""
LINES = Path(__file__).with_name("wrong_lines.txt")
_CASE = re.compile(r"^\$ phoenixctl (.+)\n((?:.*\n)+?)\[(\d+)\]$", re.M)
CASES = [(line, said.rstrip("\n"), int(code)) for line, said, code in _CASE.findall(LINES.read_text(encoding="utf-8"))]


def said_by(line: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    try:
        code = main(line.split())
    except SystemExit as end:
        code = int(str(end.code))
    captured = capsys.readouterr()
    assert captured.out == ""
    return code, captured.err.rstrip("\n")


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder without Phoenix, of a person without kubeconfig."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("PHOENIX_STATE", "KUBECONFIG"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "k").write_text(KUBECONFIG)


@pytest.mark.parametrize(("line", "said", "code"), CASES, ids=[line for line, _, _ in CASES])
def test_a_wrong_line_says_exactly_this(line: str, said: str, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert said_by(line, capsys) == (code, said)


def test_every_line_of_the_file_is_a_case() -> None:
    assert len(CASES) == LINES.read_text(encoding="utf-8").count("$ phoenixctl") > 40


def test_flags_stand_anywhere_and_switches_take_values_after_an_equals_sign_only() -> None:
    from phoenix.cli.parsing import build_parser

    parse = build_parser().parse_args
    found = parse(["delete", "--wait", "exp", "-n", "team", "a", "--all=false", "b", "--cascade"])
    assert (found.what, found.wait, found.namespace, found.all, found.cascade) == (
        ["exp", "a", "b"], True, "team", False, "background",
    )  # fmt: skip
    assert parse(["get", "exp", "-Ao", "name", "--watch=true"]).output == "name"
    assert parse(["label", "exp", "--", "-a"]).what == ["exp", "-a"]
    assert parse(["rollout", "status", "pd/x", "-n", "team"]).namespace == "team"
