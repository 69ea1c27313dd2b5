"""How an agent finds the server it is told of: endpoint.json of its own state folder, which its workloads read too."""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from phoenix.agent.errors import AgentError
from phoenix.agent.records import write_durable

ENDPOINT = "endpoint.json"


@dataclass(frozen=True, slots=True)
class Joining:
    """What the agent is told of the server; an empty one: what its state folder remembers.

    Args:
        server: `https://HOST:PORT`.
        ca_file: authority the server's certificate is checked with.
        token_file: holds the bearer token; read again when the server refuses it.
    """

    server: str = ""
    ca_file: Path | None = None
    token_file: Path | None = None


def remember(state: Path, joining: Joining) -> Path:
    """Write endpoint.json from what is told, over what was remembered; its path.

    Files are named where they are, not copied: who renews a token renews it there.

    Raises:
        AgentError: it is told too little, or a file cannot be read.
    """
    path = state / ENDPOINT
    if joining == Joining():
        if path.exists():
            return path
        msg = f"{path} does not exist: say which server this host joins, with --server, --ca-file and --token-file"
        raise AgentError(msg)
    known = _known(path)
    server = joining.server.rstrip("/") or known.get("server", "")
    _check_server(server)
    files: dict[str, str] = {}
    for key, flag, given in (
        ("caFile", "--ca-file", joining.ca_file),
        ("tokenFile", "--token-file", joining.token_file),
    ):
        found = str(given.resolve()) if given else known.get(key, "")
        if not found:
            msg = f"{flag} is needed to join {server}: copy it from the state folder of the server"
            raise AgentError(msg)
        _check_readable(Path(found), flag)
        files[key] = found
    try:
        state.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_durable(path, json.dumps({"server": server, **files}, indent=1).encode())
    except OSError as error:
        msg = f"cannot write {path}: {error.strerror}; make the folder yours, or give another with --state"
        raise AgentError(msg) from error
    return path


def _known(path: Path) -> dict[str, str]:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return {key: str(value) for key, value in found.items()} if isinstance(found, dict) else {}


def _check_server(server: str) -> None:
    try:
        parts = urlsplit(server)
        sound = parts.scheme in ("https", "http") and bool(parts.hostname) and (parts.port or 0) >= 0
    except ValueError:
        sound = False
    if not sound:
        msg = f"--server {server!r} is no address: write https://HOST:PORT, as `phoenixctl serve` says it"
        raise AgentError(msg)


def _check_readable(path: Path, flag: str) -> None:
    try:
        with path.open("rb") as file:
            empty = not file.read(1)
    except OSError as error:
        msg = f"{flag} {path} cannot be read: {error.strerror}"
        raise AgentError(msg) from error
    if empty:
        msg = f"{flag} {path} is empty"
        raise AgentError(msg)


def own_address(server: str) -> str:
    """The address of this machine that the server is reached from; 127.0.0.1 where it is on this machine or unknown.

    Nothing is sent: connecting a datagram socket only asks the kernel for a route.
    """
    parts = urlsplit(server)
    try:
        found = socket.getaddrinfo(parts.hostname, parts.port or 443, type=socket.SOCK_DGRAM)
        family, kind, protocol, _, address = found[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.connect(address)
            return str(probe.getsockname()[0])
    except OSError:
        return "127.0.0.1"
