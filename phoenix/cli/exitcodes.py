"""Exit codes: what a script may rely on. Documented in `phoenixctl --help` and docs/cli.md."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """How a command ended."""

    OK = 0
    ERROR = 1
    USAGE = 2
    WAIT_FAILED = 3
    REJECT = 10
    INCONCLUSIVE = 11
    INVALID = 12
    RUN_FAILED = 13
    INTERRUPTED = 130


MEANINGS: dict[ExitCode, str] = {
    ExitCode.OK: "done; of watch, demo and wait --for=verdict: the verdict is Promote",
    ExitCode.ERROR: "something was refused, not found, or could not be reached",
    ExitCode.USAGE: "the command line is wrong",
    ExitCode.WAIT_FAILED: "a wait ran out of time, or what it waits for cannot happen any more",
    ExitCode.REJECT: "the verdict is Reject",
    ExitCode.INCONCLUSIVE: "the verdict is Inconclusive",
    ExitCode.INVALID: "the verdict is Invalid: the measurement cannot be trusted",
    ExitCode.RUN_FAILED: "the run Failed or was Stopped: there is no verdict",
    ExitCode.INTERRUPTED: "interrupted (Ctrl-C)",
}

_BY_VERDICT = {
    "Promote": ExitCode.OK,
    "Reject": ExitCode.REJECT,
    "Inconclusive": ExitCode.INCONCLUSIVE,
    "Invalid": ExitCode.INVALID,
}


def exit_code_of(verdict: str | None) -> ExitCode:
    """The code for the verdict of a finished run; None: it ended without one."""
    return _BY_VERDICT.get(verdict or "", ExitCode.RUN_FAILED)
