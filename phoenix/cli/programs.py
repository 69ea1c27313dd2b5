"""`up`, `serve` and `agent`: verbs that become another program, which has flags of its own."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NoReturn

from phoenix.cli.session import Session
from phoenix.cli.verbs import PROGRAMS


@dataclass(frozen=True, slots=True)
class ProgramOptions:
    """Words for the program, as typed."""

    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ProgramCommand:
    """`flags`, `options` and `run` of a verb."""

    flags: Callable[[argparse.ArgumentParser], None]
    options: Callable[[argparse.Namespace], ProgramOptions]
    run: Callable[[Session, ProgramOptions], int]


def program(verb: str) -> ProgramCommand:
    """The verb that becomes its program."""

    def flags(parser: argparse.ArgumentParser) -> None:
        """Everything is passed on."""
        parser.add_argument(
            "words", nargs="*", metavar="FLAG", help=f"flags of `phoenixctl {verb}`; see `phoenixctl {verb} --help`"
        )

    def options(arguments: argparse.Namespace) -> ProgramOptions:
        """As typed."""
        return ProgramOptions(tuple(arguments.words))

    def run(session: Session, options: ProgramOptions) -> int:
        """Become it."""
        hand_over(["--state", str(session.state)] if session.state else [], options.words, PROGRAMS[verb])

    return ProgramCommand(flags, options, run)


def hand_over(before: Sequence[str], after: Sequence[str], module: str) -> NoReturn:
    """Become a program, before anything else is imported. The last --state counts, $PHOENIX_STATE if there is none."""
    words = [*before, *after]
    named = any(word == "--state" or word.startswith("--state=") for word in words)
    if not named and os.environ.get("PHOENIX_STATE"):
        words = ["--state", os.environ["PHOENIX_STATE"], *words]
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", module, *words])
