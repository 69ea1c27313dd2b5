"""What `up` cannot do it says in a line, with what to do next; no traceback, exit code 1, nothing left behind."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from phoenix.serve import main as serve
from phoenix.store.lock import FileLock
from phoenix.up import main, refusal_of


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What `up` wrote to stderr, which must be one line of its own and nothing else but its log."""
    assert main([*arguments]) == 1
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("up: ")]
    assert len(lines) == 1
    return lines[0]


def test_a_second_up_on_the_same_state_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state = tmp_path / "state"
    state.mkdir()
    first = FileLock(state / "phoenix.db")
    first.acquire()
    try:
        line = said(capsys, "--state", str(state), "--port", "0")
    finally:
        first.release()
    assert "phoenix.db is already open" in line
    assert not (state / "up.json").exists()


def test_a_port_that_is_taken(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        line = said(capsys, "--state", str(tmp_path / "state"), "--port", str(port))
    assert (
        line == f"up: port {port} is taken by another program; give another with --port, or --port 0 for any free one"
    )


def test_a_state_folder_that_cannot_be(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    line = said(capsys, "--state", str(tmp_path / "file" / "state"), "--port", "0")
    assert "cannot make the state folder" in line
    assert "--state" in line


def test_a_catalogue_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = said(capsys, "--state", str(tmp_path / "state"), "--port", "0", "--catalog", str(tmp_path / "nowhere"))
    assert "nowhere: there is no such directory" in line
    assert not (tmp_path / "state" / "up.json").exists()


def test_a_host_name_that_no_host_may_have(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = said(capsys, "--state", str(tmp_path / "state"), "--port", "0", "--host-name", "Bad_Host!")
    assert "host 'Bad_Host!' cannot be registered" in line


def test_a_host_silent_before_its_next_heartbeat(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        serve(["--state", str(tmp_path / "state"), "--host-silent-after", "19s"])
    assert ended.value.code == 2
    line, where = capsys.readouterr().err.splitlines()
    assert line.startswith("error: --host-silent-after 19s: agents beat every 10s")
    assert where == "See `phoenixctl serve --help`."
    assert not (tmp_path / "state").exists()


def test_a_defect_is_not_taken_for_a_refusal() -> None:
    assert refusal_of(ExceptionGroup("both", [OSError("x"), KeyError("y")])) is None
    assert refusal_of(KeyError("y")) is None
