"""`phoenixctl api-resources`: the kinds."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from phoenix.api.scheme import KINDS
from phoenix.cli.grid import Grid
from phoenix.cli.session import Session

DESCRIPTION = "List the kinds, the words that stand for them, and whether they live in a namespace."
EXAMPLES = """
phoenixctl api-resources
phoenixctl api-resources -o wide        with what they are for
"""


@dataclass(frozen=True, slots=True)
class ApiResourcesOptions:
    """wide: with descriptions; namespaced: only those that are (or are not)."""

    wide: bool


def flags(parser: argparse.ArgumentParser) -> None:
    """-o wide."""
    parser.add_argument("-o", "--output", choices=("wide",), default="", metavar="FORMAT", help="wide")


def options(arguments: argparse.Namespace) -> ApiResourcesOptions:
    """As typed."""
    return ApiResourcesOptions(arguments.output == "wide")


def run(session: Session, options: ApiResourcesOptions) -> int:
    """Print; asks no server."""
    grid = Grid(("NAME", "SHORT", "API VERSION", "NAMESPACED", "KIND", *(["WHAT IT IS"] if options.wide else [])))
    for kind in KINDS:
        info = kind.info
        described = [info.description] if options.wide else []
        short = ",".join(info.short_names)
        grid.add(info.plural, short, info.api_version, str(info.namespaced).lower(), info.kind, *described)
    for line in grid.lines(session.width, session.style):
        session.line(line)
    return 0
