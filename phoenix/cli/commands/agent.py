"""`phoenixctl agent`: becomes `python -m phoenix.agent`, which has its own flags."""

from __future__ import annotations

import argparse

from phoenix.cli.commands.up import UpOptions, hand_over
from phoenix.cli.session import Session

MODULE = "phoenix.agent"
DESCRIPTION = "Run this machine's processes for an API server on another one."
EXAMPLES = """
phoenixctl agent --server https://10.0.0.1:7443 --ca-file ca.crt --token-file token
phoenixctl agent                       the server remembered in the state folder
phoenixctl agent --label role=edge --advertise-address 10.0.0.2
phoenixctl agent --help                every flag
"""


def flags(parser: argparse.ArgumentParser) -> None:
    """Everything is passed on."""
    parser.add_argument(
        "words", nargs="*", metavar="FLAG", help="flags of `phoenixctl agent`; see `phoenixctl agent --help`"
    )


def options(arguments: argparse.Namespace) -> UpOptions:
    """As typed."""
    return UpOptions(tuple(arguments.words))


def run(session: Session, options: UpOptions) -> int:
    """Become phoenix.agent."""
    hand_over(["--state", str(session.state)] if session.state else [], options.words, MODULE)
