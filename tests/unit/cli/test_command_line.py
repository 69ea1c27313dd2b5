"""The command line itself: what is typed wrong is named, help is cheap, docs say what the parser says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from phoenix.cli.main import main
from phoenix.cli.parsing import build_parser, split_at_verb, subparser
from phoenix.cli.reference import reference
from phoenix.cli.verbs import VERBS

ROOT = Path(__file__).resolve().parents[3]


def run(*words: str) -> int:
    try:
        return main(words)
    except SystemExit as end:
        return int(str(end.code))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["gett"], 'there is no verb "gett"; did you mean "get"?'),
        (["get", "experimentz"], 'did you mean "experiment"?'),
        (["get", "exp", "--outptu=yaml"], 'did you mean "--output"?'),
        (["get", "exp", "-o", "jsn"], 'did you mean "json"?'),
        (["get", "exp", "-o", "jsonpath=.a[?("], "is no JSONPath"),
        (["rollout", "historyy", "pd/x"], 'did you mean "history"?'),
        (["wait", "exp/x", "--for=conditio=Ready"], 'did you mean "condition"?'),
        (["wait", "exp/x", "--for=phase=Running", "--timeout=5x"], "'5x' is not a duration"),
        (["delete"], "what is to be deleted?"),
        (["delete", "exp", "a", "exp/b"], "write either KIND NAME... or KIND/NAME..."),
        (["watch", "pd/x"], "pipelinedeployment/x is no experiment"),
        (["logs", "host/x"], "a host has no log"),
        (["demo", "--example", "negative-contrl"], 'did you mean "negative-control"?'),
        (["--state", "a", "--kubeconfig", "b", "get", "exp"], "give one of them"),
        (["apply"], "the following arguments are required: -f/--filename"),
        (["bogus/x", "--for"], "there is no verb"),
    ],
)
def test_a_wrong_command_line_is_code_2_and_says_what_was_meant(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PHOENIX_STATE", str(tmp_path))
    assert run(*words) == 2
    captured = capsys.readouterr()
    assert said in captured.err
    assert "Traceback" not in captured.err


def test_no_server_is_code_1_and_says_how_to_start_one(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PHOENIX_STATE", raising=False)
    monkeypatch.delenv("KUBECONFIG", raising=False)
    assert run("get", "exp") == 1
    assert "phoenixctl up" in capsys.readouterr().err
    assert run("--state", str(tmp_path / "none"), "get", "exp") == 1
    assert "endpoint.json does not exist" in capsys.readouterr().err


def test_help_and_version_import_none_of_the_heavy_libraries(tmp_path: Path) -> None:
    script = (
        "import sys\n"
        "from phoenix.cli.main import main\n"
        "try:\n"
        "    main(sys.argv[1:])\n"
        "except SystemExit:\n"
        "    pass\n"
        "heavy = {'pydantic', 'aiohttp', 'rich', 'ruamel', 'asyncio', 'jsonpath_ng'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)\n"
    )
    for words in (["--help"], ["version", "--client"], ["version", "--state", str(tmp_path)]):
        done = subprocess.run(
            [sys.executable, "-c", script, *words], cwd=ROOT, capture_output=True, text=True, timeout=30
        )
        assert "phoenixctl" in done.stdout
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("verb", [verb.name for verb in VERBS])
def test_every_verb_has_help_with_examples(verb: str) -> None:
    root = build_parser()
    text = subparser(root, verb).format_help()
    assert "examples:" in text
    assert f"phoenixctl {verb}" in text
    assert "--state" in text


def test_global_flags_before_and_after_the_verb() -> None:
    parser = build_parser()
    before = parser.parse_args(["--state", "s", "-n", "a", "get", "exp"])
    after = parser.parse_args(["get", "exp", "--state", "s", "-n", "a"])
    assert (before.state, before.namespace) == (after.state, after.namespace) == ("s", "a")
    assert split_at_verb(["--state", "up", "-n=x", "up", "--port", "0"]) == (
        ["--state", "up", "-n=x"],
        "up",
        ["--port", "0"],
    )


def test_docs_are_fresh() -> None:
    assert (ROOT / "docs" / "cli.md").read_text() == reference(), (
        "docs/cli.md is stale: python -m phoenix.cli.reference > docs/cli.md"
    )


def test_up_becomes_phoenix_up_with_every_word(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[str]] = []

    def execv(_path: str, words: list[str]) -> None:
        seen.append(words[1:])
        raise SystemExit(0)

    monkeypatch.setattr(os, "execv", execv)
    monkeypatch.setenv("PHOENIX_STATE", "from-env")
    run("--state", "a", "up", "--port", "0", "--label", "x=y")
    run("up", "--help")
    assert seen[0] == ["-m", "phoenix.up", "--state", "a", "--port", "0", "--label", "x=y"]
    assert seen[1] == ["-m", "phoenix.up", "--state", "from-env", "--help"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_name_the_program(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("completion", shell) == 0
    assert "phoenixctl" in capsys.readouterr().out


def test_completion_completes_verbs_flags_and_kinds(tmp_path: Path) -> None:
    def complete(line: str) -> set[str]:
        out = tmp_path / "out"
        environment = {
            **os.environ, "_ARGCOMPLETE": "1", "COMP_LINE": line, "COMP_POINT": str(len(line)),
            "_ARGCOMPLETE_STDOUT_FILENAME": str(out), "_ARGCOMPLETE_IFS": "\n", "PHOENIX_STATE": str(tmp_path),
        }  # fmt: skip
        subprocess.run([sys.executable, "-m", "phoenix.cli"], cwd=ROOT, env=environment, timeout=30, check=False)
        return {word.strip() for word in out.read_text().split("\n")}

    assert "rollout" in complete("phoenixctl ro")
    assert "--field-selector" in complete("phoenixctl get --fi")
    assert {"experiments", "experiment/"} <= complete("phoenixctl get exp")
