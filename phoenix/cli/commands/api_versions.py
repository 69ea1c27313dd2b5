"""`phoenixctl api-versions`: groups and versions the server has."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from phoenix.cli.session import Session
from phoenix.cli.wire import send

DESCRIPTION = "List the API groups of the server with their versions, as group/version."
EXAMPLES = """
phoenixctl api-versions
"""


@dataclass(frozen=True, slots=True)
class ApiVersionsOptions:
    """Nothing to choose."""


def flags(parser: argparse.ArgumentParser) -> None:
    """None of its own."""


def options(_arguments: argparse.Namespace) -> ApiVersionsOptions:
    """As typed."""
    return ApiVersionsOptions()


async def run(session: Session, _options: ApiVersionsOptions) -> int:
    """Print, sorted."""
    async with session.client() as client:
        core = await send(client, "GET", "/api")
        groups = await send(client, "GET", "/apis")
    found = set(core.get("versions") or ())
    for group in groups.get("groups") or ():
        found |= {version["groupVersion"] for version in group.get("versions") or ()}
    for line in sorted(found):
        session.line(line)
    return 0
