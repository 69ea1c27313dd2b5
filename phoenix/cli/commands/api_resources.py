"""`phoenixctl api-resources`: the kinds."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass

from phoenix.api.scheme import KINDS
from phoenix.apimachinery.meta import KindInfo
from phoenix.cli.errors import UsageError, did_you_mean
from phoenix.cli.grid import Grid
from phoenix.cli.options import boolean
from phoenix.cli.session import Session

DESCRIPTION = "List the kinds, the words that stand for them, and whether they live in a namespace."
EXAMPLES = """
phoenixctl api-resources
phoenixctl api-resources -o wide        with what they are for
phoenixctl api-resources --namespaced=false -o name
"""


@dataclass(frozen=True, slots=True)
class ApiResourcesOptions:
    """output: empty, wide (with descriptions) or name. The rest narrows it down; None: all."""

    output: str = ""
    namespaced: bool | None = None
    group: str | None = None
    headers: bool = True


def flags(parser: argparse.ArgumentParser) -> None:
    """-o, --namespaced, --api-group, --no-headers."""
    parser.add_argument("-o", "--output", choices=("wide", "name"), default="", metavar="FORMAT", help="wide or name")
    parser.add_argument(
        "--namespaced", nargs="?", const=True, type=boolean, metavar="BOOL", help="only those in namespaces, or not"
    )
    parser.add_argument("--api-group", metavar="GROUP", help='only those of a group; "" is the core group')
    parser.add_argument("--no-headers", action="store_true", help="no titles")


def options(arguments: argparse.Namespace) -> ApiResourcesOptions:
    """Raises UsageError."""
    groups = sorted({kind.info.group for kind in KINDS})
    if arguments.api_group is not None and arguments.api_group not in groups:
        hint = did_you_mean(arguments.api_group, groups) or f"there is: {', '.join(filter(None, groups))}"
        raise UsageError(f'there is no group "{arguments.api_group}"', hint)
    return ApiResourcesOptions(
        arguments.output, arguments.namespaced, arguments.api_group, not arguments.no_headers
    )  # fmt: skip


def run(session: Session, options: ApiResourcesOptions) -> int:
    """Print; asks no server."""
    wide = options.output == "wide"
    titles = ("NAME", "SHORT", "API VERSION", "NAMESPACED", "KIND", *(["WHAT IT IS"] if wide else []))
    grid = Grid(titles if options.headers else (), keep=(0, 4))
    for info in _chosen(options):
        if options.output == "name":
            session.line(f"{info.plural}.{info.group}".rstrip("."))
            continue
        described = [info.description] if wide else []
        short = ",".join(info.short_names)
        grid.add(info.plural, short, info.api_version, str(info.namespaced).lower(), info.kind, *described)
    if options.output != "name":
        for line in grid.lines(session.width, session.style):
            session.line(line)
    return 0


def _chosen(options: ApiResourcesOptions) -> Iterator[KindInfo]:
    for kind in KINDS:
        by_scope = options.namespaced is None or options.namespaced == kind.info.namespaced
        if by_scope and options.group in (None, kind.info.group):
            yield kind.info
