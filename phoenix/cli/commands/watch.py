"""`phoenixctl watch experiment/x`: live, to the verdict."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from phoenix.api.experiment import Experiment
from phoenix.cli.completing import complete_experiments
from phoenix.cli.errors import UsageError
from phoenix.cli.exitcodes import exit_code_of
from phoenix.cli.kinds import Ref, expect, parse_refs
from phoenix.cli.session import Session
from phoenix.cli.watching import watch_run

DESCRIPTION = (
    "Watch an experiment run: phase, progress, every variant's figures, criteria so far, last events. Ends when\n"
    "the run does, with its verdict as exit code: 0 Promote, 10 Reject, 11 Inconclusive, 12 Invalid, 13 none."
)
EXAMPLES = """
phoenixctl watch experiment/http-lean
phoenixctl watch experiment/http-lean > run.log     a line for each change
phoenixctl apply -f run.yaml && phoenixctl watch experiment/run && echo promoted
"""


@dataclass(frozen=True, slots=True)
class WatchOptions:
    """Which experiment."""

    ref: Ref


def flags(parser: argparse.ArgumentParser) -> None:
    """experiment/NAME."""
    words = parser.add_argument("what", nargs="+", metavar="experiment/NAME", help="the experiment")
    words.completer = complete_experiments  # type: ignore[attr-defined]  # argcomplete's own way


def options(arguments: argparse.Namespace) -> WatchOptions:
    """Raises UsageError."""
    words = arguments.what
    refs = [Ref(Experiment, words[0])] if len(words) == 1 and "/" not in words[0] else parse_refs(words)
    if len(refs) != 1:
        raise UsageError("watch takes one experiment", "write experiment/NAME, or use `get experiments -w` for several")
    return WatchOptions(expect(refs[0], Experiment))


async def run(session: Session, options: WatchOptions) -> int:
    """Watch, then print the summary."""
    async with session.client() as client:
        board = await watch_run(session, client, options.ref.name, session.namespace)
    for line in board.summary(session.width, session.style):
        session.line(line)
    session.note(f"`phoenixctl metrics {options.ref}` has every figure, with signals, contributors and sums")
    return exit_code_of(board.experiment.status.verdict)
