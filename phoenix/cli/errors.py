"""What a command says when it cannot do what was asked.

CliError        exit code 1 unless said otherwise
├── UsageError  2: the command line is wrong
└── WaitFailed  3: out of time, or it cannot happen any more
"""

from __future__ import annotations

from phoenix.cli.exitcodes import ExitCode


class CliError(Exception):
    """Ends the command. `message` says what is wrong and where, `hint` what to do next (may be empty)."""

    code: ExitCode = ExitCode.ERROR

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message, self.hint = message, hint


class UsageError(CliError):
    """The command line makes no sense."""

    code = ExitCode.USAGE


class WaitFailed(CliError):
    """What was waited for did not happen."""

    code = ExitCode.WAIT_FAILED


def did_you_mean(word: str, known: list[str]) -> str:
    """`did you mean "get"?`, or an empty text where nothing is near."""
    import difflib

    close = difflib.get_close_matches(word.lower(), known, n=1, cutoff=0.6)
    return f'did you mean "{close[0]}"?' if close else ""
