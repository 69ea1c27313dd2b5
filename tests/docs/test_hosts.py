"""The page on many hosts names every flag there is, and the verbs it shows exist."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from phoenix.agent.__main__ import main as agent
from phoenix.cli.parsing import build_parser
from phoenix.serve import main as serve
from tests.docs.pages import DOCS, blocks, rows, section

PAGE = DOCS / "hosts.md"


def flags(program: Callable[[list[str]], int], capsys: pytest.CaptureFixture[str]) -> set[str]:
    with pytest.raises(SystemExit):
        program(["--help"])
    return set(re.findall(r"(?<![\w-])--[a-z-]+", capsys.readouterr().out)) - {"--help"}


def test_every_flag_of_agent_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert {flag for flag, _ in rows(section(PAGE, "## A host"))} == flags(agent, capsys)


def test_every_flag_of_serve_is_listed_here_or_with_those_of_up(capsys: pytest.CaptureFixture[str]) -> None:
    here = {flag for flag, _ in rows(section(PAGE, "## A server"))}
    there = {flag for flag, _ in rows(section(DOCS / "operations.md", "## Start and stop"))}
    assert here <= (found := flags(serve, capsys))
    assert found <= here | there


def test_every_command_shown_is_one() -> None:
    shown = [line for block in blocks(PAGE) if block.language == "sh" for line in block.text.splitlines()]
    assert len(shown) > 4
    for line in shown:
        words = line.split("#")[0].split(">")[0].split()
        assert words[0] == "phoenixctl"
        if words[1] in ("serve", "agent"):
            continue  # their flags are held above
        build_parser().parse_args(words[1:])
