"""API server and controllers in one process, for hosts that join with `phoenixctl agent`.

A composition file: `phoenix.up` without the agent, bound to an address others reach. It runs no workload itself.
"""

from __future__ import annotations

import argparse
import ipaddress
import sys
from collections.abc import Sequence
from pathlib import Path

from controllers.wiring import DEFAULT_PATIENCE, HostPatience
from phoenix.agent.config import HEARTBEAT_S
from phoenix.aio.program import ProgramParser
from phoenix.apimachinery.units import parse_duration
from phoenix.apiserver.flags import add_flags, options_of, port
from phoenix.gitops.flags import add_manifest_flags
from phoenix.up import CATALOG, UpConfig, start

SHORTEST_GRACE_S = 2 * HEARTBEAT_S
"""Of --host-silent-after: a heartbeat may be late by one more without a word."""


def _address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError as error:
        msg = f"{text!r} is no IP address: write one of this machine's, 127.0.0.1, or 0.0.0.0 for all of them"
        raise argparse.ArgumentTypeError(msg) from error


def _seconds(text: str) -> float:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _parse(argv: Sequence[str]) -> UpConfig:
    parser = ProgramParser(
        prog="phoenixctl serve", description="Run API server and controllers; hosts join with `phoenixctl agent`."
    )
    parser.add_argument("--state", type=Path, default=Path("state"), help="state folder (default: state)")
    parser.add_argument("--listen", type=_address, default="127.0.0.1", metavar="ADDRESS",
                        help="address the API is bound to; 0.0.0.0: all (default: 127.0.0.1)")  # fmt: skip
    parser.add_argument("--port", type=port, help="API port; 0: any (default: the last one used, else 7443 if free)")
    parser.add_argument("--advertise-address", default="", metavar="HOST",
                        help="name or address by which hosts reach this server; goes into certificate and kubeconfig "
                             "(default: what --listen says)")  # fmt: skip
    parser.add_argument("--catalog", type=Path, default=CATALOG, help="folder of manifests applied at the start")
    parser.add_argument("--host-silent-after", type=_seconds, default=DEFAULT_PATIENCE.grace_s, metavar="DURATION",
                        help="a host without heartbeat for so long is Unknown (default: 40s)")  # fmt: skip
    parser.add_argument("--host-lost-after", type=_seconds, default=DEFAULT_PATIENCE.lost_after_s, metavar="DURATION",
                        help="runs on a host silent for so long end (default: 5m)")  # fmt: skip
    parser.add_argument("--request-log", action="store_true", help="log each API request")
    add_manifest_flags(parser)
    add_flags(parser)
    found = parser.parse_args(argv)
    try:
        patience = HostPatience(grace_s=found.host_silent_after, lost_after_s=found.host_lost_after)
    except ValueError as error:
        parser.error(f"--host-silent-after, --host-lost-after: {error}")
    if found.host_silent_after < SHORTEST_GRACE_S:
        parser.error(
            f"--host-silent-after {found.host_silent_after:g}s: agents beat every {HEARTBEAT_S:g}s, and one that is a "
            f"little late would be Unknown again and again: at least {SHORTEST_GRACE_S:g}s"
        )
    return UpConfig(
        state=found.state.resolve(),
        port=found.port,
        catalog=found.catalog,
        request_log=found.request_log,
        agent=False,
        listen=found.listen,
        advertise=found.advertise_address,
        patience=patience,
        watch=tuple(found.watch),
        manifest_roots=tuple(found.manifest_root),
        serving=options_of(parser, found),
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point of `python -m phoenix.serve`; the exit code: 1, with a line on stderr, where it cannot start."""
    return start("serve", _parse(sys.argv[1:] if argv is None else argv))


if __name__ == "__main__":
    sys.exit(main())
