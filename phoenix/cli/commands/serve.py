"""`phoenixctl serve`: becomes `python -m phoenix.serve`, which has its own flags."""

from __future__ import annotations

import argparse

from phoenix.cli.commands.up import UpOptions, hand_over
from phoenix.cli.session import Session

MODULE = "phoenix.serve"
DESCRIPTION = "Run API server and controllers, for hosts that join with `phoenixctl agent`."
EXAMPLES = """
phoenixctl serve --listen 0.0.0.0 --advertise-address 10.0.0.1
phoenixctl serve --host-lost-after 2m  end runs on a host silent for so long
phoenixctl serve --help                every flag
"""


def flags(parser: argparse.ArgumentParser) -> None:
    """Everything is passed on."""
    parser.add_argument(
        "words", nargs="*", metavar="FLAG", help="flags of `phoenixctl serve`; see `phoenixctl serve --help`"
    )


def options(arguments: argparse.Namespace) -> UpOptions:
    """As typed."""
    return UpOptions(tuple(arguments.words))


def run(session: Session, options: UpOptions) -> int:
    """Become phoenix.serve."""
    hand_over(["--state", str(session.state)] if session.state else [], options.words, MODULE)
