"""`phoenixctl record`: what it is told, and what it has the embedded collector run."""

from __future__ import annotations

import argparse
import io
from pathlib import Path

import pytest

from phoenix.cli.commands import record
from phoenix.cli.errors import CliError, UsageError
from phoenix.cli.session import GlobalOptions, Session
from phoenix.engine import check


def options(*words: str) -> record.RecordOptions:
    parser = argparse.ArgumentParser()
    record.flags(parser)
    return record.options(parser.parse_args(words))


@pytest.mark.parametrize("words", [["a.jsonl"], ["a.pb", "--host"], ["a.json", "--prometheus", "127.0.0.1:1"]])
def test_the_embedded_collector_runs_what_is_asked(words: list[str], tmp_path: Path) -> None:
    found = options(*words)
    config = record.configuration(found, tmp_path / found.file)
    assert check(config) == []
    assert config["exporters"]["file"]["format"] == ("proto" if found.file.endswith(".pb") else "json")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["a.txt"], "no name of a recording"),
        (["a.jsonl.gz"], "no name of a recording"),
        (["a.jsonl", "--host", "--prometheus", "h:1"], "two recordings"),
        (["a.jsonl", "--prometheus", "http://h:1/metrics"], "no address"),
        (["a.jsonl", "--listen", "4318"], "no address"),
        (["a.jsonl", "--prometheus", "h:99999"], "no address"),
        (["a.jsonl", "--prometheus", "h:1", "--prometheus", "h:1"], "a target twice"),
        (["a.jsonl", "--interval", "10ms"], "at least 100ms"),
        (["a.jsonl", "--for", "0"], "above 0"),
    ],
)
def test_wrong_words_are_said(words: list[str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        options(*words)


async def test_a_recording_is_not_written_over_and_nothing_leaves_no_file(tmp_path: Path) -> None:
    session = Session(GlobalOptions(state=tmp_path), io.StringIO(), io.StringIO())
    there = tmp_path / "recordings" / "a.jsonl"
    there.parent.mkdir()
    there.write_text("kept")
    with pytest.raises(CliError, match="is there already"):
        await record.run(session, options("a.jsonl"))
    assert there.read_text() == "kept"
    with pytest.raises(CliError, match="nothing came"):
        await record.run(session, options("b.jsonl", "--listen", "127.0.0.1:0", "--for", "10ms"))
    assert list(there.parent.iterdir()) == [there]


async def test_targets_that_never_answer_are_no_recording(tmp_path: Path) -> None:
    session = Session(GlobalOptions(state=tmp_path), io.StringIO(), io.StringIO())
    nobody = ("a.jsonl", "--prometheus", "127.0.0.1:1", "--interval", "100ms", "--for", "2s")
    with pytest.raises(CliError, match=r"no scrape succeeded.*127\.0\.0\.1:1/metrics: "):
        await record.run(session, options(*nobody))
    assert not (tmp_path / "recordings" / "a.jsonl").exists()


async def test_a_machine_is_recorded(tmp_path: Path) -> None:
    session = Session(GlobalOptions(state=tmp_path), io.StringIO(), io.StringIO())
    written = tmp_path / "recordings" / "a.jsonl"
    written.parent.mkdir()
    written.write_text("older")
    written.chmod(0o644)
    assert await record.run(session, options("a.jsonl", "--force", "--host", "--interval", "100ms", "--for", "2s")) == 0
    assert b"process.cpu.time" in written.read_bytes()
    assert written.stat().st_mode & 0o777 == 0o600
