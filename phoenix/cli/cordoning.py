"""What cordon, uncordon and drain share: the host named, and its spec.unschedulable."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from phoenix.api.host import Host
from phoenix.cli.completing import complete_hosts
from phoenix.cli.finding import fetch_typed
from phoenix.cli.kinds import Ref, expect, parse_ref, qualified
from phoenix.cli.session import Session
from phoenix.client.http import HttpClient


@dataclass(frozen=True, slots=True)
class CordonOptions:
    """Which hosts."""

    refs: tuple[Ref, ...]


def add_host_argument(parser: argparse.ArgumentParser, *, several: bool) -> None:
    """HOST, or host/HOST."""
    hosts = parser.add_argument("host", nargs="+" if several else None, metavar="HOST", help="name of the host")
    hosts.completer = complete_hosts  # type: ignore[attr-defined]  # argcomplete's own way


def host_ref(word: str) -> Ref:
    """`b` or `host/b`. Raises UsageError."""
    return expect(parse_ref(word, Host), Host)


async def set_unschedulable(session: Session, client: HttpClient, ref: Ref, wanted: bool) -> Host:
    """Patch spec.unschedulable where it is not so already, and say it; the host. Raises CliError, ApiError."""
    host = await fetch_typed(client, Host, ref.name, "")
    word = "cordoned" if wanted else "uncordoned"
    if host.spec.unschedulable == wanted:
        session.line(f"{qualified(Host.info)}/{ref.name} already {word}")
    else:
        await client.raw_patch(Host.info, ref.name, "", {"spec": {"unschedulable": wanted}})
        session.line(f"{qualified(Host.info)}/{ref.name} {word}")
    session.out.flush()
    return host
