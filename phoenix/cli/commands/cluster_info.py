"""`phoenixctl cluster-info`: where everything is."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from phoenix.api.host import Host
from phoenix.cli.session import Session
from phoenix.cli.wire import send

DESCRIPTION = "Print the address of the API server, its version, and the hosts that have joined it."
EXAMPLES = """
phoenixctl cluster-info
phoenixctl cluster-info --context lab
"""


@dataclass(frozen=True, slots=True)
class ClusterInfoOptions:
    """Nothing to choose."""


def flags(parser: argparse.ArgumentParser) -> None:
    """None of its own."""


def options(_arguments: argparse.Namespace) -> ClusterInfoOptions:
    """As typed."""
    return ClusterInfoOptions()


async def run(session: Session, _options: ClusterInfoOptions) -> int:
    """Print."""
    green = session.style.green
    async with session.client() as client:
        version = await send(client, "GET", "/version")
        hosts = await send(client, "GET", Host.info.path())
        server = client.server
    session.line(f"{green('Phoenix API server')} is running at {server} (version {version.get('gitVersion')})")
    for host in hosts.get("items") or ():
        conditions = (host.get("status") or {}).get("conditions") or ()
        ready = next((str(item.get("status")) for item in conditions if item.get("type") == "Ready"), "Unknown")
        state = {"True": "is ready", "False": "is not ready"}.get(ready, "is silent")
        session.line(f"{green('Host')} {host['metadata']['name']} {state}")
    session.note("`phoenixctl describe hosts` says more")
    return 0
