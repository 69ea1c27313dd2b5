"""A wrong flag is answered in two lines, the first of which says what is wrong."""

from __future__ import annotations

import pytest

from phoenix.aio.program import ProgramParser


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--prot", "5"], "there is no flag --prot; did you mean --port?"),
        (["--prot=5"], "there is no flag --prot; did you mean --port?"),
        (["--zzz"], "there is no flag --zzz"),
        (["--port", "x"], "argument --port: invalid int value: 'x'"),
        (["--po", "5"], "there is no flag --po; did you mean --port?"),
        (["word"], "unrecognized arguments: word"),
    ],
)
def test_sentence_first(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    parser = ProgramParser(prog="phoenixctl up", description="Run.")
    parser.add_argument("--port", type=int)
    with pytest.raises(SystemExit) as ended:
        parser.parse_args(words)
    assert ended.value.code == 2
    assert capsys.readouterr().err == f"error: {said}\nSee `phoenixctl up --help`.\n"
