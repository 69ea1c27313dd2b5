"""`phoenixctl uncordon`: lift spec.unschedulable of a host."""

from __future__ import annotations

import argparse

from phoenix.cli.cordoning import CordonOptions, add_host_argument, host_ref, set_unschedulable
from phoenix.cli.session import Session

DESCRIPTION = "Let a host be used again (spec.unschedulable: false). Deployments that match it come back by themselves."
EXAMPLES = """
phoenixctl uncordon edge-7
"""


def flags(parser: argparse.ArgumentParser) -> None:
    """HOST..."""
    add_host_argument(parser, several=True)


def options(arguments: argparse.Namespace) -> CordonOptions:
    """Raises UsageError."""
    return CordonOptions(tuple(host_ref(word) for word in arguments.host))


async def run(session: Session, options: CordonOptions) -> int:
    """Patch each."""
    async with session.client() as client:
        for ref in options.refs:
            await set_unschedulable(session, client, ref, False)
    return 0
