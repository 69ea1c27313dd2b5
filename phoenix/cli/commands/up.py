"""`phoenixctl up`: becomes `python -m phoenix.up`, which has its own flags."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

from phoenix.cli.session import Session

DESCRIPTION = "Run all of Phoenix (API server, controllers, agent) in one process on one state folder."
EXAMPLES = """
phoenixctl up                          state in ./state, port 7443 if it is free
phoenixctl up --state /var/lib/phoenix --port 8443
phoenixctl up --label role=edge        label this host, for hostSelector
phoenixctl up --help                   every flag
"""


@dataclass(frozen=True, slots=True)
class UpOptions:
    """Words for phoenix.up, as typed."""

    words: tuple[str, ...]


def flags(parser: argparse.ArgumentParser) -> None:
    """Everything is passed on."""
    parser.add_argument("words", nargs="*", metavar="FLAG", help="flags of `phoenixctl up`; see `phoenixctl up --help`")


def options(arguments: argparse.Namespace) -> UpOptions:
    """As typed."""
    return UpOptions(tuple(arguments.words))


def run(session: Session, options: UpOptions) -> int:
    """Become phoenix.up."""
    hand_over(["--state", str(session.state)] if session.state else [], options.words)


def hand_over(before: Sequence[str], after: Sequence[str], module: str = "phoenix.up") -> NoReturn:
    """Become a program, before anything else is imported. The last --state counts, $PHOENIX_STATE if there is none."""
    words = [*before, *after]
    named = any(word == "--state" or word.startswith("--state=") for word in words)
    if not named and os.environ.get("PHOENIX_STATE"):
        words = ["--state", os.environ["PHOENIX_STATE"], *words]
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", module, *words])
