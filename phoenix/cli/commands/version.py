"""`phoenixctl version`: without the client library, which would take longer than the answer."""

from __future__ import annotations

import argparse
import json
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from phoenix.cli.exitcodes import ExitCode
from phoenix.cli.session import Session

if TYPE_CHECKING:
    import ssl

DESCRIPTION = "Print the versions of client and server. The server is asked only if there is one to ask."
EXAMPLES = """
phoenixctl version
phoenixctl version --client
phoenixctl version -o json
"""
_TIMEOUT_S = 3.0


@dataclass(frozen=True, slots=True)
class VersionOptions:
    """client_only: ask no server."""

    client_only: bool
    as_json: bool


def flags(parser: argparse.ArgumentParser) -> None:
    """--client, -o json."""
    parser.add_argument("--client", action="store_true", help="of the client only")
    parser.add_argument("-o", "--output", choices=("json",), default="", metavar="FORMAT", help="json")


def options(arguments: argparse.Namespace) -> VersionOptions:
    """As typed."""
    return VersionOptions(arguments.client, arguments.output == "json")


def client_version() -> str:
    """Version of this package."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("phoenix-reconciler")
    except PackageNotFoundError:
        return "0"


def run(session: Session, options: VersionOptions) -> int:
    """Print. A server that does not answer is said, and no error."""
    client = client_version()
    server, trouble = ("", "") if options.client_only else _server(session)
    if options.as_json:
        session.line(json.dumps({"client": client, "python": platform.python_version(), "server": server or None}))
        return ExitCode.OK
    session.line(f"client: phoenixctl {client} (Python {platform.python_version()})")
    if server:
        session.line(f"server: {server}")
    elif trouble:
        session.note(f"server: {trouble}")
    return ExitCode.OK


def _server(session: Session) -> tuple[str, str]:
    """Version of the server, or why it is not known."""
    address, tls = _address(session)
    if not address:
        return "", "none here: start one with `phoenixctl up`"
    from urllib.request import urlopen

    try:
        with urlopen(f"{address}/version", timeout=_TIMEOUT_S, context=tls) as answer:
            # NB: kubectl wants a Kubernetes version there; ours is its build part: v1.32.0+phoenix.0.1.0.
            said = str(json.load(answer)["gitVersion"])
            return f"{said.partition('+phoenix.')[2] or said} at {address}", ""
    except (OSError, ValueError, KeyError) as error:
        return "", f"{address} gave no answer: {error}"


def _address(session: Session) -> tuple[str, ssl.SSLContext | None]:
    """Where to ask, straight from endpoint.json where that is used."""
    if session.options.kubeconfig is None and session.state is not None:
        try:
            wire = json.loads((session.state / "endpoint.json").read_text())
            server, ca = str(wire["server"]), session.state / Path(wire["caFile"])
        except (OSError, ValueError, KeyError):
            return "", None
        if not server.startswith("https"):
            return server, None
        import ssl

        return server, ssl.create_default_context(cafile=str(ca))
    from phoenix.cli.errors import CliError
    from phoenix.client.errors import ConfigError

    try:
        return session.config.server, session.config.ssl_context()
    except (CliError, ConfigError):
        return "", None
